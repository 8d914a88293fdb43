/**
 * A small run of `npm run rotation-kills`.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { killRotations } from './kills.js'

test('S37: a rotation killed again and again leaves every row readable and findable, and finishes when it is let', async () => {
  const { wrong, rotations } = await killRotations({ kills: 4, seed: 1, people: 40 })
  assert.deepEqual(Object.entries(wrong).filter(([, count]) => count > 0), [])
  assert.ok(rotations > 0)
})
