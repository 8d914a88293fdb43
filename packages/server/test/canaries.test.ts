/**
 * Ten thousand marked values are put wherever a caller can put something, and looked for in everything the server writes or
 * answers, raw and encoded (S33): database, WAL, logs, figures, spans, backups, refusals.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { isCodedError, systemRandom } from '@famichat/base'
import { createBackup, restoreBackup } from '@famichat/server'
import {
  type ConversationId, ConversationKind, InvitePlace, makeId, PROOF_HEADER, type RouteName, ROUTES, ServerFrameType,
} from '@famichat/protocol'
import Sqlite from 'better-sqlite3-multiple-ciphers'
import { Canaries, canaryForms } from './support/canaries.js'
import { privateMessageBytes } from './support/mls-bytes.js'
import { TestChannel } from './support/test-channel.js'
import { firstDevice, invitedDevice, TestDevice } from './support/test-device.js'
import { startTestServer, temporaryFolder, type TestServer } from './support/test-server.js'

const COUNT = 10_000
const canaries = new Canaries()
const canary = (): string => canaries.next()
const percent = (): string => encodeURIComponent(canary())
/** The same kind of text in every encoding in which one could be passed on as it came. */
const encoded = (): string => [
  canary(), percent(), Buffer.from(canary()).toString('base64url'), Buffer.from(canary()).toString('base64'), Buffer.from(canary()).toString('hex'),
  JSON.stringify(canary()),
].join('.')

/** Everything of a collector's, as it came. */
const startCollector = async (t: TestContext): Promise<{ readonly endpoint: string; readonly bodies: Map<string, string> }> => {
  const bodies = new Map<string, string>()
  const collector = createServer((request, response) => {
    const url = request.url ?? ''
    request.on('data', (data: Buffer) => { bodies.set(url, (bodies.get(url) ?? '') + data.toString()) }).on('end', () => { response.end('{}') })
  }).listen(0, '127.0.0.1')
  await once(collector, 'listening')
  t.after(() => { collector.close() })
  const address = collector.address()
  return { endpoint: `http://127.0.0.1:${(typeof address === 'object' ? address?.port ?? 0 : 0).toString()}`, bodies }
}

/** Knocks at a route, with canaries in all that a request has. */
const knock = async (url: string, at: number): Promise<string> => {
  const routes = Object.keys(ROUTES) as RouteName[]
  const { path, method } = ROUTES[routes[at % routes.length] ?? 'serverInfo']
  const response = await fetch(`${url}${at % 3 === 0 ? `/${percent()}` : path}?${percent()}=${percent()}`, {
    method,
    headers: {
      authorization: `${['Bearer', 'Invite', 'Basic'][at % 3] ?? ''} ${encoded()}`, [PROOF_HEADER]: encoded(), 'user-agent': canary(), 'x-forwarded-for': canary(),
      cookie: `${canary()}=${canary()}`, 'content-type': at % 5 === 0 ? `text/${canary()}` : 'application/octet-stream', 'x-request-id': canary(), traceparent: canary(),
      origin: at % 7 === 0 ? canary() : url,
    },
    ...(method === 'POST' ? { body: Array.from({ length: 4 }, encoded).join() } : {}),
  })
  return JSON.stringify([...response.headers]) + await response.text()
}

/** A socket that says canaries instead of frames. Returns all that it was answered. */
const babble = async (server: TestServer, at: number): Promise<readonly Buffer[]> => {
  const channel = new TestChannel(server)
  const answers: Buffer[] = []
  channel.socket.on('message', (data) => { if (Buffer.isBuffer(data)) answers.push(data) })
  channel.socket.on('close', (_code, reason) => { answers.push(reason) })
  await channel.nextFrame()
  channel.socket.send(at % 2 === 0 ? Array.from({ length: 10 }, encoded).join() : Buffer.from(Array.from({ length: 10 }, encoded).join()))
  await channel.closed
  return answers
}

/** Names of people and families, and addresses to ring: the personal columns, in requests that are good. */
const settle = async (ana: TestDevice): Promise<void> => {
  for (let i = 0; i < 20; i++) {
    const family = new TestDevice(ana.server)
    await family.join(await ana.invite({ place: InvitePlace.newFamily }), canary(), 1, canary())
    await family.signIn()
    await family.call('pushSubscribe', { endpoint: `https://fcm.googleapis.com/fcm/send/${percent()}` })
    await invitedDevice(ana, canary(), 1)
  }
}

/** Messages that are taken, and requests that are good but for one thing, which are refused. Returns the refusals. */
const converse = async (ana: TestDevice): Promise<readonly string[]> => {
  const conversationId = makeId<ConversationId>(systemRandom)
  await ana.call('conversationCreate', { conversationId, kind: ConversationKind.group })
  const { channel } = await TestChannel.resume(ana)
  const refusals: string[] = []
  for (let i = 0; i < 40; i++) {
    const text = Array.from({ length: 10 }, canary).join()
    // the test's messages are not encrypted: what stands in for ciphertext must still be in no log, figure or refusal
    await channel.say(conversationId, text)
    const stranger = makeId<ConversationId>(systemRandom)
    const message = privateMessageBytes({ conversationId: i % 2 === 0 ? stranger : conversationId, epoch: 9n, text })
    const refused = await channel.say(conversationId, '', { message, epoch: 9n })
    refusals.push(refused.type === ServerFrameType.refused ? refused.code : 'not refused')
    await ana.call('pushSubscribe', { endpoint: `https://${canary()}/${canary()}` }).then(() => { refusals.push('not refused') }, (error: unknown) => {
      refusals.push(isCodedError(error) ? `${error.code} ${error.message} ${JSON.stringify(error)}` : String(error))
    })
  }
  channel.close()
  return refusals
}

