/**
 * Statements that go past the vault's plugin: none that could read or write an encrypted column is ever run.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemRandom } from '@famichat/base'
import { runDirect } from '../dist/storage/direct-statements.js'
import { openDatabase, type Store } from '../dist/storage/open-database.js'
import { reusableQuery } from '../dist/storage/reusable-query.js'
import { SEALED_COLUMNS } from '../dist/storage/sealed-columns.js'
import { touchesSealed } from '../dist/storage/sealed-statements.js'
import { temporaryFolder } from './support/test-server.js'

const refuse = (act: Promise<unknown>): Promise<void> => assert.rejects(act, /touches no encrypted column/)

/** What could be written by somebody who forgot the plugin. */
const carelessly = (table: string, column: string, rowId: string): readonly string[] => [
  `select ${column} from ${table}`,
  `SELECT "${column}" FROM "${table.toUpperCase()}"`,
  `select a.${column} from ${table} as a join devices on 1 = 1`,
  `select * from ${table}`,
  `select t.* from\n${table} t`,
  `select ${rowId} from ${table} where ${column} = ?`,
  `update ${table} set ${column} = ? where ${rowId} = ?`,
  `update ${table} set ${rowId} = ? returning *`,
  `insert into ${table} values (?, ?, ?)`,
  `replace into ${table} (${rowId}) values (?)`,
  `delete from ${table} where ${column} = ?`,
  `with x as (select ${column} from [${table}]) select 1 from x`,
]

test('a statement past the plugin is refused for each encrypted column, however it would touch it', async (t) => {
  const database = await openDatabase({ dataDir: temporaryFolder(t), keys: {}, random: systemRandom })
  t.after(() => database.close())
  assert.ok(SEALED_COLUMNS.length >= 4)
  for (const { table, column, rowId, blindIndex } of SEALED_COLUMNS) {
    const statements = [...carelessly(table, column, rowId), ...blindIndex === undefined ? [] : [`select ${rowId} from ${table} where ${blindIndex.column} = ?`]]
    for (const statement of statements) {
      await refuse(runDirect(database.read, statement))
      await refuse(database.write.write((store) => runDirect(store, statement)))
    }
  }
})

test('a query that is built once is refused too: its rows would not be opened', async (t) => {
  const database = await openDatabase({ dataDir: temporaryFolder(t), keys: {}, random: systemRandom })
  t.after(() => database.close())
  const names = reusableQuery((store: Store) => store.selectFrom('accounts').select('name'))
  await refuse(names(database.read, {}))
  await refuse(database.write.write((store) => names(store, {})))
})

test('statements that name a table with encrypted columns for its other columns are run, and those of other tables', () => {
  for (const statement of [
    'savepoint job', 'select "push_subscriptions"."device_id" from "push_subscriptions" inner join "memberships" on 1 = 1 where "until_seq" is null',
    'delete from push_subscriptions where device_id = ?', 'select account_id from accounts where role = ?', 'select * from envelopes',
    'insert into envelopes (name) values (?)', 'update conversations set last_seq = last_seq + 1 returning last_seq',
  ]) assert.equal(touchesSealed(statement, SEALED_COLUMNS), false, statement)
})
