/**
 * Malformed, oversize and mistimed bytes: one coded error each, no change, and the server lives.
 */
import assert from 'node:assert/strict'
import { createConnection } from 'node:net'
import { test, type TestContext } from 'node:test'
import { systemRandom } from '@famichat/base'
import { insecureSeededRandom, randomBelow } from '@famichat/base/testing'
import {
  BODY_CONTENT_TYPE, CHANNEL_PATH, ClientFrameType, type ConversationId, ConversationKind, encodeClientFrame, encodeRequest,
  Encryption, formatDeviceAuthorization, LIMITS, makeId, type MessageId, ROUTES, type RouteName, ServerFrameType,
} from '@famichat/protocol'
import { privateMessageBytes } from './support/mls-bytes.js'
import { TestChannel } from './support/test-channel.js'
import { firstDevice, type TestDevice } from './support/test-device.js'
import { startTestServer, type TestServer } from './support/test-server.js'

const post = async (
  server: TestServer, path: string, body: Uint8Array | string, headers: Record<string, string> = {},
): Promise<{ status: number; code: unknown; text: string }> => {
  const response = await fetch(server.running.url + path, { method: 'POST', body: body as Uint8Array<ArrayBuffer> | string, headers: { 'content-type': BODY_CONTENT_TYPE, ...headers } })
  const text = await response.text()
  return { status: response.status, code: response.ok ? undefined : (JSON.parse(text) as { code: unknown }).code, text }
}

const isAlive = async (device: TestDevice): Promise<void> => {
  assert.equal((await device.call('directory', {})).accounts.length, 1)
}

test('bodies that are malformed, of another type or too large get one coded error each', async (t) => {
  const server = await startTestServer(t)
  const ana = await firstDevice(server)
  const { path } = ROUTES.conversationCreate
  const proven = (body: Uint8Array): Promise<{ code: unknown }> => post(server, path, body, ana.headers('conversationCreate', body))
  const good = encodeRequest('conversationCreate', { conversationId: makeId<ConversationId>(systemRandom), kind: ConversationKind.group })
  assert.equal((await proven(good.slice(1))).code, 'protocol.request.malformed')
  assert.equal((await proven(Uint8Array.of(...good, 0))).code, 'protocol.request.malformed')
  assert.equal((await post(server, path, '{}', { ...ana.headers('conversationCreate', new Uint8Array(0)), 'content-type': 'application/json' })).code, 'protocol.request.malformed')
  assert.equal((await proven(new Uint8Array(0))).code, 'protocol.request.malformed')
  assert.equal((await proven(new Uint8Array(5000))).code, 'protocol.request.too_large')
  assert.equal((await post(server, '/api/v1/nothing', good)).code, 'protocol.route.unknown')
  assert.deepEqual((await ana.call('conversationList', {})).conversations, [])
})

test('every device route refuses a missing, unknown or misshapen token with the same answer', async (t) => {
  const server = await startTestServer(t)
  await firstDevice(server)
  for (const name of Object.keys(ROUTES) as RouteName[]) {
    const { method, path, auth } = ROUTES[name]
    if (auth !== 'device') continue
    const answers = new Set<string>()
    for (const authorization of [undefined, 'Bearer x', formatDeviceAuthorization(systemRandom(32)), 'Basic YTpi']) {
      const response = await fetch(server.running.url + path, {
        method, headers: { ...(authorization === undefined ? {} : { authorization }), ...(method === 'POST' ? { 'content-type': BODY_CONTENT_TYPE } : {}) },
        ...(method === 'POST' ? { body: new Uint8Array(8) } : {}),
      })
      answers.add(`${response.status} ${await response.text()}`)
    }
    assert.deepEqual([...answers], ['401 {"code":"protocol.auth.refused","text":"this device is not signed in here"}'], name)
  }
})

test('random bytes on every route never cause a server error', async (t) => {
  const server = await startTestServer(t)
  const ana = await firstDevice(server)
  const random = insecureSeededRandom(11)
  for (const name of Object.keys(ROUTES) as RouteName[]) {
    const { method, path } = ROUTES[name]
    if (method === 'GET') continue
    for (let i = 0; i < 8; i++) {
      const body = random(randomBelow(random, 120))
      const { status } = await post(server, path, body, ana.headers(name, body))
      assert.ok(status < 500, `${path} answered ${status}`)
    }
  }
  await isAlive(ana)
  assert.ok(!server.logged().includes('http.failed'))
})

const closesWith = async (server: TestServer, code: string, act: (channel: TestChannel) => void, device?: TestDevice): Promise<void> => {
  const channel = device === undefined ? new TestChannel(server) : await TestChannel.open(device)
  if (device === undefined) await channel.next(ServerFrameType.challenge)
  act(channel)
  assert.equal((await channel.next(ServerFrameType.closing)).code, code)
  await channel.closed
}

test('S28 frames that are malformed, oversize, textual, out of turn or of an unknown version close the channel with their code', async (t) => {
  const server = await startTestServer(t)
  const ana = await firstDevice(server)
  const ping = encodeClientFrame({ type: ClientFrameType.ping, requestId: 1 })
  await closesWith(server, 'protocol.frame.unexpected', ({ socket }) => { socket.send(ping) })
  await closesWith(server, 'protocol.frame.malformed', ({ socket }) => { socket.send('hello') })
  await closesWith(server, 'protocol.frame.unknown_version', ({ socket }) => { socket.send(Uint8Array.of(9, 6, 0, 0, 0, 1)) })
  await closesWith(server, 'protocol.frame.malformed', ({ socket }) => { socket.send(ping.slice(0, -1)) }, ana)
  await closesWith(server, 'protocol.frame.malformed', ({ socket }) => { socket.send(new Uint8Array(0)) }, ana)
  await closesWith(server, 'protocol.frame.too_large', ({ socket }) => { socket.send(new Uint8Array(LIMITS.frameBytes + 1).fill(1)) }, ana)
  await closesWith(server, 'protocol.frame.unexpected', (channel) => {
    for (let i = 0; i < 2; i++) channel.send({ type: ClientFrameType.resume, cursors: [] })
  }, ana)
  const huge = await TestChannel.open(ana)
  huge.socket.send(new Uint8Array(1024 * 1024))
  assert.equal(await huge.closed, 1009)
  await isAlive(ana)
})

