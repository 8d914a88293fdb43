/**
 * Seeded randomness and a hand-moved clock, for tests and simulations only.
 * Never import this from shipped code: the generator is predictable by design.
 */
import type { Clock, RandomBytes } from './clock.js'

/** A predictable generator (SplitMix32): the same seed gives the same bytes. */
export const insecureSeededRandom = (seed: number): RandomBytes => {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x9e3779b9) >>> 0
    let mixed = state
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad)
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
    return (mixed ^ (mixed >>> 15)) >>> 0
  }
  return (length) => {
    const bytes = new Uint8Array(length)
    for (let i = 0; i < length; i++) bytes[i] = next() & 0xff
    return bytes
  }
}

/** A whole number in `0 … below - 1` drawn from `random`. */
export const randomBelow = (random: RandomBytes, below: number): number => {
  const bytes = random(4)
  return new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0) % below
}

/** A clock that moves only when told to. */
export interface ManualClock extends Clock {
  advance(milliseconds: number): void
}

/** A clock that starts at `startMs` and moves only when told to. */
export const manualClock = (startMs: number): ManualClock => {
  let now = startMs
  return {
    nowMs: () => now,
    advance: (milliseconds) => {
      now += milliseconds
    },
  }
}
