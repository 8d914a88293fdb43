/**
 * The write queue: one job's failure is its own, answers come after the disk, order is kept.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemRandom } from '@famichat/base'
import type { AccountId, FamilyId } from '@famichat/protocol'
import { manualClock } from '@famichat/base/testing'
import { TokenBuckets } from '../dist/rate-limits.js'
import { type Database, openDatabase, type Store } from '../dist/storage/open-database.js'
import { reusableQuery, type ValueOf } from '../dist/storage/reusable-query.js'
import { temporaryFolder } from './support/test-server.js'

const insertAccount = async (store: Store, name: string): Promise<void> => {
  const family_id = `family of ${name}` as FamilyId
  await store.insertInto('families').values({ family_id, name, created_at_ms: 0 }).execute()
  await store.insertInto('accounts').values({
    account_id: name as AccountId, name, account_key: new Uint8Array(32), role: 1, created_at_ms: 0, family_id, family_role: 1,
  }).execute()
}
const names = async ({ read }: Database): Promise<string[]> =>
  (await read.selectFrom('accounts').select('name').orderBy('account_id').execute()).map(({ name }) => name)

test('a job that throws half-way is undone alone, those beside it in the transaction stand', async (t) => {
  const database = await openDatabase({ dataDir: temporaryFolder(t), keys: {}, random: systemRandom })
  const failing = database.write.write(async (store) => {
    await insertAccount(store, 'half')
    throw new Error('no')
  })
  const outcomes = await Promise.allSettled([
    database.write.write((store) => insertAccount(store, 'a')), failing, database.write.write((store) => insertAccount(store, 'b')),
  ])
  assert.deepEqual(outcomes.map(({ status }) => status), ['fulfilled', 'rejected', 'fulfilled'])
  assert.deepEqual(await names(database), ['a', 'b'])
  await database.close()
})

test('effects run in order, after the change can be read, and not at all for a job that failed', async (t) => {
  const database = await openDatabase({ dataDir: temporaryFolder(t), keys: {}, random: systemRandom })
  const seen: string[] = []
  const job = (name: string, fails: boolean) => database.write.write(async (store, afterCommit) => {
    afterCommit(() => { seen.push(name) })
    await insertAccount(store, name)
    if (fails) throw new Error('no')
    return name
  }).then((value) => { seen.push(`answered ${value}`) }, () => undefined)
  await Promise.all([job('1', false), job('2', true), job('3', false)])
  assert.deepEqual(seen.filter((entry) => !entry.startsWith('answered')), ['1', '3'])
  assert.ok(seen.indexOf('1') < seen.indexOf('answered 1'))
  await database.close()
})

test('a job that keeps its transaction runs nothing on it afterwards: it would land in the transaction of others', async (t) => {
  const database = await openDatabase({ dataDir: temporaryFolder(t), keys: {}, random: systemRandom })
  const kept = await database.write.write((store) => Promise.resolve({ store }))
  const insert = reusableQuery((store, value: ValueOf<{ familyId: FamilyId }>) => store.insertInto('audit').values({ at_ms: 0, event: 1, actor: null, subject: value('familyId') }))
  await database.write.write(async () => { await assert.rejects(insert(kept.store, { familyId: 'late' as FamilyId }), /done with its transaction/) })
  assert.deepEqual(await database.read.selectFrom('audit').selectAll().execute(), [])
  await database.close()
})

test('closing finishes what is queued and refuses what comes later', async (t) => {
  const dataDir = temporaryFolder(t)
  const database = await openDatabase({ dataDir, keys: {}, random: systemRandom })
  const queued = Array.from({ length: 600 }, (_, i) => database.write.write((store) => insertAccount(store, String(i))))
  await database.close()
  await Promise.all(queued)
  await assert.rejects(database.write.write((store) => insertAccount(store, 'late')), { code: 'protocol.server.unavailable' })
  const again = await openDatabase({ dataDir, keys: {}, random: systemRandom })
  assert.equal((await names(again)).length, 600)
  await again.close()
})

test('a bucket gives its burst, then its rate, and a clock that goes back gives nothing extra', () => {
  const clock = manualClock(1000)
  const buckets = new TokenBuckets(clock, { burst: 2, perSecond: 1 })
  const take = (key: string, times: number): boolean[] => Array.from({ length: times }, () => buckets.take(key))
  assert.deepEqual(take('a', 3), [true, true, false])
  assert.deepEqual(take('b', 1), [true])
  clock.advance(1500)
  assert.deepEqual(take('a', 2), [true, false])
  clock.advance(-5000)
  assert.deepEqual(take('a', 1), [false])
})
