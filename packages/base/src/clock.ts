/**
 * Time and randomness as values that are passed in, so that every failure replays from its seed.
 */

/** Milliseconds since 1970-01-01T00:00:00Z. */
export interface Clock {
  nowMs(): number
}

/** Returns `length` fresh bytes that nobody else can predict. */
export type RandomBytes = (length: number) => Uint8Array

/** The machine's own clock. */
export const systemClock: Clock = {
  // eslint-disable-next-line no-restricted-properties -- the one place that reads the machine's clock
  nowMs: () => Date.now(),
}

/** A call to the platform costs more than the bytes: small requests share one. */
const POOL_BYTES = 2048
const LARGEST_FROM_POOL = 64
const pool = new Uint8Array(POOL_BYTES)
let poolAt = POOL_BYTES

/** The platform's random generator (Web Crypto, present in Node and in browsers). */
export const systemRandom: RandomBytes = (length) => {
  if (length > LARGEST_FROM_POOL) return filled(new Uint8Array(length))
  if (poolAt + length > POOL_BYTES) {
    filled(pool)
    poolAt = 0
  }
  const bytes = pool.slice(poolAt, poolAt + length)
  // what was given away is not kept
  pool.fill(0, poolAt, poolAt + length)
  poolAt += length
  return bytes
}

const filled = (bytes: Uint8Array<ArrayBuffer>): Uint8Array => {
  for (let at = 0; at < bytes.length; at += 65536) {
    // eslint-disable-next-line no-restricted-properties -- the one place that asks the platform for randomness
    crypto.getRandomValues(bytes.subarray(at, Math.min(at + 65536, bytes.length)))
  }
  return bytes
}