test('a message that is not what its frame says is refused and the channel lives on', async (t) => {
  const ana = await firstDevice(await startTestServer(t))
  const conversationId = makeId<ConversationId>(systemRandom)
  await ana.call('conversationCreate', { conversationId, kind: ConversationKind.group })
  const { channel } = await TestChannel.resume(ana)
  const good = { conversationId, epoch: 0n }
  const bad = [
    Uint8Array.of(1), systemRandom(100), privateMessageBytes({ ...good, epoch: 1n }), privateMessageBytes({ ...good, content: 'commit' }),
    privateMessageBytes({ ...good, conversationId: makeId<ConversationId>(systemRandom) }), privateMessageBytes(good).slice(0, -1),
    Uint8Array.of(...privateMessageBytes(good), 0),
  ]
  for (const message of bad) {
    const answer = await channel.say(conversationId, '', { message })
    assert.ok(answer.type === ServerFrameType.refused && answer.code === 'protocol.message.malformed')
  }
  assert.equal((await channel.say(conversationId, 'good')).type, ServerFrameType.accepted)
  assert.equal((await ana.call('logRead', { conversationId, afterSeq: 0 })).envelopes.length, 1)
})

test('S30 a socket that does not authenticate is closed', async (t) => {
  const server = await startTestServer(t, { channelTimes: { authenticationMs: 50 } })
  const channel = new TestChannel(server)
  assert.equal((await channel.next(ServerFrameType.closing)).code, 'protocol.channel.timed_out')
  assert.equal(await channel.closed, 4408)
})

test('S45 a page of another origin opens no channel, and no token is looked for in the address', async (t) => {
  const server = await startTestServer(t)
  const codes = await Promise.all([
    new TestChannel(server, { origin: 'https://evil.example' }).closed,
    upgradeStatus(server, `${CHANNEL_PATH}?token=x`),
  ])
  assert.deepEqual(codes, [1006, 404])
  const own = new TestChannel(server, { origin: server.running.url })
  await own.next(ServerFrameType.challenge)
  own.close()
})

const upgradeStatus = (server: TestServer, path: string): Promise<number> =>
  new Promise((resolve, reject) => {
    const socket = createConnection(server.running.port, '127.0.0.1', () => {
      socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`)
    })
    socket.on('error', reject)
    socket.on('data', (data) => {
      resolve(Number(/HTTP\/1.1 (\d+)/.exec(data.toString())?.[1]))
      socket.destroy()
    })
  })

test('a device has at most eight channels', async (t) => {
  const ana = await firstDevice(await startTestServer(t))
  for (let i = 0; i < LIMITS.channelsPerDevice; i++) await TestChannel.open(ana)
  const ninth = new TestChannel(ana.server)
  await ninth.authenticate(ana, ana.token)
  assert.equal((await ninth.next(ServerFrameType.closing)).code, 'protocol.channel.too_many')
})

const startLimited = (t: TestContext): Promise<TestServer> =>
  startTestServer(t, { rateLimits: { send: { burst: 3, perSecond: 1 }, device: { burst: 5, perSecond: 1 } } })

test('S49 too many messages or requests are refused until time has passed, and nothing is stored of them', async (t) => {
  const server = await startLimited(t)
  const ana = await firstDevice(server)
  const conversationId = makeId<ConversationId>(systemRandom)
  await ana.call('conversationCreate', { conversationId, kind: ConversationKind.group })
  const { channel } = await TestChannel.resume(ana)
  const outcomes = []
  for (let i = 0; i < 5; i++) outcomes.push((await channel.say(conversationId, `${i}`)).type === ServerFrameType.accepted)
  assert.deepEqual(outcomes, [true, true, true, false, false])
  server.clock.advance(1000)
  assert.equal((await channel.say(conversationId, 'later')).type, ServerFrameType.accepted)
  const statuses = []
  for (let i = 0; i < 8; i++) statuses.push(await ana.call('conversationList', {}).then(() => 200, () => 429))
  assert.ok(statuses.includes(429) && statuses[0] === 200)
})

test('S33 neither log nor answers hold tokens, names, links or messages', async (t) => {
  const server = await startTestServer(t)
  const link = server.running.setupLink ?? ''
  const ana = await firstDevice(server)
  const conversationId = makeId<ConversationId>(systemRandom)
  await ana.call('conversationCreate', { conversationId, kind: ConversationKind.group })
  const { channel } = await TestChannel.resume(ana)
  await channel.say(conversationId, 'canary-text')
  channel.send({ type: ClientFrameType.send, requestId: 1, conversationId, messageId: makeId<MessageId>(systemRandom), encryption: Encryption.mls10, epoch: 9n, message: Uint8Array.of(1) })
  await channel.settle()
  await post(server, ROUTES.directory.path, 'canary-text')
  const log = server.logged()
  assert.ok(log.includes('"route":"/api/v1/accounts/join"'))
  for (const canary of ['canary-text', 'Ana', ana.deviceId, conversationId, Buffer.from(ana.token).toString('base64url'), link.split('#')[1] ?? '']) {
    assert.ok(!log.includes(canary))
  }
})
