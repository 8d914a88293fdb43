/**
 * S14 at scale, small here; `npm run races` does a thousand. And what a commit brings with it: all of it or nothing (S17),
 * nothing for who was removed (S25).
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runRaces } from './races/races.js'

test('S14 of eight commits that race for each of forty epochs exactly one wins, seven are told which, and the log has no hole', async () => {
  assert.deepEqual(await runRaces({ rounds: 40, committers: 8 }), { rounds: 40, wonOnce: 40, toldOfTheWinner: 40 * 7, holes: 0 })
})
