/**
 * Rotation: while others read and write, again after it stopped anywhere, and the key that may not go yet.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { insecureSeededRandom } from '@famichat/base/testing'
import { columnName, dropKey, fixedRing, KeyRing, type KeyRingHolder, readStatus, rotate, type RotationProgress, VaultError, type VaultErrorCode } from '@famichat/vault'
import { type Book, heldRing, openBook, seededRing } from './support/tables.js'

const PEOPLE = 40

const filledBook = async (holder: KeyRingHolder = heldRing(seededRing(1))): Promise<Book> => {
  const book = openBook(holder)
  for (let i = 0; i < PEOPLE; i++) await book.db.insertInto('people').values({ person_id: `p${i}`, name: `Name ${i}`, note: i % 2 === 0 ? null : `note ${i}`, age: i }).execute()
  await book.db.insertInto('letters').values({ letter_id: 1, person_id: 'p1', body: 'dear all' }).execute()
  return book
}

const addKey = ({ holder }: Book): void => { holder.replace(holder.ring().withNewKey(insecureSeededRandom(holder.ring().current + 50))) }

const statusOf = async ({ raw, vault }: Book): Promise<readonly string[]> =>
  (await readStatus(raw, vault)).map(({ column, keys, unsealedRows }) =>
    `${columnName(column)}: ${keys.map(({ keyId, rows }) => `${rows} v${keyId}`).join(', ')}${unsealedRows === 0 ? '' : `, ${unsealedRows} unsealed`}`)

const failsWith = (code: VaultErrorCode, detail: object, work: Promise<unknown>): Promise<void> =>
  assert.rejects(work, (error) => {
    assert.ok(error instanceof VaultError, String(error))
    assert.deepEqual(error.toJSON(), { code, detail })
    return true
  })

test('the status counts values by column and key, and those that are not encrypted', async () => {
  const book = await filledBook()
  addKey(book)
  await book.db.updateTable('people').set({ name: 'New' }).where('person_id', '=', 'p0').execute()
  await book.raw.updateTable('people').set({ note: 'in clear' }).where('person_id', '=', 'p0').execute()
  assert.deepEqual(await statusOf(book), ['people.name: 1 v2, 39 v1', 'people.note: 20 v1, 1 unsealed', 'letters.body: 1 v1'])
})

test('a rotation brings every value and index under the first key, and says how far it is', async () => {
  const book = await filledBook()
  addKey(book)
  const seen: RotationProgress[] = []
  assert.equal(await rotate({ db: book.db, vault: book.vault, onProgress: (progress) => { seen.push(progress) }, batchRows: 16 }), PEOPLE + PEOPLE / 2 + 1)
  assert.deepEqual(await statusOf(book), ['people.name: 40 v2', 'people.note: 20 v2', 'letters.body: 1 v2'])
  assert.deepEqual(seen.filter(({ column }) => column.column === 'name').map(({ doneRows, totalRows }) => [doneRows, totalRows]), [[0, 40], [16, 40], [32, 40], [40, 40]])
  await dropKey({ db: book.db, vault: book.vault, holder: book.holder, keyId: 1 })
  assert.deepEqual(book.holder.ring().keyIds, [2])
  assert.deepEqual(await book.db.selectFrom('people').select('person_id').where('name', '=', 'name 7').execute(), [{ person_id: 'p7' }])
  assert.equal(await rotate({ db: book.db, vault: book.vault }), 0)
})

test('S39: during a rotation a look-up finds rows whichever key they are under', async () => {
  const book = await filledBook()
  addKey(book)
  const stop = new Error('stop')
  const onProgress = ({ doneRows }: RotationProgress): void => { if (doneRows >= 20) throw stop }
  await assert.rejects(rotate({ db: book.db, vault: book.vault, batchRows: 10, onProgress }), stop)
  assert.equal((await statusOf(book))[0], 'people.name: 20 v2, 20 v1')
  for (let i = 0; i < PEOPLE; i++) {
    assert.deepEqual(await book.db.selectFrom('people').select('person_id').where('name', '=', `name ${i}`).execute(), [{ person_id: `p${i}` }])
  }
})

test('S37: a key in use stays, with the number of values that need it; so do the first key and what is not there', async () => {
  const book = await filledBook()
  const drop = (keyId: number) => dropKey({ db: book.db, vault: book.vault, holder: book.holder, keyId })
  await failsWith('vault.key.current', { keyId: 1 }, drop(1))
  addKey(book)
  await failsWith('vault.key.in_use', { keyId: 1, rows: 40, column: 'people.name' }, drop(1))
  await failsWith('vault.key.unknown', { keyId: 9 }, drop(9))
  assert.deepEqual(book.holder.ring().keyIds, [2, 1])
  await rotate({ db: book.db, vault: book.vault })
  await book.raw.updateTable('people').set({ note: 'AQABxxxx' }).where('person_id', '=', 'p3').execute()
  await failsWith('vault.key.in_use', { keyId: 1, rows: 1, column: 'people.note' }, drop(1))
})

test('a row that somebody changes while it is rotated stays as they wrote it', async () => {
  const book = await filledBook()
  addKey(book)
  let writes = 0
  // the vault is asked to open each row just before it is rewritten: a change between the two
  const { vault, sqlite } = book
  const open = vault.open.bind(vault)
  Object.defineProperty(vault, 'open', {
    value: (column: Parameters<typeof open>[0], id: string | number, stored: string) => {
      if (column.column === 'name' && id === 'p5' && writes++ === 0) {
        sqlite.prepare('UPDATE people SET name = ?, name_index = ? WHERE person_id = ?').run(vault.seal(column, id, 'Newer'), vault.indexValue(column, 'Newer'), id)
      }
      return open(column, id, stored)
    },
  })
  await rotate({ db: book.db, vault })
  assert.deepEqual(await book.db.selectFrom('people').select('name').where('person_id', '=', 'p5').execute(), [{ name: 'Newer' }])
  assert.equal((await statusOf(book))[0], 'people.name: 40 v2')
})

test('a writer that does not know the new key is noticed', async () => {
  const book = await filledBook()
  const old = openBook(fixedRing(seededRing(1)))
  addKey(book)
  let round = 0
  const onProgress = ({ column, doneRows }: RotationProgress): void => {
    if (column.column !== 'name' || doneRows === 0) return
    const sealed = old.vault.seal(column, 'p0', `Old ${round++}`)
    book.sqlite.prepare("UPDATE people SET name = ? WHERE person_id = 'p0'").run(sealed)
  }
  await failsWith('vault.rotation.stalled', { column: 'people.name', rows: 1 }, rotate({ db: book.db, vault: book.vault, onProgress }))
})

test('a value that does not open stops the rotation and is kept as it is', async () => {
  const book = await filledBook()
  const moved = await book.raw.selectFrom('people').select('name').where('person_id', '=', 'p1').executeTakeFirstOrThrow()
  await book.raw.updateTable('people').set({ name: moved.name }).where('person_id', '=', 'p2').execute()
  addKey(book)
  await failsWith('vault.value.refused', { column: 'people.name', keyId: 1 }, rotate({ db: book.db, vault: book.vault }))
  assert.equal((await book.raw.selectFrom('people').select('name').where('person_id', '=', 'p2').executeTakeFirstOrThrow()).name, moved.name)
})

test('a ring without the key of a value reads nothing of it', async () => {
  const book = await filledBook()
  book.holder.replace(KeyRing.parse(`v2 ${'ab'.repeat(32)}`))
  await failsWith('vault.key.unknown', { keyId: 1 }, book.db.selectFrom('people').select('name').execute())
})
