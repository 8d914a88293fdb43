/**
 * Single values: they open in their place under their key, and nowhere else.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { toBase64url } from '@famichat/base'
import { insecureSeededRandom } from '@famichat/base/testing'
import { KeyRing, type SealedColumn, Vault, VAULT_ERRORS, VaultError, type VaultErrorCode } from '@famichat/vault'
import { BODY, COLUMNS, NAME, NOTE, seededRing } from './support/tables.js'

const vaultWith = (ring: KeyRing, maxSeals?: number): Vault =>
  new Vault({ columns: COLUMNS, keys: () => ring, random: insecureSeededRandom(1), ...(maxSeals === undefined ? {} : { maxSeals }) })

const refuses = (code: VaultErrorCode, act: () => unknown): void => {
  assert.throws(act, (error) => {
    assert.ok(error instanceof VaultError, String(error))
    assert.equal(error.code, code)
    assert.ok(error.message.startsWith(VAULT_ERRORS[code].text))
    return true
  })
}

test('any text opens again in its place, and its clear text is not in what is stored', () => {
  const vault = vaultWith(seededRing(1))
  fc.assert(fc.property(fc.string({ unit: 'grapheme' }), fc.oneof(fc.string(), fc.integer(), fc.bigInt()), (text, rowId) => {
    const stored = vault.seal(NAME, rowId, text)
    assert.equal(vault.open(NAME, rowId, stored), text)
    if (text.length > 3) assert.ok(!Buffer.from(stored, 'base64url').includes(text))
  }), { seed: 1, numRuns: 300 })
})

test('the same value is stored differently each time', () => {
  const vault = vaultWith(seededRing(1))
  assert.notEqual(vault.seal(NAME, 'a', 'Ada'), vault.seal(NAME, 'a', 'Ada'))
})

test('S38: a value moved to another row, column or table, or relabelled with another key, does not open', () => {
  const ring = seededRing(1).withNewKey(insecureSeededRandom(2))
  const vault = vaultWith(ring)
  const other: SealedColumn = { ...NAME, table: 'letters' }
  fc.assert(fc.property(fc.string(), fc.string(), fc.string(), (text, row, otherRow) => {
    fc.pre(row !== otherRow)
    const stored = vault.seal(NAME, row, text)
    refuses('vault.value.refused', () => vault.open(NAME, otherRow, stored))
    refuses('vault.value.refused', () => vault.open(NOTE, row, stored))
    refuses('vault.value.refused', () => vault.open(other, row, stored))
    const bytes = Buffer.from(stored, 'base64url')
    assert.equal(bytes[2], 2)
    bytes[2] = 1
    refuses('vault.value.refused', () => vault.open(NAME, row, toBase64url(bytes)))
  }), { seed: 2, numRuns: 100 })
})

test('S38: a number and a text that look alike are different rows; so are places whose names join alike', () => {
  const vault = vaultWith(seededRing(1))
  refuses('vault.value.refused', () => vault.open(BODY, '7', vault.seal(BODY, 7, 'x')))
  assert.equal(vault.open(BODY, 7n, vault.seal(BODY, 7, 'x')), 'x')
  const ab: SealedColumn = { table: 'a', column: 'bc', rowId: 'id' }
  const abc: SealedColumn = { table: 'ab', column: 'c', rowId: 'id' }
  refuses('vault.value.refused', () => vault.open(abc, 'r', vault.seal(ab, 'r', 'x')))
})

test('each byte of a stored value matters', () => {
  const vault = vaultWith(seededRing(1))
  const bytes = Buffer.from(vault.seal(NAME, 'row', 'Ada Lovelace'), 'base64url')
  for (let at = 0; at < bytes.length; at++) {
    const changed = Buffer.from(bytes)
    changed.writeUInt8(changed.readUInt8(at) ^ 0x10, at)
    const code = at === 0 ? 'vault.value.malformed' : at < 3 ? 'vault.key.unknown' : 'vault.value.refused'
    refuses(code, () => vault.open(NAME, 'row', toBase64url(changed)))
  }
  for (const length of [0, 3, 14, 30]) refuses('vault.value.malformed', () => vault.open(NAME, 'row', toBase64url(bytes.subarray(0, length))))
  for (let length = 31; length < bytes.length; length++) refuses('vault.value.refused', () => vault.open(NAME, 'row', toBase64url(bytes.subarray(0, length))))
  refuses('vault.value.malformed', () => vault.open(NAME, 'row', 'Ada in clear'))
})

test('a ring of other keys opens nothing, and an error holds no clear text', () => {
  const stored = vaultWith(seededRing(1)).seal(NAME, 'row', 'Ada')
  refuses('vault.value.refused', () => vaultWith(seededRing(2)).open(NAME, 'row', stored))
  try {
    vaultWith(seededRing(2)).open(NAME, 'row', stored)
  } catch (error) {
    assert.ok(error instanceof VaultError)
    assert.deepEqual(error.toJSON(), { code: 'vault.value.refused', detail: { column: 'people.name', keyId: 1 } })
    assert.equal(error.cause, undefined)
  }
})

test('a key encrypts a bounded number of values of each column', () => {
  const vault = vaultWith(seededRing(1), 3)
  for (let i = 0; i < 3; i++) vault.seal(NAME, i, 'x')
  refuses('vault.key.exhausted', () => vault.seal(NAME, 4, 'x'))
  vault.seal(NOTE, 4, 'x')
})

test('S39: index values of one column say nothing about another, and there is one for each key of the ring', () => {
  const ring = seededRing(1)
  const vault = vaultWith(ring)
  const other: SealedColumn = { ...NAME, column: 'nickname' }
  fc.assert(fc.property(fc.string(), fc.string(), (a, b) => {
    const isSame = a.trim().toLowerCase() === b.trim().toLowerCase()
    assert.equal(vault.indexValue(NAME, a) === vault.indexValue(NAME, b), isSame)
    assert.notEqual(vault.indexValue(NAME, a), vault.indexValue(other, a))
  }), { seed: 3, numRuns: 200 })
  const both = vaultWith(ring.withNewKey(insecureSeededRandom(2)))
  const values = both.indexValues(NAME, 'Ada')
  assert.equal(new Set(values).size, 2)
  assert.equal(values[0], both.indexValue(NAME, 'Ada'))
  assert.equal(values[1], vault.indexValue(NAME, 'Ada'))
})

test('S39: a column without a blind index has no index values', () => {
  refuses('vault.column.not_indexed', () => vaultWith(seededRing(1)).indexValue(NOTE, 'x'))
})
