/**
 * The SQLite store keeps the contract of stores.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { openSqliteStore } from '@famichat/client/node'
import { STORE_CASES } from './contract.js'

for (const { name, run } of STORE_CASES) {
  test(`SQLite: ${name}`, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'famichat-store-'))
    t.after(() => { rmSync(folder, { recursive: true, force: true }) })
    await run(() => Promise.resolve(openSqliteStore({ folder })))
  })
}
