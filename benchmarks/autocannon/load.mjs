// Sends what the plan (a JSON file, the first argument) says, and prints each answer:
// { seconds, cpu, lost, answers: [[connection, shot, milliseconds, ok], ...] }.
//
// Without `rate`, each connection asks again as soon as it is answered, until `seconds` have passed or, where there is
// an `amount`, until so many have been sent. With `rate`, there are as many connections as requests a second; each sends
// one a second, `seconds` in all, and they begin evenly spread over the first second.
// (autocannon's own overall rate would send each second's requests in one burst.)
import { readFileSync } from 'node:fs'
import autocannon from 'autocannon'

const plan = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const connections = new Map()
const answers = []
let taken = 0
let lost = 0
let answered

function setupRequest (request, context) {
  context.shot = taken++ % plan.shots.length
  const { method, path, headers, body } = plan.shots[context.shot]
  return { ...request, method, path, headers, body }
}

function onResponse (status, body, context) {
  const { expected } = plan.shots[context.shot]
  answered = { shot: context.shot, ok: status === 200 && body.includes(expected) }
}

function start (options) {
  const instance = autocannon({
    url: plan.url,
    duration: plan.seconds,
    requests: [{ setupRequest, onResponse }],
    ...options
  })
  // Emitted right after onResponse, in the same turn.
  instance.on('response', (client, status, bytes, milliseconds) => {
    if (!connections.has(client)) connections.set(client, connections.size)
    answers.push([connections.get(client), answered.shot, milliseconds, answered.ok])
  })
  instance.on('reqError', () => { lost++ })
  return instance
}

const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds))

async function steadily () {
  const instances = []
  const begun = performance.now()
  for (let index = 0; index < plan.rate; index++) {
    await wait(begun + index * 1000 / plan.rate - performance.now())
    instances.push(start({ connections: 1, connectionRate: 1, amount: plan.seconds }))
  }
  await Promise.all(instances)
}

const begun = performance.now()
await (plan.rate ? steadily() : start({ connections: plan.connections, ...(plan.amount ? { amount: plan.amount } : {}) }))
const seconds = (performance.now() - begun) / 1000
const { user, system } = process.cpuUsage()
process.stdout.write(JSON.stringify({ seconds, cpu: (user + system) / 1e6 / seconds, lost, answers }))
