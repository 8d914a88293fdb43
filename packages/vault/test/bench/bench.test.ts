/**
 * The bench runs; what it prints is measured by `npm run vault-bench`.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { measureQueries, measureValues } from './bench.js'

test('values and queries are measured, each on the same data with and without encryption', async () => {
  const size = { rounds: 1, values: 20, rows: 50 }
  assert.deepEqual(measureValues(size).map(({ sealNs, openNs, indexNs }) => sealNs > 0 && openNs > 0 && indexNs > 0), [true, true, true])
  const queries = await measureQueries(size)
  assert.equal(queries.length, 6)
  for (const { query, plainUs, sealedUs } of queries) assert.ok(plainUs > 0 && sealedUs > 0, query)
})
