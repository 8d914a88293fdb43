/**
 * Ids in telemetry: hashed with a salt that lives for a day in memory only. Within a day what belongs together can be seen;
 * across days, or with the database in hand, nothing (E33).
 */
import type { Clock, RandomBytes } from '@famichat/base'
import { utf8 } from '@famichat/base'
import { hmacSha256 } from '../signatures.js'
import { Buffer } from 'node:buffer'

const DAY_MS = 24 * 3600 * 1000
const SALT_BYTES = 32
/** Enough to tell a community's devices apart. */
const HASH_BYTES = 8

/** Hashes ids, each day differently. */
export class DailyHash {
  readonly #clock: Clock
  readonly #random: RandomBytes
  #day = -1
  #salt: Uint8Array

  constructor(clock: Clock, random: RandomBytes) {
    this.#clock = clock
    this.#random = random
    this.#salt = random(SALT_BYTES)
  }

  /** 16 hexadecimal digits. */
  of(id: string): string {
    const day = Math.floor(this.#clock.nowMs() / DAY_MS)
    if (day !== this.#day) {
      this.#day = day
      this.#salt = this.#random(SALT_BYTES)
    }
    return Buffer.from(hmacSha256(this.#salt, utf8(id)).subarray(0, HASH_BYTES)).toString('hex')
  }
}
