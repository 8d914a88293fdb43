/**
 * Requests to be added afresh: connected members hear of them at once, so often and no more, and nobody else does.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemRandom } from '@famichat/base'
import { ClientFrameType, type ConversationId, ConversationKind, LIFETIMES, makeId, type RouteRequest, type ServerFrame, ServerFrameType } from '@famichat/protocol'
import { makeWorld } from './support/access-world.js'
import { makeCommit, TestChannel } from './support/test-channel.js'
import { callRoute, firstDevice, invitedDevice, TestDevice } from './support/test-device.js'
import { startTestServer, type TestServer } from './support/test-server.js'

const SECOND_MS = 1000

const toldOf = (frames: readonly ServerFrame[]): ConversationId[] =>
  frames.flatMap((frame) => (frame.type === ServerFrameType.readdRequested ? [frame.conversationId] : []))

interface Trio {
  readonly server: TestServer
  readonly ana: TestDevice
  readonly ben: TestDevice
  readonly cem: TestDevice
  readonly begin: () => Promise<ConversationId>
}

/** Ana, and how she begins a conversation with Ben and Cem; it is at epoch 1 then. */
const trio = async (server: TestServer): Promise<Trio> => {
  const ana = await firstDevice(server)
  const [ben, cem] = [await invitedDevice(ana, 'Ben'), await invitedDevice(ana, 'Cem')]
  const begin = async (): Promise<ConversationId> => {
    const conversationId = makeId<ConversationId>(systemRandom)
    await ana.call('conversationCreate', { conversationId, kind: ConversationKind.group })
    await ana.call('conversationCommit', makeCommit(conversationId, 0n, { added: [ben.deviceId, cem.deviceId] }))
    return conversationId
  }
  return { server, ana, ben, cem, begin }
}

const refresh = (conversationId: ConversationId, epoch: bigint, { deviceId }: TestDevice): ReturnType<typeof makeCommit> =>
  makeCommit(conversationId, epoch, { removed: [deviceId], added: [deviceId] })

test('S48 members who only stay connected hear at once that a device asks to be added afresh; who asks does not', async (t) => {
  const { ana, ben, cem, begin } = await trio(await startTestServer(t))
  const conversationId = await begin()
  const [{ channel: anas }, { channel: bens }, { channel: cems }] = [await TestChannel.resume(ana), await TestChannel.resume(ben), await TestChannel.resume(cem)]
  await cem.call('conversationReadd', { conversationId, refusal: undefined })
  assert.equal((await anas.next(ServerFrameType.readdRequested)).conversationId, conversationId)
  assert.equal((await bens.next(ServerFrameType.readdRequested)).conversationId, conversationId)
  assert.deepEqual((await ben.call('readdList', {})).requests, [{ conversationId, deviceId: cem.deviceId }])
  assert.deepEqual(await cems.settle(), [])
})

test('S24 a request to be added afresh is told to nobody outside, nor over a token that is narrowed to something else', async (t) => {
  const { actors: { owner, child, removed, outsider, elsewhere, reader }, conversationId } = await makeWorld(t)
  const channels = []
  for (const actor of [owner, reader, removed, outsider, elsewhere]) channels.push((await TestChannel.resume(actor)).channel)
  await child.call('conversationReadd', { conversationId, refusal: undefined })
  const told = []
  for (const channel of channels) told.push(toldOf(await channel.settle()).length)
  assert.deepEqual(told, [1, 1, 0, 0, 0])
  const again = await TestChannel.resume(elsewhere)
  assert.deepEqual(toldOf([...again.caughtUp, ...await again.channel.settle(), ...await again.channel.settle()]), [])
})

test('a request that waits is told to whoever connects later, until a commit has served it', async (t) => {
  const { ana, ben, cem, begin } = await trio(await startTestServer(t))
  const conversationId = await begin()
  await cem.call('conversationReadd', { conversationId, refusal: undefined })
  const later = await TestChannel.open(ben)
  later.send({ type: ClientFrameType.resume, cursors: [] })
  assert.equal((await later.next(ServerFrameType.readdRequested)).conversationId, conversationId)
  await ana.call('conversationCommit', refresh(conversationId, 1n, cem))
  const again = await TestChannel.resume(ben)
  assert.deepEqual(toldOf([...again.caughtUp, ...await again.channel.settle(), ...await again.channel.settle()]), [])
})

