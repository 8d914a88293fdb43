/**
 * Ordinary queries on encrypted columns, and the queries that are refused because they could not work.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { sql } from 'kysely'
import { insecureSeededRandom } from '@famichat/base/testing'
import { VaultError, type VaultErrorCode } from '@famichat/vault'
import { type Book, heldRing, openBook, seededRing, type Tables } from './support/tables.js'

const bookOf = async (...people: readonly { readonly id: string; readonly name: string; readonly note?: string | null }[]): Promise<Book> => {
  const book = openBook(heldRing(seededRing(1)))
  for (const { id, name, note = null } of people) await book.db.insertInto('people').values({ person_id: id, name, note, age: 1 }).execute()
  return book
}

const refuses = async (code: VaultErrorCode, query: () => Promise<unknown>): Promise<void> => {
  await assert.rejects(async () => { await query() }, (error) => {
    assert.ok(error instanceof VaultError, String(error))
    assert.equal(error.code, code)
    return true
  })
}

test('what is written in clear lies encrypted, and reads back in clear', async () => {
  const { raw, db } = await bookOf({ id: 'a', name: 'Ada', note: 'countess' }, { id: 'b', name: 'Ben' })
  for (const row of await raw.selectFrom('people').selectAll().execute()) assert.ok(!/Ada|Ben|countess/.test(JSON.stringify(row)))
  const rows = await db.selectFrom('people').selectAll().orderBy('person_id').execute()
  assert.deepEqual(rows.map(({ person_id, name, note }) => [person_id, name, note]), [['a', 'Ada', 'countess'], ['b', 'Ben', null]])
})

test('columns can be selected alone, under other names, qualified, from a table with another name', async () => {
  const { db } = await bookOf({ id: 'a', name: 'Ada', note: 'countess' })
  assert.deepEqual(await db.selectFrom('people').select('name').execute(), [{ name: 'Ada' }])
  assert.deepEqual(await db.selectFrom('people').select(['name as called', 'people.note as said', 'age']).execute(), [{ called: 'Ada', said: 'countess', age: 1 }])
  assert.deepEqual(await db.selectFrom('people as p').select(['p.person_id', 'p.name']).execute(), [{ person_id: 'a', name: 'Ada' }])
  assert.deepEqual(await db.selectFrom('people').select((eb) => [eb.ref('name').as('x'), sql<number>`1 + 1`.as('two')]).execute(), [{ x: 'Ada', two: 2 }])
  assert.deepEqual(await db.selectFrom('people').select(['person_id as name_id', 'name']).distinct().execute().catch((error: unknown) => (error as VaultError).code), 'vault.query.row_unknown')
  assert.deepEqual(await db.selectFrom('people').select(['person_id', 'name']).distinct().execute(), [{ person_id: 'a', name: 'Ada' }])
})

test('joins open each side with its own row', async () => {
  const { db } = await bookOf({ id: 'a', name: 'Ada' }, { id: 'b', name: 'Ben' })
  await db.insertInto('letters').values([{ letter_id: 1, person_id: 'b', body: 'dear all' }, { letter_id: 2, person_id: 'nobody', body: 'lost' }]).execute()
  const rows = await db.selectFrom('letters').leftJoin('people as p', 'p.person_id', 'letters.person_id')
    .select(['p.name', 'letters.body']).orderBy('letter_id').execute()
  assert.deepEqual(rows, [{ name: 'Ben', body: 'dear all' }, { name: null, body: 'lost' }])
  const all = await db.selectFrom('letters').innerJoin('people', 'people.person_id', 'letters.person_id').selectAll('letters').select('people.name').execute()
  assert.deepEqual(all, [{ letter_id: 1, person_id: 'b', body: 'dear all', name: 'Ben' }])
})

test('equality on an indexed column finds by its normalized form, also in a query inside another', async () => {
  const { db } = await bookOf({ id: 'a', name: 'Ada' }, { id: 'b', name: 'Ben' })
  assert.deepEqual(await db.selectFrom('people').select('person_id').where('name', '=', ' ADA ').execute(), [{ person_id: 'a' }])
  assert.equal((await db.selectFrom('people').select('person_id').where('people.name', 'in', ['ada', 'ben', 'cem']).execute()).length, 2)
  const within = db.selectFrom('letters').selectAll().where((eb) => eb.exists(eb.selectFrom('people').select('person_id').where('name', '=', 'Ada')))
  await db.insertInto('letters').values({ letter_id: 1, person_id: 'a', body: 'x' }).execute()
  assert.equal((await within.execute()).length, 1)
  assert.equal((await db.deleteFrom('people').where('name', '=', 'ben').executeTakeFirst()).numDeletedRows, 1n)
})

test('updates seal for the row they name, with its index', async () => {
  const { raw, db } = await bookOf({ id: 'a', name: 'Ada' }, { id: 'b', name: 'Ben' })
  await db.updateTable('people').set({ name: 'Eve', note: 'new' }).where('age', '=', 1).where((eb) => eb.and([eb('person_id', '=', 'a')])).execute()
  assert.deepEqual(await db.selectFrom('people').select(['name', 'note']).where('name', '=', 'eve').execute(), [{ name: 'Eve', note: 'new' }])
  assert.deepEqual(await db.selectFrom('people').select('name').where('name', '=', 'ada').execute(), [])
  await db.updateTable('people').set('note', null).where('person_id', '=', 'a').execute()
  assert.deepEqual(await raw.selectFrom('people').select('note').where('person_id', '=', 'a').execute(), [{ note: null }])
  await db.updateTable('people').set({ age: 9 }).execute()
})

test('returning opens too', async () => {
  const { db } = await bookOf()
  const made = await db.insertInto('people').values({ person_id: 'a', name: 'Ada', note: null, age: 2 }).returning(['name', 'age']).execute()
  assert.deepEqual(made, [{ name: 'Ada', age: 2 }])
  const changed = await db.updateTable('people').set({ name: 'Eve' }).where('person_id', '=', 'a').returningAll().executeTakeFirstOrThrow()
  assert.equal(changed.name, 'Eve')
  assert.deepEqual(await db.deleteFrom('people').where('person_id', '=', 'a').returning('name as gone').execute(), [{ gone: 'Eve' }])
})

test('null tests, conflicts on the row id, transactions and many rows at once work as ever', async () => {
  const { db } = await bookOf({ id: 'a', name: 'Ada', note: 'x' })
  await db.transaction().execute(async (store) => {
    await store.insertInto('people').values([
      { person_id: 'a', name: 'Other', age: 1 }, { person_id: 'c', name: 'Cem', note: 'y', age: 1 }, { person_id: 'd', name: 'Dia', age: 1 },
    ] as never).onConflict((conflict) => conflict.column('person_id').doNothing()).execute()
  })
  const rows = await db.selectFrom('people').select(['name', 'note']).orderBy('person_id').execute()
  assert.deepEqual(rows.map(({ name, note }) => [name, note]), [['Ada', 'x'], ['Cem', 'y'], ['Dia', null]])
  assert.equal((await db.selectFrom('people').select('name').where('note', 'is not', null).execute()).length, 2)
})

test('a query that could only work on clear text is refused, and changes nothing', async () => {
  const { db } = await bookOf({ id: 'a', name: 'Ada', note: 'x' })
  const people = db.selectFrom('people')
  const queries: readonly (() => Promise<unknown>)[] = [
    () => people.select('age').orderBy('name').execute(),
    () => people.select('age').where('name', 'like', 'A%').execute(),
    () => people.select('age').where('name', '!=', 'Ada').execute(),
    () => people.select('age').where('name', '=', 7 as never).execute(),
    () => people.select('age').whereRef('name', '=', 'note').execute(),
    () => people.select('age').where((eb) => eb(eb.fn<string>('lower', ['name']), '=', 'ada')).execute(),
    () => people.select((eb) => eb.fn.max('name').as('last')).execute(),
    () => people.select((eb) => eb.fn.countAll().as('n')).groupBy('name').execute(),
    () => people.innerJoin('letters', 'letters.person_id', 'people.person_id').selectAll().execute(),
    () => people.innerJoin('letters', 'letters.body', 'people.note').select('age').execute(),
    () => people.select(['name', 'note as name']).execute(),
    () => db.selectFrom(people.select(['person_id', 'name']).as('inner')).selectAll().execute(),
    () => people.select('person_id').union(people.select('name as person_id')).execute(),
    () => db.updateTable('people').set((eb) => ({ name: eb.ref('note') as never })).where('person_id', '=', 'a').execute(),
    () => db.updateTable('people').set({ person_id: 'z' }).where('person_id', '=', 'a').execute(),
    () => db.updateTable('people').set({ name_index: 'z' }).where('person_id', '=', 'a').execute(),
    () => db.insertInto('people').values({ person_id: 'e', name: 'Eve', note: null, age: 1, name_index: 'z' }).execute(),
    () => db.insertInto('people').values({ person_id: 'e', name: 7 as never, note: null, age: 1 }).execute(),
    () => db.insertInto('people').values((eb) => ({ person_id: 'e', name: eb.fn<string>('lower', [eb.val('EVE')]), note: null, age: 1 })).execute(),
    () => db.insertInto('people').columns(['person_id', 'name', 'age']).expression(people.select(['person_id', 'age as name', 'age']) as never).execute(),
    () => db.insertInto('people').values({ person_id: 'a', name: 'Eve', note: null, age: 1 })
      .onConflict((conflict) => conflict.column('person_id').doUpdateSet({ name: 'Eve' })).execute(),
    () => db.replaceInto('people').values({ person_id: 'a', name: 'Eve', note: null, age: 1 }).execute(),
    () => db.mergeInto('people').using('letters', 'letters.person_id', 'people.person_id').whenMatched().thenDelete().execute(),
  ]
  for (const [at, query] of queries.entries()) {
    await refuses('vault.query.unsupported', query).catch((error: unknown) => { throw new Error(`query ${at}: ${String(error)}`) })
  }
  assert.deepEqual(await people.select(['person_id', 'name', 'note']).execute(), [{ person_id: 'a', name: 'Ada', note: 'x' }])
})

test('a look-up by a column without an index, and a write without its row, are refused', async () => {
  const { db } = await bookOf({ id: 'a', name: 'Ada', note: 'x' })
  await refuses('vault.column.not_indexed', () => db.selectFrom('people').select('age').where('note', '=', 'x').execute())
  await refuses('vault.query.row_unknown', () => db.updateTable('people').set({ name: 'x' }).where('age', '=', 1).execute())
  await refuses('vault.query.row_unknown', () => db.updateTable('people').set({ name: 'x' }).where((eb) => eb.or([eb('person_id', '=', 'a'), eb('age', '=', 1)])).execute())
  await refuses('vault.query.row_unknown', () => db.insertInto('letters').values({ person_id: 'a', body: 'x' } as never).execute())
})

test('S38: rows whose encrypted values were exchanged in the database do not open', async () => {
  const { raw, db } = await bookOf({ id: 'a', name: 'Ada' }, { id: 'b', name: 'Ben' })
  const [ada, ben] = await raw.selectFrom('people').select('name').orderBy('person_id').execute()
  await raw.updateTable('people').set({ name: ben?.name ?? '' }).where('person_id', '=', 'a').execute()
  await refuses('vault.value.refused', () => db.selectFrom('people').select('name').where('person_id', '=', 'a').execute())
  await raw.updateTable('people').set({ note: ada?.name ?? '' }).where('person_id', '=', 'a').execute()
  await refuses('vault.value.refused', () => db.selectFrom('people').select('note').where('person_id', '=', 'a').execute())
})

test('clear text that somebody wrote past the vault is not handed out as if it were authentic', async () => {
  const { raw, db } = await bookOf({ id: 'a', name: 'Ada' })
  await raw.updateTable('people').set({ name: 'Mallory' }).execute()
  await refuses('vault.value.malformed', () => db.selectFrom('people').select('name').execute())
  await raw.updateTable('people').set({ name: 7 as never }).execute()
  await refuses('vault.value.malformed', () => db.selectFrom('people').select('name').execute())
})

test('any sequence of writes reads back as it would in clear', async () => {
  const text = fc.string({ maxLength: 12 })
  const act = fc.oneof(
    fc.record({ kind: fc.constant('insert' as const), id: fc.integer({ min: 0, max: 5 }), name: text, note: fc.option(text) }),
    fc.record({ kind: fc.constant('update' as const), id: fc.integer({ min: 0, max: 5 }), name: text, note: fc.option(text) }),
    fc.record({ kind: fc.constant('delete' as const), id: fc.integer({ min: 0, max: 5 }) }),
    fc.record({ kind: fc.constant('rotate' as const) }),
  )
  const withoutIndex = (rows: readonly (Omit<Tables['people'], 'name_index'> & { name_index: unknown })[]) =>
    rows.map(({ person_id, name, note }) => ({ person_id, name, note }))
  await fc.assert(fc.asyncProperty(fc.array(act, { maxLength: 15 }), async (acts) => {
    const holder = heldRing(seededRing(1))
    const { db, sqlite } = openBook(holder)
    const model = new Map<string, { name: string; note: string | null }>()
    for (const step of acts) {
      if (step.kind === 'rotate') {
        if (holder.ring().keyIds.length < 16) holder.replace(holder.ring().withNewKey(insecureSeededRandom(holder.ring().current)))
        continue
      }
      const id = `p${step.id}`
      if (step.kind === 'delete') {
        await db.deleteFrom('people').where('person_id', '=', id).execute()
        model.delete(id)
      } else if (step.kind === 'insert') {
        await db.insertInto('people').values({ person_id: id, name: step.name, note: step.note, age: 1 }).onConflict((conflict) => conflict.doNothing()).execute()
        if (!model.has(id)) model.set(id, { name: step.name, note: step.note })
      } else {
        await db.updateTable('people').set({ name: step.name, note: step.note }).where('person_id', '=', id).execute()
        if (model.has(id)) model.set(id, { name: step.name, note: step.note })
      }
    }
    const expected = [...model].map(([person_id, row]) => ({ person_id, ...row })).sort((a, b) => a.person_id < b.person_id ? -1 : 1)
    assert.deepEqual(withoutIndex(await db.selectFrom('people').selectAll().orderBy('person_id').execute()), expected)
    for (const { person_id, name } of expected) {
      const found = await db.selectFrom('people').select('person_id').where('name', '=', name).execute()
      assert.ok(found.some((row) => row.person_id === person_id))
    }
    sqlite.close()
  }), { seed: 4, numRuns: 60 })
})
