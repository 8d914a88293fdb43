/**
 * What the server keeps, for whom and how long; and what it still knows of what it dropped.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { systemRandom } from '@famichat/base'
import { manualClock, type ManualClock } from '@famichat/base/testing'
import { ClientFrameType, type ConversationId, ConversationKind, LIFETIMES, makeId, type MessageId, ServerFrameType } from '@famichat/protocol'
import { Retention } from '../dist/delivery/retention.js'
import { openDatabase } from '../dist/storage/open-database.js'
import { makeCommit, seqsOf, TestChannel } from './support/test-channel.js'
import { firstDevice, invitedDevice, type TestDevice } from './support/test-device.js'
import { startTestServer, type TestServer } from './support/test-server.js'
import { silentLog } from './support/bare-services.js'

interface Scene {
  readonly server: TestServer
  readonly ana: TestDevice
  readonly ben: TestDevice
  readonly conversationId: ConversationId
  /** Runs a go of retention while the server is stopped, and starts it again. */
  readonly prune: (options?: { monotonic?: ManualClock; goes?: number; jump?: { readonly atGo: number; readonly byMs: number } }) => Promise<number>
}

/** Ana and Ben in one conversation: the commit that adds Ben, then five messages of Ana. */
const play = async (t: TestContext): Promise<Scene> => {
  const server = await startTestServer(t)
  const ana = await firstDevice(server)
  const ben = await invitedDevice(ana, 'Ben')
  const conversationId = makeId<ConversationId>(systemRandom)
  await ana.call('conversationCreate', { conversationId, kind: ConversationKind.group })
  await ana.call('conversationCommit', makeCommit(conversationId, 0n, { added: [ben.deviceId] }))
  const { channel } = await TestChannel.resume(ana)
  for (let i = 0; i < 5; i++) await channel.say(conversationId, `message ${i.toString()}`, { epoch: 1n, messageId: FIRST_IDS[i] ?? makeId<MessageId>(systemRandom) })
  channel.close()
  const prune: Scene['prune'] = async ({ monotonic = manualClock(0), goes = 1, jump } = {}) => {
    await server.running.close()
    const database = await openDatabase({ dataDir: server.dataDir, keys: {}, random: systemRandom })
    const retention = new Retention({ database, clock: server.clock, log: silentLog }, () => monotonic.nowMs())
    let dropped = await retention.run()
    for (let go = 1; go < goes; go++) {
      monotonic.advance(GO_MS)
      server.clock.advance(GO_MS + (go === jump?.atGo ? jump.byMs : 0))
      dropped += await retention.run()
    }
    await database.close()
    await server.restart()
    for (const device of [ana, ben]) await device.signIn()
    return dropped
  }
  return { server, ana, ben, conversationId, prune }
}

const FIRST_IDS = Array.from({ length: 5 }, () => makeId<MessageId>(systemRandom))
const GO_MS = 10 * 60 * 1000

const acknowledge = async (device: TestDevice, conversationId: ConversationId, seq: number): Promise<void> => {
  const channel = await TestChannel.open(device)
  channel.send({ type: ClientFrameType.acknowledge, conversationId, seq })
  await channel.settle()
  // acknowledgements are not answered: what comes after one in the write queue says that it is stored
  await device.call('keyPackageUpload', { keyPackages: [] })
  channel.close()
}

test('a message is dropped once everybody has acknowledged it, and not while one device has not', async (t) => {
  const { ana, ben, conversationId, prune } = await play(t)
  await acknowledge(ana, conversationId, 6)
  // the commit that added Ben was never for him
  assert.equal(await prune(), 1)
  await acknowledge(ben, conversationId, 4)
  assert.equal(await prune(), 3)
  const { envelopes, prunedSeq } = await ben.call('logRead', { conversationId, afterSeq: 0 })
  assert.deepEqual([envelopes.map(({ header }) => header.seq), prunedSeq], [[5, 6], 4])
  const { caughtUp, channel } = await TestChannel.resume(ben, [{ conversationId, afterSeq: 1 }])
  assert.deepEqual(seqsOf(caughtUp), [5, 6])
  await (await TestChannel.resume(ana)).channel.say(conversationId, 'live', { epoch: 1n })
  assert.equal((await channel.next(ServerFrameType.deliver)).envelope.header.seq, 7)
})