test('S49 who asks again and again is heard of no more than so often, and is on the list all the same', async (t) => {
  const server = await startTestServer(t, { rateLimits: { readd: { burst: 2, perSecond: 1 / 3600 } } })
  const { ana, ben, cem, begin } = await trio(server)
  const conversationId = await begin()
  const { channel } = await TestChannel.resume(ben)
  const told: number[] = []
  let epoch = 1n
  const askAndServe = async (): Promise<void> => {
    server.clock.advance(2 * SECOND_MS)
    // asking twice is asking once
    for (let i = 0; i < 2; i++) await cem.call('conversationReadd', { conversationId, refusal: undefined })
    assert.equal((await ben.call('readdList', {})).requests.length, 1)
    told.push(toldOf(await channel.settle()).length)
    await ana.call('conversationCommit', refresh(conversationId, epoch++, cem))
  }
  for (let i = 0; i < 4; i++) await askAndServe()
  assert.deepEqual(told, [1, 1, 0, 0])
})

test('S49 however many ask in one conversation, members are told once a second; other conversations are told of beside it', async (t) => {
  const server = await startTestServer(t)
  const { ana, ben, cem, begin } = await trio(server)
  const [garden, house] = [await begin(), await begin()]
  const { channel } = await TestChannel.resume(ana)
  for (const device of [ben, cem]) await device.call('conversationReadd', { conversationId: garden, refusal: undefined })
  await ben.call('conversationReadd', { conversationId: house, refusal: undefined })
  assert.deepEqual(toldOf(await channel.settle()), [garden, house])
  assert.equal((await ana.call('readdList', {})).requests.length, 3, 'who looks after that second misses nobody')
  server.clock.advance(SECOND_MS)
  await cem.call('conversationReadd', { conversationId: house, refusal: undefined })
  assert.deepEqual(toldOf(await channel.settle()), [house])
})

test('a device for which the account key vouches is let in by members who only stay connected: they are told of it', async (t) => {
  const server = await startTestServer(t)
  const { ana, cem, begin } = await trio(server)
  const conversationId = await begin()
  const { channel } = await TestChannel.resume(ana)
  const found = new TestDevice(server, cem.account)
  await callRoute(server, 'deviceRecover', found.registration(cem.account.accountId, found.keyPackages(1)))
  assert.equal((await channel.next(ServerFrameType.readdRequested)).conversationId, conversationId)
  assert.deepEqual((await ana.call('readdList', {})).requests, [{ conversationId, deviceId: found.deviceId }])
})

test('S48 who could not take a commit is told to the device that made it, in the words of who could not, and to nobody else; the last word stays a month', async (t) => {
  const server = await startTestServer(t)
  const { ana, ben, cem, begin } = await trio(server)
  const conversationId = await begin()
  await ben.call('conversationCommit', makeCommit(conversationId, 1n))
  const refusalOf = (seq: number, filling: number): RouteRequest<'conversationReadd'> =>
    ({ conversationId, refusal: { seq, epoch: BigInt(seq - 1), commitHash: new Uint8Array(32).fill(filling), signature: new Uint8Array(64).fill(filling) } })
  const heardBy = async (device: TestDevice): Promise<readonly unknown[]> => (await device.call('readdList', {})).refusals
  for (const filling of [1, 2]) await cem.call('conversationReadd', refusalOf(2, filling))
  // served: the author hears of it all the same
  await ana.call('conversationCommit', refresh(conversationId, 2n, cem))
  assert.deepEqual(await heardBy(ben), [{ deviceId: cem.deviceId, ...refusalOf(2, 2) }])
  for (const device of [ana, cem]) assert.deepEqual(await heardBy(device), [])
  // nobody hears of what they could not take themselves
  await ben.call('conversationReadd', refusalOf(2, 3))
  assert.equal((await heardBy(ben)).length, 1)
  server.clock.advance(LIFETIMES.messageMs)
  await ben.signIn()
  assert.deepEqual(await heardBy(ben), [])
})
