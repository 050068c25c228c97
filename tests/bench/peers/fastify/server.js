// Fastify with better-sqlite3, as people write it: `node server.js PORT DATABASE`. A schema, prepared statements,
// one transaction for each request; WAL, and every commit on the disk before its answer leaves.
const { createHash, randomBytes } = require('node:crypto')
const Database = require('better-sqlite3')
const fastify = require('fastify')

const [port, database] = process.argv.slice(2)
const digest = (text) => createHash('sha256').update(text).digest('hex')
const keys = new Map([[digest(process.env.BENCH_KEY), 'the workspace']])

const db = new Database(database, { timeout: 60000 })
db.pragma('journal_mode = WAL')
db.pragma('synchronous = FULL')
db.exec(`
  CREATE TABLE tickets (
    id INTEGER PRIMARY KEY, public_id TEXT NOT NULL UNIQUE, idempotency_key TEXT UNIQUE, category TEXT NOT NULL,
    priority TEXT NOT NULL, status TEXT NOT NULL, reporter_id TEXT NOT NULL, reporter_name TEXT, subject TEXT,
    body TEXT, reported_id TEXT, reported_name TEXT, raw TEXT NOT NULL, created_at INTEGER NOT NULL
  );
  CREATE INDEX tickets_by_reporter ON tickets (reporter_id);
  CREATE INDEX tickets_by_time ON tickets (created_at);
  CREATE TABLE outbox (
    id INTEGER PRIMARY KEY, ticket_id INTEGER NOT NULL REFERENCES tickets (id), state TEXT NOT NULL
  );
  CREATE INDEX outbox_by_state ON outbox (state);
`)
const addTicket = db.prepare(`
  INSERT INTO tickets (public_id, idempotency_key, category, priority, status, reporter_id, reporter_name, subject,
                       body, reported_id, reported_name, raw, created_at)
  VALUES (@publicId, @key, @type, @priority, 'open', @creatorUuid, @creatorName, @subject, @description,
          @reportedPlayerUuid, @reportedPlayerName, @raw, @now)
`)
const addToOutbox = db.prepare("INSERT INTO outbox (ticket_id, state) VALUES (?, 'pending')")
const keep = db.transaction((ticket) => addToOutbox.run(addTicket.run(ticket).lastInsertRowid))

const uuid = { type: 'string', format: 'uuid' }
const text = (maxLength) => ({ type: 'string', maxLength })
const body = {
  type: 'object',
  required: ['creatorUuid', 'type'],
  properties: {
    creatorUuid: uuid,
    creatorName: text(64),
    type: { enum: ['player', 'chat', 'staff', 'bug', 'support', 'appeal'] },
    subject: text(256),
    description: text(10000),
    reportedPlayerUuid: uuid,
    reportedPlayerName: text(64),
    chatMessages: { type: 'array', items: text(10000) },
    tags: { type: 'array', items: text(64) },
    priority: { enum: ['low', 'normal', 'high'], default: 'normal' },
  },
}
const optional = { creatorName: null, subject: null, description: null, reportedPlayerUuid: null, reportedPlayerName: null }

const app = fastify()
app.post('/v1/minecraft/tickets', { schema: { body } }, async (request, reply) => {
  if (!keys.has(digest(request.headers['x-api-key'] ?? ''))) {
    return reply.code(401).send({ success: false, error: 'unknown key' })
  }
  const publicId = `PLAYER-${randomBytes(8).toString('hex')}`
  keep({
    ...optional,
    ...request.body,
    publicId,
    key: request.headers['idempotency-key'] ?? null,
    raw: JSON.stringify(request.body),
    now: Date.now(),
  })
  return { success: true, ticketId: publicId }
})
app.listen({ host: '127.0.0.1', port: Number(port) })
