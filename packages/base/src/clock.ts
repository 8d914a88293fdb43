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

/** The platform's random generator (Web Crypto, present in Node and in browsers). */
export const systemRandom: RandomBytes = (length) => {
  const bytes = new Uint8Array(length)
  for (let at = 0; at < length; at += 65536) {
    // eslint-disable-next-line no-restricted-properties -- the one place that asks the platform for randomness
    crypto.getRandomValues(bytes.subarray(at, Math.min(at + 65536, length)))
  }
  return bytes
}
