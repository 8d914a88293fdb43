/**
 * A few kills; `npm run chaos -- --kills 200` does more.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runChaos } from './chaos.js'

test('S16 kill -9 under a steady load loses nothing that was acknowledged, doubles nothing, leaves no hole', async () => {
  const { seconds: _, slowestRestartMs: __, acknowledged, stored, sentAgain: ___, ...wrong } = await runChaos({ kills: 4, seed: 45, perSecond: 200 })
  assert.deepEqual(wrong, { acknowledgedButLost: 0, acknowledgedElsewhere: 0, storedTwice: 0, holes: 0, readWrongly: 0 })
  assert.ok(acknowledged > 50 && stored >= acknowledged, `${acknowledged.toString()} acknowledged, ${stored.toString()} stored`)
})
