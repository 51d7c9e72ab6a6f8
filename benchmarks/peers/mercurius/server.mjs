// The feed by Fastify and Mercurius with its JIT, over node-postgres: written as their documentation has one write it.
//
// It verifies the token of each request and reads session with user, trial, the newest list and its items by four
// prepared statements. PORT, DATABASE_URL, PUBLIC_URL (the issuer) and PEER_KEY (a public JWK) say the rest.
import { createPublicKey } from 'node:crypto'
import Fastify from 'fastify'
import jwt from '@fastify/jwt'
import mercurius from 'mercurius'
import pg from 'pg'

const { PORT, DATABASE_URL, PUBLIC_URL, PEER_KEY } = process.env
const DAY = 24 * 60 * 60 * 1000
const IDLE = 14 * DAY
const ENDING = 3 * DAY

const schema = `
  enum TrialStatus { ACTIVE ENDING EXPIRED }
  type Trial { status: TrialStatus! secondsLeft: Int! }
  type Item { id: ID! title: String! summary: String! category: String! tags: [String!]! }
  type RecommendationEdge { score: Float! reason: String! node: Item! }
  type RecommendationConnection { edges: [RecommendationEdge!]! }
  type User { trial: Trial recommendations(first: Int = 20): RecommendationConnection! }
  type Query { me: User }
`

const SESSION = {
  name: 'session',
  text: `SELECT u.id, u.suspended_at, s.revoked_at, s.expires_at, s.rotated_at FROM sessions s
         JOIN users u ON u.id = s.user_id WHERE s.key = $1 AND s.user_id = $2`
}
const TRIAL = { name: 'trial', text: 'SELECT ends_at FROM trials WHERE user_id = $1' }
const SLATE = {
  name: 'slate',
  text: 'SELECT items, grounds FROM recommendation_slates WHERE user_id = $1 ORDER BY expires_at DESC LIMIT 1'
}
const ITEMS = {
  name: 'items',
  text: 'SELECT id, title, summary, category, tags FROM items WHERE id = ANY($1::int[])'
}

const pool = new pg.Pool({ connectionString: DATABASE_URL, max: 10 })

async function rows (statement, values) {
  return (await pool.query({ ...statement, values })).rows
}

async function viewer (claims) {
  const [found] = await rows(SESSION, [claims.sid, Number(claims.sub)])
  const now = Date.now()
  const stands = found && !found.suspended_at && !found.revoked_at &&
    now < found.expires_at && now < found.rotated_at.getTime() + IDLE
  return stands ? { id: found.id } : null
}

const sentences = {
  INTEREST: (topic) => `Because you are interested in ${topic}`,
  POPULAR: () => 'Popular of late',
  NEW: (_, category) => `New in ${category.replaceAll('-', ' ')}`,
  START: (_, category) => `A start in ${category.replaceAll('-', ' ')}`
}

const resolvers = {
  Query: {
    me (_, args, { user }) {
      if (!user) throw new mercurius.ErrorWithProps('Not signed in', { code: 'UNAUTHENTICATED' }, 200)
      return user
    }
  },
  User: {
    async trial ({ id }) {
      const [found] = await rows(TRIAL, [id])
      if (!found) return null
      const left = found.ends_at - Date.now()
      const status = left <= 0 ? 'EXPIRED' : left <= ENDING ? 'ENDING' : 'ACTIVE'
      return { status, secondsLeft: Math.max(0, Math.ceil(left / 1000)) }
    },
    async recommendations ({ id }, { first }) {
      const [slate] = await rows(SLATE, [id])
      if (!slate) return { edges: [] }
      const listed = slate.items.slice(0, first)
      const found = new Map()
      for (const row of await rows(ITEMS, [listed.map(([item]) => item)])) found.set(row.id, row)
      const edges = listed.map(([item, score, ground]) => {
        const row = found.get(item)
        const node = { ...row, id: Buffer.from(`Item:${item}`).toString('base64url') }
        const [kind, topic] = slate.grounds[ground]
        return { score, reason: sentences[kind](topic, row.category), node }
      })
      return { edges }
    }
  }
}

const app = Fastify()
app.register(jwt, {
  secret: { public: createPublicKey({ key: JSON.parse(PEER_KEY), format: 'jwk' }).export({ type: 'spki', format: 'pem' }) },
  verify: { algorithms: ['EdDSA'], allowedIss: PUBLIC_URL, allowedAud: 'porchlight' }
})
app.register(mercurius, {
  schema,
  resolvers,
  jit: 1,
  async context (request) {
    const claims = await request.jwtVerify().catch(() => null)
    return { user: claims && await viewer(claims) }
  }
})
app.get('/readyz', async () => 'ok')
process.on('SIGTERM', async () => {
  await app.close()
  await pool.end()
  process.exit(0)
})
await app.listen({ port: Number(PORT), host: '127.0.0.1' })
