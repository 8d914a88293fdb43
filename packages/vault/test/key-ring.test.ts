/**
 * The key ring and its file.
 */
import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { systemRandom } from '@famichat/base'
import { insecureSeededRandom } from '@famichat/base/testing'
import { holdKeyRing, KeyRing, VaultError, type VaultErrorCode } from '@famichat/vault'
import { seededRing } from './support/tables.js'

const refuses = (code: VaultErrorCode, act: () => unknown): void => {
  assert.throws(act, (error) => error instanceof VaultError && error.code === code)
}

const folder = (t: TestContext): string => {
  const path = mkdtempSync(join(tmpdir(), 'famichat-vault-'))
  t.after(() => { rmSync(path, { recursive: true, force: true }) })
  return path
}

const textOf = (ring: KeyRing): string => Buffer.from(ring.format().expose()).toString()

test('the text form reads back, newest key first, and a comma ends a line too', () => {
  const ring = seededRing(1).withNewKey(insecureSeededRandom(2)).withNewKey(insecureSeededRandom(3))
  const text = textOf(ring)
  assert.deepEqual(KeyRing.parse(text).keyIds, [3, 2, 1])
  assert.equal(textOf(KeyRing.parse(text.trim().replaceAll('\n', ','))), text)
})

test('malformed rings are refused whole', () => {
  const hex = 'ab'.repeat(32)
  const texts = ['', 'v1', `v0 ${hex}`, `v65536 ${hex}`, `1 ${hex}`, `v1 ${hex}00`, `v1 ${hex.slice(2)}`, `v1 ${hex}\nv1 ${hex}`, `v1 ${hex}\nnonsense`,
    Array.from({ length: 17 }, (_, i) => `v${i + 1} ${hex}`).join('\n')]
  for (const text of texts) refuses('vault.key.malformed', () => KeyRing.parse(text))
})

test('the current key is not taken out, an unknown one is not there, and a wiped ring gives no key', () => {
  const ring = seededRing(1).withNewKey(insecureSeededRandom(2))
  refuses('vault.key.current', () => ring.without(2))
  refuses('vault.key.unknown', () => ring.without(9))
  const rest = ring.without(1)
  assert.deepEqual([rest.current, rest.keyIds], [2, [2]])
  // the smaller ring has keys of its own
  ring.wipe()
  assert.throws(() => ring.format(), { code: 'base.secret.wiped' })
  assert.ok(textOf(rest).startsWith('v2 '))
})

test('a ring prints as nothing secret', () => {
  const ring = seededRing(1)
  const hex = textOf(ring).slice(3, 67)
  assert.ok(!JSON.stringify(ring).includes(hex))
  assert.equal(String(ring.format()), '[Secret]')
})

test('the first use makes a file that only its owner reads; later ones find it; none is made beside encrypted data', (t) => {
  const path = join(folder(t), 'fields.key')
  const source = { path, dataExists: false, random: systemRandom }
  refuses('vault.key.missing', () => holdKeyRing({ ...source, dataExists: true }))
  assert.ok(!existsSync(path))
  const made = textOf(holdKeyRing(source).ring())
  assert.equal(statSync(path).mode & 0o777, 0o600)
  assert.equal(textOf(holdKeyRing({ ...source, dataExists: true }).ring()), made)
})

test('a file that others can read, or that is no ring, is refused', (t) => {
  const path = join(folder(t), 'fields.key')
  const source = { path, dataExists: true, random: systemRandom }
  writeFileSync(path, textOf(seededRing(1)), { mode: 0o644 })
  refuses('vault.key.exposed', () => holdKeyRing(source))
  chmodSync(path, 0o600)
  holdKeyRing(source)
  writeFileSync(path, 'nonsense')
  refuses('vault.key.malformed', () => holdKeyRing(source))
})

test('a process that holds the ring sees what another one makes of the file, and misses it when it goes', (t) => {
  const path = join(folder(t), 'fields.key')
  const source = { path, dataExists: false, random: systemRandom }
  const server = holdKeyRing(source)
  const command = holdKeyRing(source)
  assert.equal(server.ring().current, 1)
  command.replace(command.ring().withNewKey(systemRandom))
  assert.deepEqual(server.ring().keyIds, [2, 1])
  assert.deepEqual(readdirSync(join(path, '..')), ['fields.key'])
  assert.equal(statSync(path).mode & 0o777, 0o600)
  rmSync(path)
  refuses('vault.key.missing', () => server.ring())
})

test('a ring from the environment is used as it is, and cannot be changed', (t) => {
  const path = join(folder(t), 'fields.key')
  const given = textOf(seededRing(1))
  const holder = holdKeyRing({ path, given, dataExists: true, random: systemRandom })
  assert.equal(textOf(holder.ring()), given)
  refuses('vault.key.unwritable', () => { holder.replace(holder.ring().withNewKey(systemRandom)) })
  assert.ok(!existsSync(path))
})

test('a ring that cannot be written stays as it was', (t) => {
  const path = join(folder(t), 'fields.key')
  const holder = holdKeyRing({ path, dataExists: false, random: systemRandom })
  const before = readFileSync(path, 'utf8')
  // a folder where the new file would go: nobody, root included, can open it for writing
  mkdirSync(`${path}.new`)
  refuses('vault.key.unwritable', () => { holder.replace(holder.ring().withNewKey(systemRandom)) })
  assert.equal(readFileSync(path, 'utf8'), before)
})
