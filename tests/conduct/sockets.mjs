// graphql-ws drives the server: what its client sees of operations, ends and refusals.
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { ask, answers, bearer, codes, counts, COUNTDOWN, LOGOUT, report, seconds, tokens, TYPENAME, url } from './world.mjs';

const [ada, grace, leaving] = tokens;
const address = `${url.replace('http', 'ws')}/graphql`;
const events = [];

function client(token, more = {}) {
  return createClient({
    url: address,
    webSocketImpl: WebSocket,
    retryAttempts: 0,
    connectionParams: async () => (token ? bearer(token) : {}),
    ...more,
  });
}

const closed = ({ code, reason }) => ({ code, reason });
const shared = client(ada, { on: { opened: () => events.push('opened') } });
const anonymous = client();

await report({
  async 'a query has one answer and an end'() {
    return answers(anonymous, TYPENAME);
  },
  async 'a mutation has one answer and an end'() {
    const { next, complete } = await answers(shared, 'mutation { updateProfile(name: "Ada") { __typename } }');
    return { kinds: next.map((answer) => answer.data.updateProfile.__typename), complete };
  },
  async 'a subscription is followed until the client leaves'() {
    const found = await answers(shared, COUNTDOWN, 3);
    return { counts: counts(seconds(found)), number: found.next.length, complete: found.complete };
  },
  async 'many operations share one socket, and a bad one harms none'() {
    const before = events.length;
    const following = Array.from({ length: 5 }, () => answers(shared, COUNTDOWN, 5));
    const bad = await Promise.all(['{', '{ nope }', 'query($id: ID!) { node(id: $id) { id } }'].map((query) => answers(shared, query)));
    const good = await Promise.all(following);
    return {
      bad: bad.map(({ error }) => codes(error)),
      good: good.map((found) => found.next.length),
      sockets: events.length - before,
    };
  },
  async 'who is not signed in is told in the operation'() {
    const { error } = await answers(anonymous, COUNTDOWN);
    return codes(error);
  },
  async 'iterating ends when the client returns'() {
    const iterator = shared.iterate({ query: COUNTDOWN });
    const { value } = await iterator.next();
    await iterator.return();
    return { first: typeof value.data.trialCountdown.secondsLeft, after: await iterator.next() };
  },
  async 'a token that is none closes the socket'() {
    const { error } = await answers(client('none'), TYPENAME);
    return closed(error);
  },
  async 'pings of the client are answered'() {
    const heard = new Promise((resolve) => {
      const pinging = client(grace, { lazy: false, keepAlive: 20, on: { pong: (received) => resolve({ received }) } });
      pinging.on('pong', () => pinging.dispose());
    });
    return heard;
  },
  async 'the end of the session closes the socket for good'() {
    let connections = 0;
    const ended = client(leaving, { retryAttempts: 5, on: { connecting: () => (connections += 1) } });
    const following = answers(ended, COUNTDOWN);
    const other = answers(shared, COUNTDOWN, 20);
    await new Promise((resolve) => ended.on('connected', resolve));
    await ask(LOGOUT, leaving);
    const { error } = await following;
    return { ...closed(error), connections, others: (await other).next.length };
  },
  async 'a connection that is cut is made anew'() {
    const opened = [];
    const again = client(ada, {
      retryAttempts: 1,
      retryWait: async () => {},
      on: { opened: (socket) => opened.push(socket) },
    });
    const following = answers(again, COUNTDOWN, 6);
    await new Promise((resolve) => again.on('connected', resolve));
    opened[0].terminate();
    const found = await following;
    return { connections: opened.length, number: found.next.length, complete: found.complete };
  },
  async 'the legacy subprotocol is refused'() {
    const socket = new WebSocket(address, 'graphql-ws');
    return new Promise((resolve) => socket.on('error', ({ message }) => resolve(message)));
  },
});
