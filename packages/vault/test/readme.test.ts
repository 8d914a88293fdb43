/**
 * The example in the README, as it stands there.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

test('the example in the README runs and prints what it says', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'famichat-vault-readme-'))
  t.after(() => { rmSync(folder, { recursive: true, force: true }) })
  const [, code] = /```js\n(.*?)```/s.exec(readFileSync(new URL('../README.md', import.meta.url), 'utf8')) ?? []
  assert.ok(code !== undefined)
  // beside the tests, so that it finds the packages
  const file = new URL('readme-example.mjs', import.meta.url).pathname
  writeFileSync(file, `const folder = ${JSON.stringify(folder)}\n${code}`)
  const lines = execFileSync(process.execPath, [file], { encoding: 'utf8' }).trim().split('\n')
  assert.equal(lines[0], "{ user_id: 'u1', phone: '555-0100' }")
  assert.match(lines[1] ?? '', /^AQAB/)
  assert.deepEqual(lines.slice(-2), ['email [ { keyId: 2, rows: 1 } ]', 'phone [ { keyId: 2, rows: 1 } ]'])
})
