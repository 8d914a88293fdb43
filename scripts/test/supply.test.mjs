/**
 * S47: what is installed is what was looked at, what ships is listed, and a build says the same twice.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { hashOfBuild } from '../reproduce.mjs'
import { makeSbom } from '../sbom.mjs'
import { copyOfScripts } from './copy-of-scripts.mjs'

const RC = { '.npmrc': 'ignore-scripts=true\nsave-exact=true\n' }
const GOOD = { version: '1.0.0', integrity: 'sha512-AAAA' }
const lock = (packages) => ({ lockfileVersion: 3, packages: { '': {}, ...packages } })
const supply = (t, files) => copyOfScripts(t, files)('check-supply.mjs')

test('S47 a lock file of exact versions with hashes passes', (t) => {
  const { ok, output } = supply(t, { ...RC, 'package-lock.json': lock({ 'node_modules/a': GOOD, 'packages/x/node_modules/b': { ...GOOD, dev: true } }) })
  assert.ok(ok, output)
})

for (const [what, packages, complaint] of [
  ['without a hash', { 'node_modules/a': { version: '1.0.0' } }, 'has no hash'],
  ['with a weak hash', { 'node_modules/a': { version: '1.0.0', integrity: 'sha1-AAAA' } }, 'has no hash'],
  ['from a branch', { 'node_modules/a': { ...GOOD, version: 'main' } }, 'no exact version'],
  ['that runs code when it is installed', { 'node_modules/a': { ...GOOD, hasInstallScript: true } }, 'wants to run code'],
  ['too many', Object.fromEntries(Array.from({ length: 181 }, (_, i) => [`node_modules/a${i}`, GOOD])), '181 packages ship'],
]) {
  test(`S47 a package ${what} fails the check`, (t) => {
    const { ok, output } = supply(t, { ...RC, 'package-lock.json': lock(packages) })
    assert.equal(ok, false)
    assert.ok(output.includes(complaint), output)
  })
}

test('S47 settings that let packages run code fail the check', (t) => {
  const { ok, output } = supply(t, { '.npmrc': 'save-exact=true\n', 'package-lock.json': lock({}) })
  assert.equal(ok, false)
  assert.ok(output.includes('lacks ignore-scripts=true'), output)
})

test('S47 the bill of materials has every package that ships, with its hash and licence, and none that does not', () => {
  const real = JSON.parse(readFileSync(new URL('../../package-lock.json', import.meta.url), 'utf8'))
  const { components } = makeSbom(real)
  const names = new Set(components.map(({ name }) => name))
  for (const name of ['fastify', 'better-sqlite3-multiple-ciphers', '@simplewebauthn/server', '@noble/hashes']) assert.ok(names.has(name), name)
  for (const name of ['eslint', 'typescript', 'playwright-core']) assert.ok(!names.has(name), name)
  for (const { name, hashes, licenses } of components) {
    assert.equal(hashes?.[0]?.content.length, 128, name)
    assert.ok(licenses !== undefined && !/GPL/.test(JSON.stringify(licenses)), name)
  }
})

test('S47 a package built twice has the same hash', () => {
  assert.equal(hashOfBuild('base'), hashOfBuild('base'))
})
