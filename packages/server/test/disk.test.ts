/**
 * S50: a disk that is full or does not take writes. What cannot be stored is not acknowledged, moves nothing, is said
 * clearly, and works again when there is room.
 */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { type RawBuilder, sql } from 'kysely'
import { present, systemRandom } from '@famichat/base'
import { insecureSeededRandom } from '@famichat/base/testing'
import { type AccountId, Encryption, makeId, type MessageId } from '@famichat/protocol'
import { Hub } from '../dist/channel/hub.js'
import { acceptMessage } from '../dist/delivery/messages.js'
import { diskProblemOf } from '../dist/storage/disk-problem.js'
import { openDatabase, type Store } from '../dist/storage/open-database.js'
import { Health } from '../dist/telemetry/health.js'
import { makeFleet } from './load/fleet.js'
import { privateMessageBytes } from './support/mls-bytes.js'
import { temporaryFolder } from './support/test-server.js'
import { bareServices } from './support/bare-services.js'

const scene = async (t: TestContext) => {
  const dataDir = temporaryFolder(t)
  const random = insecureSeededRandom(50)
  const { devices, conversations } = await makeFleet({ dataDir, random, devices: 2, conversations: [[0, 1]] })
  const health = new Health()
  const database = await openDatabase({
    dataDir, keys: {}, random,
    onTransaction: ({ problem }) => { if (problem === undefined) health.written(); else health.failed(problem) },
  })
  t.after(() => database.close())
  const delivered: number[] = []
  const events = new Hub()
  events.appended = ({ seq }) => { delivered.push(seq) }
  const services = bareServices({ database, random, events })
  const conversationId = present(conversations[0], 'a conversation')
  const sender = { deviceId: present(devices[0], 'a device').deviceId, accountId: makeId<AccountId>(random), signatureKey: new Uint8Array(32) }
  const say = (fill: number, messageId = makeId<MessageId>(systemRandom)) => acceptMessage(services, sender, {
    conversationId, messageId, encryption: Encryption.mls10, epoch: 0n, message: privateMessageBytes({ conversationId, epoch: 0n, fill }),
  })
  const stored = async (): Promise<readonly number[]> =>
    (await database.read.selectFrom('envelopes').select('seq').orderBy('seq').execute()).map(({ seq }) => seq)
  const lastSeq = async (): Promise<number> => (await database.read.selectFrom('conversations').select('last_seq').executeTakeFirstOrThrow()).last_seq
  /** On the connection that writes. */
  const onWriter = (statement: RawBuilder<unknown>): Promise<unknown> => database.write.write((store: Store) => statement.execute(store))
  return { database, health, delivered, say, stored, lastSeq, onWriter }
}

test('S50 on a full disk nothing is acknowledged, delivered or moved; small and large messages alike; with room again it goes on without a hole', async (t) => {
  const { health, delivered, say, stored, lastSeq, onWriter } = await scene(t)
  await say(100)
  await onWriter(sql`pragma max_page_count = 1`)
  const id = makeId<MessageId>(systemRandom)
  const outcomes = await Promise.allSettled([say(60_000), say(60_000, id), ...Array.from({ length: 40 }, () => say(20_000))])
  for (const outcome of outcomes) assert.ok(outcome.status === 'rejected' && (outcome.reason as { code: string }).code === 'protocol.server.unavailable')
  assert.equal(health.problem, 'disk_full')
  assert.deepEqual([await stored(), await lastSeq(), delivered], [[1], 1, [1]])
  await onWriter(sql`pragma max_page_count = 1000000`)
  assert.equal((await say(60_000, id)).seq, 2)
  assert.equal((await say(60_000, id)).seq, 2)
  assert.equal(health.problem, undefined)
  assert.deepEqual([await stored(), await lastSeq(), delivered], [[1, 2], 2, [1, 2]])
})

test('S50 where the files became read-only nothing is acknowledged, and reading goes on', async (t) => {
  const { health, say, stored, onWriter } = await scene(t)
  await say(100)
  await onWriter(sql`pragma query_only = on`)
  await assert.rejects(say(100), { code: 'protocol.server.unavailable' })
  assert.equal(health.problem, 'read_only')
  assert.deepEqual(await stored(), [1])
})

test('S50 errors of the disk are told from other errors', () => {
  const problemOf = (code: string) => diskProblemOf(Object.assign(new Error('x'), { code }))
  assert.deepEqual(['SQLITE_FULL', 'SQLITE_READONLY_DBMOVED', 'SQLITE_IOERR_WRITE', 'SQLITE_CORRUPT', 'SQLITE_CONSTRAINT_UNIQUE'].map(problemOf), ['disk_full', 'read_only', 'disk_error', 'disk_error', undefined])
})