test('a retry of a message that is dropped gets its first answer and is not stored again; its id is not good for another', async (t) => {
  const { ana, ben, conversationId, prune } = await play(t)
  for (const device of [ana, ben]) await acknowledge(device, conversationId, 6)
  assert.equal(await prune(), 6)
  const { channel } = await TestChannel.resume(ana)
  const again = await channel.say(conversationId, 'message 2', { epoch: 1n, messageId: FIRST_IDS[2] ?? makeId<MessageId>(systemRandom) })
  assert.ok(again.type === ServerFrameType.accepted && again.seq === 4)
  const other = await channel.say(conversationId, 'another', { epoch: 1n, messageId: FIRST_IDS[2] ?? makeId<MessageId>(systemRandom) })
  assert.ok(other.type === ServerFrameType.refused && other.code === 'protocol.message.id_reused')
  assert.deepEqual(await ben.call('logRead', { conversationId, afterSeq: 0 }), { envelopes: [], hasMore: false, prunedSeq: 6 })
  // a device that is behind what is kept gets what comes from now on, at once
  const bens = await TestChannel.resume(ben, [{ conversationId, afterSeq: 2 }])
  assert.deepEqual(seqsOf(bens.caughtUp), [])
  await channel.say(conversationId, 'live', { epoch: 1n })
  assert.equal((await bens.channel.next(ServerFrameType.deliver)).envelope.header.seq, 7)
})

test('nobody waits for a revoked device, nor for one that has read to the end of its time', async (t) => {
  const { ana, ben, conversationId, prune } = await play(t)
  const second = await ana.addDevice()
  await ana.call('conversationCommit', makeCommit(conversationId, 1n, { added: [second.deviceId] }))
  await ana.call('conversationCommit', makeCommit(conversationId, 2n, { removed: [ben.deviceId] }))
  for (const device of [ana, ben]) await acknowledge(device, conversationId, 8)
  assert.equal(await prune(), 7)
  await ana.revoke(second.deviceId)
  assert.equal(await prune(), 1)
})

test('after thirty days a message goes whoever has not fetched it, and its Welcome with it', async (t) => {
  const { server, ben, conversationId, prune } = await play(t)
  server.clock.advance(LIFETIMES.messageMs - 3600 * 1000)
  assert.equal(await prune({ goes: 6 }), 0)
  server.clock.advance(3600 * 1000)
  assert.equal(await prune({ goes: 8 }), 6)
  assert.deepEqual(await ben.call('welcomeList', {}), { welcomes: [] })
  assert.equal((await ben.call('logRead', { conversationId, afterSeq: 0 })).prunedSeq, 6)
})

test('S51 a clock that jumps a month ahead drops nothing: only one that has run evenly for an hour is believed', async (t) => {
  const { server, prune } = await play(t)
  // while it runs, and while it is down
  assert.equal(await prune({ goes: 14, jump: { atGo: 9, byMs: 2 * LIFETIMES.messageMs } }), 0)
  assert.equal(await prune({ goes: 6 }), 0)
  server.clock.advance(-2 * LIFETIMES.messageMs)
  assert.equal(await prune({ goes: 12 }), 0)
})

test('what is dropped is not in the files any more', async (t) => {
  const { server, ana, ben, conversationId, prune } = await play(t)
  for (const device of [ana, ben]) await acknowledge(device, conversationId, 6)
  await prune()
  await server.running.close()
  const { default: Sqlite } = await import('better-sqlite3-multiple-ciphers')
  const { readFileSync } = await import('node:fs')
  const database = new Sqlite(join(server.dataDir, 'famichat.db'))
  database.pragma("cipher = 'chacha20'")
  database.pragma(`key = "x'${readFileSync(join(server.dataDir, 'database.key'), 'utf8').trim()}'"`)
  // in clear, so that free pages can be looked into
  database.pragma('journal_mode = DELETE')
  database.pragma("rekey = ''")
  database.close()
  assert.equal(readFileSync(join(server.dataDir, 'famichat.db')).includes('message 3'), false)
})
