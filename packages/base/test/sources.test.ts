/**
 * Time and randomness: the machine's own, and the predictable ones tests and simulations use.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { equal, systemClock, systemRandom, toHex } from '@famichat/base'
import { insecureSeededRandom, manualClock, randomBelow } from '@famichat/base/testing'

test('a manual clock moves only when told to', () => {
  const clock = manualClock(1_000)
  assert.equal(clock.nowMs(), 1_000)
  clock.advance(250)
  assert.equal(clock.nowMs(), 1_250)
  assert.equal(clock.nowMs(), 1_250)
})

test('the same seed gives the same bytes, another seed gives others', () => {
  const first = insecureSeededRandom(7)
  assert.deepEqual(first(32), insecureSeededRandom(7)(32))
  assert.notDeepEqual(first(32), insecureSeededRandom(7)(32))
  assert.notDeepEqual(insecureSeededRandom(8)(32), insecureSeededRandom(7)(32))
})

test('the seeded generator never changes: recorded failures must replay', () => {
  assert.equal(toHex(insecureSeededRandom(1)(16)), '72f0fd396070b0a9bf80ed531e5ee7fc')
})

test('seeded bytes are spread over all values', () => {
  const counts = new Uint32Array(256)
  for (const byte of insecureSeededRandom(3)(65_536)) counts[byte] = (counts[byte] ?? 0) + 1
  for (const count of counts) assert.ok(count > 150 && count < 370, `${count} of about 256`)
})

test('a draw stays below its bound and reaches every value', () => {
  const random = insecureSeededRandom(5)
  const seen = new Set(Array.from({ length: 500 }, () => randomBelow(random, 6)))
  assert.deepEqual([...seen].sort(), [0, 1, 2, 3, 4, 5])
})

test('the platform gives as many bytes as asked for, beyond one call of its generator too', () => {
  for (const length of [0, 1, 32, 65_536, 65_537, 200_000]) assert.equal(systemRandom(length).length, length)
  const tail = systemRandom(65_600).subarray(65_536)
  assert.equal(equal(tail, new Uint8Array(64)), false)
})

test('the machine clock tells milliseconds of this century', () => {
  assert.ok(systemClock.nowMs() > 1_700_000_000_000 && Number.isInteger(systemClock.nowMs()))
})

test('random bytes of any small length never repeat, also where the pool runs out', () => {
  const seen = new Set<string>()
  for (let round = 0; round < 500; round++) {
    for (const length of [16, 31, 33, 64]) seen.add(toHex(systemRandom(length)))
  }
  assert.equal(seen.size, 2000)
  const given = systemRandom(32)
  given.fill(0)
  assert.notEqual(toHex(systemRandom(32)), toHex(given), 'what was given away is a copy')
})
