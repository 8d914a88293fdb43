/**
 * Official vectors on the backends other than Node's.
 */
import { equal, ok } from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { nobleBackend } from '@famichat/mls/noble'
import { makeWebCryptoBackend } from '@famichat/mls/webcrypto'
import { runFile } from './vectors/run-vectors.js'
import { type Case, useVectorBackend } from './vectors/vector-file.js'

const folder = process.env.MLS_TEST_VECTORS ?? resolve(import.meta.dirname, '../../../../shared/mls-test-vectors')

/** Of TreeKEM the small trees of each suite: all take minutes here (`npm run vectors -- --backend noble PATH` does them). */
const isQuick = ({ update_paths: paths }: Case): boolean => !Array.isArray(paths) || paths.length <= 3

if (existsSync(folder)) {
  for (const backend of [await makeWebCryptoBackend(), nobleBackend]) {
    for (const file of ['crypto-basics.json', 'treekem.json', 'welcome.json']) {
      test(`official vectors on ${backend.name}: ${file} verifies`, async () => {
        useVectorBackend(backend)
        const { passed, failures, skipped } = await runFile(join(folder, file), isQuick)
        equal(failures.join('\n'), '')
        equal(skipped, 0)
        ok(passed > 0)
      })
    }
  }
} else {
  test('THE OFFICIAL TEST VECTORS ARE ABSENT: set MLS_TEST_VECTORS to their folder', { skip: 'no vectors' })
}
