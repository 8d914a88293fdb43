/**
 * A restored server takes back what it lost: once, in order, only what is missing, only from members.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { isCodedError, systemRandom } from '@famichat/base'
import { type ConversationId, ConversationKind, type Envelope, type LogReturn, makeId } from '@famichat/protocol'
import { createBackup, restoreBackup, startServer } from '@famichat/server'
import { TestChannel } from './support/test-channel.js'
import { firstDevice, invitedDevice, type TestDevice } from './support/test-device.js'
import { startTestServer, temporaryFolder } from './support/test-server.js'

const onProgress = (): void => undefined

const entriesOf = (envelopes: readonly Envelope[]): LogReturn['entries'] => envelopes.map((envelope) => ({ envelope, added: [], removed: [] }))

/** Three messages, of which the backup had one. */
const restoredServer = async (t: TestContext): Promise<{ ana: TestDevice; ben: TestDevice; conversationId: ConversationId; before: readonly Envelope[] }> => {
  const server = await startTestServer(t)
  const ana = await firstDevice(server)
  const ben = await invitedDevice(ana, 'Ben')
  const conversationId = makeId<ConversationId>(systemRandom)
  await ana.call('conversationCreate', { conversationId, kind: ConversationKind.group })
  const { channel } = await TestChannel.resume(ana)
  await channel.say(conversationId, 'one')
  const folder = temporaryFolder(t)
  const backupKey = { given: undefined, file: join(folder, 'backup.key') }
  const file = join(folder, 'one.backup')
  const common = { backupKey, clock: server.clock, random: systemRandom, onProgress, keys: {} }
  createBackup({ ...common, dataDir: server.dataDir, to: file })
  await channel.say(conversationId, 'two')
  await channel.say(conversationId, 'three')
  const { envelopes: before } = await ana.call('logRead', { conversationId, afterSeq: 0 })
  // nothing is lost yet: nothing is taken
  await ana.call('logReturn', { conversationId, entries: entriesOf(before) })
  assert.equal((await ana.call('logRead', { conversationId, afterSeq: 0 })).envelopes.length, 3)
  await server.running.close()
  const dataDir = join(folder, 'restored')
  await restoreBackup({ ...common, from: file, dataDir })
  server.running = await startServer({ dataDir, port: server.running.port, clock: server.clock, logTo: { write: () => undefined } })
  await fetch(`${server.running.url}/healthz`).catch(() => undefined)
  await ana.signIn()
  await ben.signIn()
  return { ana, ben, conversationId, before }
}

test('what was lost is appended behind the gap, once, under its first ids; what the backup had is passed over', async (t) => {
  const { ana, ben, conversationId, before } = await restoredServer(t)
  const [summary] = (await ana.call('conversationList', {})).conversations
  assert.equal(summary?.restored?.afterSeq, 1)
  const base = summary.restored.resumesAfterSeq
  assert.ok(base >= 2 ** 20 && summary.lastSeq === base)
  for (let i = 0; i < 2; i++) await ana.call('logReturn', { conversationId, entries: entriesOf(before) })
  const { envelopes } = await ana.call('logRead', { conversationId, afterSeq: 0 })
  assert.deepEqual(envelopes.map(({ header }) => header.seq), [1, base + 1, base + 2])
  assert.deepEqual(envelopes.map(({ header }) => header.messageId), before.map(({ header }) => header.messageId))
  await assert.rejects(ben.call('logReturn', { conversationId, entries: [] }), (error) => isCodedError(error, 'protocol.access.refused'))
})

test('an entry that says of its message what the message does not say is refused whole, and nothing is taken', async (t) => {
  const { ana, conversationId, before } = await restoredServer(t)
  const [, second, third] = before
  assert.ok(second && third)
  const wrong: readonly Envelope[] = [
    { ...third, header: { ...third.header, epoch: 7n } },
    { ...third, header: { ...third.header, contentType: 3 } },
    { ...third, header: { ...third.header, conversationId: makeId<ConversationId>(systemRandom) } },
    { ...third, message: third.message.slice(0, 10) },
  ]
  for (const envelope of wrong) {
    await assert.rejects(ana.call('logReturn', { conversationId, entries: entriesOf([second, envelope]) }), (error) => isCodedError(error, 'protocol.message.malformed'))
  }
  assert.equal((await ana.call('logRead', { conversationId, afterSeq: 0 })).envelopes.length, 1)
})
