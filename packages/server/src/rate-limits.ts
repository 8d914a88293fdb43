/**
 * Token buckets: so many at once, so many per second, per key (an address or a device). Memory is bounded.
 */
import type { Clock } from '@famichat/base'

/** `burst` at once, refilled by `perSecond`. */
export interface Rate {
  readonly burst: number
  readonly perSecond: number
}

/** The server's rates; every value may be changed by the operator. */
export interface RateLimits {
  /** Requests and new channels of one address. */
  readonly address: Rate
  /** Requests of one device. */
  readonly device: Rate
  /** Messages a device sends over its channels. */
  readonly send: Rate
  /** Frames of any kind, pings of the WebSocket among them, that a device sends over its channels; more close the channel. */
  readonly frame: Rate
  /** Claims that one account, with whichever of its devices, may make of another: each takes a KeyPackage of each device. */
  readonly claim: Rate
  /** Requests of one device to be added afresh to one conversation that connected members are told of at once; others they hear of when they sync. */
  readonly readd: Rate
}

/** Generous for people, tight for programs gone wild. */
export const DEFAULT_RATE_LIMITS: RateLimits = {
  address: { burst: 600, perSecond: 100 },
  device: { burst: 300, perSecond: 50 },
  send: { burst: 400, perSecond: 100 },
  frame: { burst: 4000, perSecond: 400 },
  claim: { burst: 60, perSecond: 60 / 3600 },
  readd: { burst: 6, perSecond: 6 / 3600 },
}

const MAX_KEYS = 20_000

/** One bucket per key. */
export class TokenBuckets {
  readonly #clock: Clock
  readonly #rate: Rate
  readonly #buckets = new Map<string, { tokens: number; atMs: number }>()

  constructor(clock: Clock, rate: Rate) {
    this.#clock = clock
    this.#rate = rate
  }

  /** Takes one; false when there is none left. */
  take(key: string): boolean {
    const atMs = this.#clock.nowMs()
    const held = this.#buckets.get(key)
    const elapsedSeconds = held === undefined ? 0 : Math.max(0, atMs - held.atMs) / 1000
    const tokens = held === undefined ? this.#rate.burst : Math.min(this.#rate.burst, held.tokens + elapsedSeconds * this.#rate.perSecond)
    this.#buckets.delete(key)
    if (this.#buckets.size >= MAX_KEYS) this.#forgetOldest()
    this.#buckets.set(key, { tokens: tokens >= 1 ? tokens - 1 : tokens, atMs })
    return tokens >= 1
  }

  /** The least recently used bucket: it had the most time to refill. */
  #forgetOldest(): void {
    const oldest = this.#buckets.keys().next()
    if (oldest.done !== true) this.#buckets.delete(oldest.value)
  }
}
