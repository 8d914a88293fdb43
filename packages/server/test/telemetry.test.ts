/**
 * Figures, spans and health: who may read them, what is in them, and what never is.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { systemRandom } from '@famichat/base'
import { manualClock } from '@famichat/base/testing'
import { type ConversationId, ConversationKind, makeId } from '@famichat/protocol'
import { allowed, type MetricName, METRICS } from '../dist/telemetry/catalogue.js'
import { Collector } from '../dist/telemetry/collector.js'
import { DailyHash } from '../dist/telemetry/daily-hash.js'
import { Telemetry } from '../dist/telemetry/telemetry.js'
import { TestChannel } from './support/test-channel.js'
import { firstDevice, invitedDevice } from './support/test-device.js'
import { startTestServer, temporaryFolder } from './support/test-server.js'
import { startServer } from '@famichat/server'

interface Points {
  readonly dataPoints: readonly unknown[]
}

const TOKEN = 'a token of more than twenty characters'.replaceAll(' ', '-')

test('figures are for this machine, behind a proxy for whoever has the token, and for others the page is not there', async (t) => {
  const status = async (url: string, headers: Record<string, string> = {}): Promise<number> => (await fetch(`${url}/metrics`, { headers })).status
  const local = (await startTestServer(t)).running
  assert.equal(await status(local.url), 200)
  assert.equal(await status(local.url, { 'x-forwarded-for': '192.0.2.1' }), 404)
  const proxied = (await startTestServer(t, { publicUrl: 'https://chat.example' })).running
  assert.equal(await status(`http://127.0.0.1:${proxied.port.toString()}`), 404)
  const guarded = (await startTestServer(t, { metricsToken: TOKEN })).running
  assert.equal(await status(guarded.url), 404)
  assert.equal(await status(guarded.url, { authorization: `Bearer ${TOKEN.slice(0, -1)}x` }), 404)
  assert.equal(await status(guarded.url, { authorization: `Bearer ${TOKEN}` }), 200)
  await assert.rejects(startServer({ dataDir: temporaryFolder(t), port: 0, metricsToken: 'short' }), { code: 'server.metrics.weak_token' })
  for (const otlpEndpoint of ['collector', 'ftp://127.0.0.1', 'http://user:password@127.0.0.1:4318']) {
    await assert.rejects(startServer({ dataDir: temporaryFolder(t), port: 0, otlpEndpoint }), { code: 'server.otlp.malformed' })
  }
})

test('figures count what happens', async (t) => {
  const ana = await firstDevice(await startTestServer(t))
  const ben = await invitedDevice(ana, 'Ben')
  const conversationId = makeId<ConversationId>(systemRandom)
  await ana.call('conversationCreate', { conversationId, kind: ConversationKind.group })
  const { channel } = await TestChannel.resume(ana)
  for (let i = 0; i < 3; i++) await channel.say(conversationId, 'one')
  const { channel: bens } = await TestChannel.resume(ben)
  await bens.say(conversationId, 'not for him')
  const text = await (await fetch(`${ana.server.running.url}/metrics`)).text()
  for (const line of [
    'famichat_messages_total{outcome="accepted"} 3', 'famichat_messages_total{outcome="protocol.access.refused"} 1', 'famichat_channels 2',
    'famichat_channel_strangers 0', 'famichat_deliveries_total 3', 'famichat_http_requests_total{route="/api/v1/conversations/create",method="POST",status="200"} 1',
  ]) assert.ok(text.includes(`${line}\n`), `${line}\n${text}`)
  assert.match(text, /famichat_write_transaction_seconds_count\{outcome="written"\} \d+/)
  assert.equal(text.includes(ana.deviceId) || text.includes(conversationId), false)
})

test('a field that is not in the catalogue is dropped, and a text that is no word is not told', () => {
  assert.deepEqual(allowed(['route', 'status'], { route: '/api/v1/conversations/create', status: 200, code: 'protocol.auth.refused', jobs: 4 }), { route: '/api/v1/conversations/create', status: 200 })
  assert.deepEqual(allowed(['code'], { code: 'protocol.key_package.too_many' }), { code: 'protocol.key_package.too_many' })
  for (const secret of ['Dinner at seven?', makeId<ConversationId>(systemRandom), Buffer.from(systemRandom(32)).toString('base64url'), Buffer.from(systemRandom(16)).toString('hex'), 'a@b.example', 'x'.repeat(65), '']) {
    assert.deepEqual(allowed(['route'], { route: secret }), { route: 'other' }, secret)
  }
})

test('an id is told as a hash that is another one the next day, and another one in each process', () => {
  const clock = manualClock(1_800_000_000_000)
  const hash = new DailyHash(clock, systemRandom)
  const today = hash.of('device')
  assert.match(today, /^[0-9a-f]{16}$/)
  assert.equal(hash.of('device'), today)
  assert.notEqual(hash.of('other'), today)
  assert.notEqual(new DailyHash(clock, systemRandom).of('device'), today)
  clock.advance(24 * 3600 * 1000)
  assert.notEqual(hash.of('device'), today)
})

test('spans go to the operator\'s collector, filtered, and nowhere without one', async (t) => {
  const bodies: string[] = []
  const collector = createServer((request, response) => {
    let body = ''
    request.on('data', (data: Buffer) => { body += data.toString() }).on('end', () => {
      bodies.push(`${request.url ?? ''} ${body}`)
      response.end('{}')
    })
  }).listen(0, '127.0.0.1')
  await once(collector, 'listening')
  t.after(() => { collector.close() })
  const address = collector.address()
  const port = typeof address === 'object' ? address?.port ?? 0 : 0
  const server = await startTestServer(t, { otlpEndpoint: `http://127.0.0.1:${port.toString()}` })
  const ana = await firstDevice(server)
  const conversationId = makeId<ConversationId>(systemRandom)
  await ana.call('conversationCreate', { conversationId, kind: ConversationKind.group })
  const { channel } = await TestChannel.resume(ana)
  await channel.say(conversationId, 'canary sentence')
  // closing sends what waits
  await server.running.close()
  const sent = bodies.join('\n')
  assert.ok(bodies.every((body) => /^\/v1\/(traces|metrics) /.test(body)))
  for (const name of ['http.request', 'message.accept', 'write.transaction', 'service.name']) assert.ok(sent.includes(`"${name}"`), name)
  assert.match(sent, /"key":"device","value":\{"stringValue":"[0-9a-f]{16}"\}/)
  for (const secret of [ana.deviceId, conversationId, 'canary', 'Ana', Buffer.from(ana.token).toString('base64url')]) assert.equal(sent.includes(secret), false, secret)
})

test('metrics are pushed to the collector as /metrics shows them, and nothing that the catalogue does not name', async (t) => {
  const bodies: string[] = []
  const collector = createServer((request, response) => {
    let body = ''
    request.on('data', (data: Buffer) => { body += data.toString() }).on('end', () => {
      if (request.url === '/v1/metrics') bodies.push(body)
      response.end('{}')
    })
  }).listen(0, '127.0.0.1')
  await once(collector, 'listening')
  t.after(() => { collector.close() })
  const address = collector.address()
  const clock = manualClock(1_800_000_000_000)
  const telemetry = new Telemetry({ clock, random: systemRandom, collector: new Collector(`http://127.0.0.1:${(typeof address === 'object' ? address?.port ?? 0 : 0).toString()}/`) })
  telemetry.count('famichat_messages_total', { outcome: 'accepted', device: 'not a field of this one' }, 3)
  telemetry.count('famichat_messages_total', { outcome: 'Dinner at seven?' })
  telemetry.observe('famichat_channels', 7)
  for (const seconds of [0.002, 0.002, 0.3, 60]) telemetry.observe('famichat_http_request_seconds', seconds, { route: '/api/v1/server' })
  clock.advance(5000)
  await telemetry.close()
  assert.equal(bodies.length, 1)
  const sent = JSON.parse(bodies[0] ?? '') as { resourceMetrics: { scopeMetrics: { metrics: { name: string; sum?: Points; gauge?: Points; histogram?: Points }[] }[] }[] }
  const metrics = sent.resourceMetrics[0]?.scopeMetrics[0]?.metrics ?? []
  assert.deepEqual(metrics.map(({ name }) => name), Object.keys(METRICS))
  const named = (name: MetricName) => metrics.find((metric) => metric.name === name)
  const times = { startTimeUnixNano: '1800000000000000000', timeUnixNano: '1800000005000000000' }
  const text = (key: string, stringValue: string) => ({ key, value: { stringValue } })
  assert.deepEqual(named('famichat_messages_total')?.sum, {
    aggregationTemporality: 2, isMonotonic: true,
    dataPoints: [{ attributes: [text('outcome', 'accepted')], ...times, asDouble: 3 }, { attributes: [text('outcome', 'other')], ...times, asDouble: 1 }],
  })
  assert.deepEqual(named('famichat_channels')?.gauge?.dataPoints, [{ attributes: [], ...times, asDouble: 7 }])
  assert.deepEqual(named('famichat_http_request_seconds')?.histogram?.dataPoints, [{
    attributes: [text('route', '/api/v1/server')], ...times, count: '4', sum: 60.304,
    bucketCounts: ['0', '2', '0', '0', '0', '0', '0', '0', '1', '0', '0', '0', '1'], explicitBounds: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
  }])
})

test('a collector that does not answer costs the server its spans and nothing else', async (t) => {
  const server = await startTestServer(t, { otlpEndpoint: 'http://127.0.0.1:9' })
  const ana = await firstDevice(server)
  assert.equal((await ana.call('conversationList', {})).conversations.length, 0)
  await server.running.close()
})

test('the process is up and ready while it can store', async (t) => {
  const { url } = (await startTestServer(t)).running
  assert.deepEqual([(await fetch(`${url}/healthz`)).status, await (await fetch(`${url}/readyz`)).text()], [200, 'ready\n'])
})
