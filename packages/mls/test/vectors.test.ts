/**
 * The working group's official vectors, all of them.
 */
import { equal, ok } from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { test } from 'node:test'
import { runFile, vectorFiles } from './vectors/run-vectors.js'

const OFFICIAL_CASES = 785
const folder = process.env.MLS_TEST_VECTORS ?? resolve(import.meta.dirname, '../../../../shared/mls-test-vectors')

if (existsSync(folder)) {
  let verified = 0
  for (const file of vectorFiles([folder])) {
    test(`official vectors: ${basename(file)} verifies, nothing skipped`, async () => {
      const { passed, failures, skipped } = await runFile(file)
      equal(failures.join('\n'), '')
      equal(skipped, 0)
      verified += passed
    })
  }
  test('all official cases were there', () => {
    ok(verified >= OFFICIAL_CASES, `${verified.toString()} of ${OFFICIAL_CASES.toString()} cases`)
  })
} else {
  test('THE OFFICIAL TEST VECTORS ARE ABSENT: set MLS_TEST_VECTORS to their folder', { skip: 'no vectors' })
}
