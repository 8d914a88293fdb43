/**
 * `kill -9` of the server under load: what was acknowledged is there, once, without a hole; a retry of what was not is
 * harmless; the folder is free at once.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { test, type TestContext } from 'node:test'
import { systemClock, systemRandom } from '@famichat/base'
import { type ConversationId, ConversationKind, makeId, type MessageId, ServerFrameType } from '@famichat/protocol'
import { manualClock } from '@famichat/base/testing'
import { type KillableServer, startKillable, steadyPort } from './support/killable-server.js'
import { TestChannel } from './support/test-channel.js'
import { firstDevice } from './support/test-device.js'
import { temporaryFolder, type TestServer } from './support/test-server.js'

/** A killable server that goes with the test. */
const startProcess = async (t: TestContext, dataDir: string, port: number): Promise<KillableServer> => {
  const started = await startKillable(dataDir, port)
  t.after(() => started.child.kill('SIGKILL'))
  return started
}

test('what was acknowledged before kill -9 is there afterwards, once and without a hole', async (t) => {
  const dataDir = temporaryFolder(t)
  let { child, running } = await startProcess(t, dataDir, await steadyPort())
  const server: TestServer = { dataDir, clock: manualClock(systemClock.nowMs()), logged: () => '', running, restart: () => Promise.resolve() }
  const ana = await firstDevice(server)
  const conversationId = makeId<ConversationId>(systemRandom)
  await ana.call('conversationCreate', { conversationId, kind: ConversationKind.group })
  const acknowledged = new Map<MessageId, number>()
  const messageIds = Array.from({ length: 120 }, () => makeId<MessageId>(systemRandom))
  let next = 0
  for (let kill = 0; kill < 3; kill++) {
    const { channel } = await TestChannel.resume(ana)
    const killAt = (kill + 1) * 30
    while (next < messageIds.length) {
      const messageId = messageIds[next]
      assert.ok(messageId !== undefined)
      if (next === killAt) {
        // on its way when the server dies: stored or not, and not known which
        const lost = channel.say(conversationId, `m${next}`, { messageId })
        child.kill('SIGKILL')
        await Promise.allSettled([lost, once(child, 'exit')])
        break
      }
      const answer = await channel.say(conversationId, `m${next}`, { messageId })
      assert.ok(answer.type === ServerFrameType.accepted)
      acknowledged.set(messageId, answer.seq)
      next++
    }
    ;({ child, running } = await startProcess(t, dataDir, running.port))
    server.running = running
    // a device's clock goes on while the server is down
    server.clock.advance(systemClock.nowMs() - server.clock.nowMs() + 1)
    await ana.signIn()
  }
  const { channel } = await TestChannel.resume(ana)
  for (; next < messageIds.length; next++) {
    assert.equal((await channel.say(conversationId, `m${next}`, { messageId: messageIds[next] ?? makeId<MessageId>(systemRandom) })).type, ServerFrameType.accepted)
  }
  const { envelopes } = await ana.call('logRead', { conversationId, afterSeq: 0 })
  assert.deepEqual(envelopes.map(({ header }) => header.messageId), messageIds)
  assert.deepEqual(envelopes.map(({ header }) => header.seq), messageIds.map((_, i) => i + 1))
  for (const [messageId, seq] of acknowledged) assert.equal(envelopes[seq - 1]?.header.messageId, messageId)
  assert.equal(running.setupLink, undefined)
})

test('a server that finds its port taken ends and says so, and whoever started it does not wait for ever', async (t) => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  t.after(() => { other.close() })
  const address = other.address()
  await assert.rejects(startKillable(temporaryFolder(t), typeof address === 'object' ? address?.port ?? 0 : 0), /server\.port\.busy/)
})
