/**
 * Rings: who gets one, when, and that it says nothing.
 */
import assert from 'node:assert/strict'
import { createPublicKey, verify } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { fromBase64url, systemRandom, toBase64url } from '@famichat/base'
import { type ConversationId, ConversationKind, makeId, ServerFrameType } from '@famichat/protocol'
import { makePushRequest } from '../dist/push/push-request.js'
import { takePushKey } from '../dist/storage/push-key.js'
import { type PushService, startPushService } from './support/push-service.js'
import { makeCommit, TestChannel } from './support/test-channel.js'
import { firstDevice, invitedDevice, type TestDevice } from './support/test-device.js'
import { startTestServer, temporaryFolder } from './support/test-server.js'

interface World {
  readonly service: PushService
  readonly ana: TestDevice
  readonly ben: TestDevice
  readonly conversationId: ConversationId
}

const world = async (t: TestContext): Promise<World> => {
  const service = await startPushService()
  t.after(() => service.close())
  const ana = await firstDevice(await startTestServer(t, { pushServices: [service.origin] }))
  const ben = await invitedDevice(ana, 'Ben')
  const conversationId = makeId<ConversationId>(systemRandom)
  await ana.call('conversationCreate', { conversationId, kind: ConversationKind.group })
  await ana.call('conversationCommit', makeCommit(conversationId, 0n, { added: [ben.deviceId] }))
  await ben.call('pushSubscribe', { endpoint: `${service.origin}/ring/ben` })
  return { service, ana, ben, conversationId }
}

test('S34: a ring for a device that is away has no body, and is the same whatever was said to whom', async (t) => {
  const { service, ana, conversationId } = await world(t)
  const { channel } = await TestChannel.resume(ana)
  await channel.say(conversationId, 'a secret of Ana', { epoch: 1n })
  const first = await service.ring(1)
  assert.deepEqual([first.path, first.body.length], ['/ring/ben', 0])
  ana.server.clock.advance(120_000)
  await channel.say(conversationId, 'something quite else, and longer, of somebody who is not Ana', { epoch: 1n })
  const second = await service.ring(2)
  const said = ({ headers }: typeof first): unknown => {
    const { authorization, ...rest } = headers
    // signatures are random; what is signed is not
    return [rest, String(authorization).replace(/\.[\w-]+, k=/, ', k=')]
  }
  assert.deepEqual(said(second), said(first))
  assert.doesNotMatch(JSON.stringify(first.headers), new RegExp(`${conversationId}|${ana.deviceId}|secret|Ana`))
})

test('the ring is signed with the key that browsers subscribe with, which only its owner reads', async (t) => {
  const { service, ana, ben, conversationId } = await world(t)
  const { publicKey } = await ben.call('pushKey', {})
  const { channel } = await TestChannel.resume(ana)
  await channel.say(conversationId, 'hello', { epoch: 1n })
  const { headers } = await service.ring(1)
  const [, head = '', claims = '', signature = '', key = ''] = /^vapid t=([\w-]+)\.([\w-]+)\.([\w-]+), k=([\w-]+)$/.exec(String(headers.authorization)) ?? []
  assert.equal(key, toBase64url(publicKey))
  const { aud, exp } = JSON.parse(Buffer.from(claims, 'base64url').toString()) as { aud: string; exp: number }
  assert.equal(aud, service.origin)
  assert.ok(exp * 1000 > ana.server.clock.nowMs() && exp * 1000 <= ana.server.clock.nowMs() + 24 * 3_600_000)
  const verifier = createPublicKey({ format: 'jwk', key: { kty: 'EC', crv: 'P-256', x: toBase64url(publicKey.subarray(1, 33)), y: toBase64url(publicKey.subarray(33)) } })
  assert.ok(verify('sha256', Buffer.from(`${head}.${claims}`), { key: verifier, dsaEncoding: 'ieee-p1363' }, fromBase64url(signature)))
  const path = join(ana.server.dataDir, 'push.key')
  assert.deepEqual([statSync(path).mode & 0o777, readFileSync(path, 'utf8').trim().length], [0o600, 64])
  await ana.server.restart()
  assert.deepEqual((await ben.call('pushKey', {})).publicKey, publicKey, 'the same after a restart')
})

test('who is connected, who wrote it and who was rung just now is not rung; who is gone is forgotten', async (t) => {
  const { service, ana, ben, conversationId } = await world(t)
  await ana.call('pushSubscribe', { endpoint: `${service.origin}/ring/ana` })
  const { channel: anas } = await TestChannel.resume(ana)
  const { channel: bens } = await TestChannel.resume(ben)
  await anas.say(conversationId, 'both are here', { epoch: 1n })
  await bens.next(ServerFrameType.deliver)
  bens.close()
  await bens.closed
  service.status = 410
  await anas.say(conversationId, 'Ben has left', { epoch: 1n })
  assert.equal((await service.ring(1)).path, '/ring/ben')
  await anas.say(conversationId, 'too soon', { epoch: 1n })
  ana.server.clock.advance(120_000)
  await anas.say(conversationId, 'nobody listens at that address any more', { epoch: 1n })
  await ben.call('pushSubscribe', { endpoint: `${service.origin}/ring/ben-again` })
  await ana.server.restart()
  const { channel } = await TestChannel.resume(ana)
  await channel.say(conversationId, 'rung again', { epoch: 1n })
  assert.deepEqual([(await service.ring(2)).path, service.rings.length], ['/ring/ben-again', 2])
  await ben.call('pushUnsubscribe', {})
})

test('S28: only the push services of browsers\' makers are rung, never an address in the server\'s own network', async (t) => {
  const { ben } = await world(t)
  for (const endpoint of [
    'http://127.0.0.1:1/x', 'http://fcm.googleapis.com/x', 'https://fcm.googleapis.com:8443/x', 'https://fcm.googleapis.com.evil.example/x', 'https://evilpush.apple.com.example/',
    'https://user:word@fcm.googleapis.com/x', 'https://notpush.apple.com@evil.example/', 'https://[::1]/', 'https://169.254.169.254/latest', 'file:///etc/passwd', 'nonsense', '',
  ]) await assert.rejects(ben.call('pushSubscribe', { endpoint }), { code: 'protocol.push.refused' }, endpoint)
  for (const endpoint of ['https://fcm.googleapis.com/fcm/send/x', 'https://updates.push.services.mozilla.com/wpush/v2/x', 'https://web.push.apple.com/x', 'https://db5.notify.windows.com/w/?token=x']) {
    await ben.call('pushSubscribe', { endpoint })
  }
})

test('S34: a thousand rings differ in nothing but where they go', (t) => {
  const key = takePushKey(temporaryFolder(t), systemRandom)
  const shapes = new Set<string>()
  for (let at = 0; at < 1000; at++) {
    const endpoint = `https://fcm.googleapis.com/fcm/send/${toBase64url(systemRandom(16))}`
    const { url, headers } = makePushRequest(key, { endpoint, subject: 'https://chat.example', nowMs: 1_800_000_000_000 + at })
    assert.equal(url, endpoint)
    shapes.add(JSON.stringify({ ...headers, authorization: headers.authorization?.replace(/\.[\w-]+, k=/, ', k=') }))
  }
  assert.equal(shapes.size, 1)
})
