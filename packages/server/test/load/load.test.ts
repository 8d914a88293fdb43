/**
 * Small loads; `npm run load` measures. Nothing here depends on how fast the machine is: counts and ratios only.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { measureGroupCommit } from './group-commit.js'
import { measureIdle } from './idle.js'
import { measureStalled } from './stalled.js'
import { measureStorm } from './storm.js'
import { measureSteady } from './throughput.js'

test('messages that wait together share their way to the disk: several times as many get there', async () => {
  // best of three: work of others on the machine makes both slower, not equally
  let best = 0
  for (let attempt = 0; attempt < 3 && best < 5; attempt++) {
    best = Math.max(best, (await measureGroupCommit({ seed: 3, rounds: 3, together: 1500, alone: 100 })).ratio)
  }
  assert.ok(best > 2.5, `${best.toFixed(1)} times as many`)
})

test('each message reaches each of a hundred members', async () => {
  const { deliveriesPerSecond } = await measureSteady({ seed: 3, seconds: 1, members: 100, deliveriesPerSecond: 2000 })
  assert.ok(deliveriesPerSecond > 0)
})

test('an idle connection costs the server little', async () => {
  const { heapBytes } = await measureIdle({ seed: 3, steps: [50, 100, 150, 200] })
  assert.ok(heapBytes < 25 * 1024, `${heapBytes.toFixed(0)} bytes on the heap for each`)
})

test('S31 after a kill all clients are back, although they come at once', async () => {
  const { clients, attempts } = await measureStorm({ seed: 3, clients: 150 })
  assert.equal(clients, 150)
  assert.ok(attempts >= clients)
})

test('S29 sockets that stop reading are cut off, and the others get every message meanwhile', async () => {
  const { cutOff } = await measureStalled({ seed: 3, seconds: 1, stalled: 3, others: 10, deliveriesPerSecond: 500 })
  assert.equal(cutOff, 3)
})