/** All values of all tables as the database's key shows them; without the messages, which in this test are no ciphertext. */
const valuesOf = (dataDir: string): Buffer => {
  const database = new Sqlite(join(dataDir, 'famichat.db'), { readonly: true })
  database.pragma("cipher = 'chacha20'")
  database.pragma(`key = "x'${readFileSync(join(dataDir, 'database.key'), 'utf8').trim()}'"`)
  const tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").pluck().all() as string[]
  const values = tables.flatMap((table) => (database.prepare(`SELECT * FROM "${table}"`).all() as Record<string, unknown>[]).flatMap((row) =>
    Object.entries(row).filter(([column]) => !(table === 'envelopes' && column === 'message')).map(([, value]) => value)))
  database.close()
  assert.ok(values.length > 1000, `${values.length.toString()} values in ${dataDir}`)
  return Buffer.concat(values.map((value) => Buffer.concat([Buffer.isBuffer(value) ? value : Buffer.from(String(value)), Buffer.from('\n')])))
}

const filesOf = (folder: string, when: string): (readonly [string, Buffer])[] =>
  readdirSync(folder).map((name) => [`${name} ${when}`, readFileSync(join(folder, name))] as const)

test('S33 ten thousand marked values in paths, headers, bodies, frames, names and messages are in no file, backup, log, figure, span or answer', async (t) => {
  const collector = await startCollector(t)
  const free = { burst: 1e9, perSecond: 1e9 }
  const server = await startTestServer(t, { otlpEndpoint: collector.endpoint, rateLimits: { address: free, device: free, send: free, frame: free, claim: free } })
  const { dataDir } = server
  const ana = await firstDevice(server)
  const { url } = server.running
  const answers: (string | Buffer)[] = []
  await settle(ana)
  answers.push(...await converse(ana))
  for (let i = 0; i < 20; i++) answers.push(...await babble(server, i))
  for (let at = 0; canaries.count < COUNT; at += 10) answers.push(...await Promise.all(Array.from({ length: 10 }, (_, i) => knock(url, at + i))))
  const figures = await (await fetch(`${url}/metrics`)).text()
  const folder = temporaryFolder(t)
  const backup = { backupKey: { given: undefined, file: join(dataDir, 'backup.key') }, clock: server.clock, random: systemRandom, onProgress: () => undefined }
  createBackup({ ...backup, dataDir, keys: {}, to: join(folder, 'one.backup') })
  const restored = join(folder, 'restored')
  await restoreBackup({ ...backup, from: join(folder, 'one.backup'), dataDir: restored, keys: {} })
  const running = filesOf(dataDir, 'while it runs')
  await server.running.close()
  const haystacks = new Map<string, Buffer>([
    ...running, ...filesOf(dataDir, 'afterwards'), ...filesOf(restored, 'restored'), ['the backup', readFileSync(join(folder, 'one.backup'))],
    ['values of the database', valuesOf(dataDir)], ['values of the restored database', valuesOf(restored)],
    ['log', Buffer.from(server.logged())], ['figures', Buffer.from(figures)], ['answers', Buffer.concat(answers.map((answer) => Buffer.from(answer)))],
    ...[...collector.bodies].map(([path, body]) => [`pushed to ${path}`, Buffer.from(body)] as const),
  ])
  for (const name of ['famichat.db while it runs', 'famichat.db-wal while it runs', 'pushed to /v1/traces', 'pushed to /v1/metrics', 'log', 'figures', 'answers', 'the backup']) {
    assert.ok((haystacks.get(name)?.length ?? 0) > 100, `${name} is empty: ${[...haystacks.keys()].join()}`)
  }
  assert.ok(canaries.count >= COUNT)
  assert.ok(!answers.includes('not refused'))
  const found = [...haystacks].flatMap(([name, haystack]) => canaryForms(haystack).map((form) => `${name}: ${form}`))
  assert.deepEqual(found, [])
})

test('the search finds a marked value in every encoding, wherever it begins', () => {
  const text = canary()
  const forms: readonly (readonly [string, string | Buffer])[] = [
    ['raw', text], ['hex', Buffer.from(text).toString('hex')], ['percent', encodeURIComponent(text)], ['percent', new URLSearchParams({ text }).toString()],
    ['json', JSON.stringify({ text })], ['json', JSON.stringify({ inside: JSON.stringify({ text }) })], ['utf16', Buffer.from(text, 'utf16le')],
    ...['', 'x', 'xx'].flatMap((before) => [['base64', Buffer.from(before + text).toString('base64')], ['base64url', Buffer.from(before + text).toString('base64url')]] as const),
  ]
  for (const [name, form] of forms) assert.ok(canaryForms(Buffer.from(form)).includes(name), `${name}: ${form.toString()}`)
  assert.deepEqual(canaryForms(Buffer.from('a canary of another test, "quoted" and <marked>')), [])
})
