/**
 * One turn at a time on a profile, across processes: an exclusive lock on an empty database, which the system frees
 * even after `kill -9`. Turns are short, so waiting is polling.
 */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import Sqlite from 'better-sqlite3-multiple-ciphers'
import type { Clock, RandomBytes } from '@famichat/base'
import { ClientError } from '../client-error.js'

const LOCK_FILE = 'profile.lock'

/** Gives turns to whoever asks, in this process in the order of asking. */
export class ProfileLock {
  readonly #database: Sqlite.Database
  readonly #clock: Clock
  readonly #random: RandomBytes
  readonly #patienceMs: number
  #last: Promise<unknown> = Promise.resolve()

  constructor({ folder, clock, random, patienceMs }: { folder: string; clock: Clock; random: RandomBytes; patienceMs: number }) {
    this.#database = new Sqlite(join(folder, LOCK_FILE), { timeout: 0 })
    this.#clock = clock
    this.#random = random
    this.#patienceMs = patienceMs
  }

  /** @throws ClientError `client.profile.busy` when others hold the profile for longer than the lock is patient */
  turn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(async () => {
      await this.#acquire()
      try {
        return await work()
      } finally {
        this.#database.exec('ROLLBACK')
      }
    })
    this.#last = result.catch(() => undefined)
    return result
  }

  /** Waits for the turn that runs, then lets go of the file. */
  async close(): Promise<void> {
    await this.#last
    this.#database.close()
  }

  async #acquire(): Promise<void> {
    const untilMs = this.#clock.nowMs() + this.#patienceMs
    for (;;) {
      try {
        this.#database.exec('BEGIN EXCLUSIVE')
        return
      } catch (cause) {
        const isBusy = cause instanceof Error && 'code' in cause && String(cause.code).startsWith('SQLITE_BUSY')
        if (!isBusy) throw new ClientError('client.store.failed', {}, { cause })
        if (this.#clock.nowMs() > untilMs) throw new ClientError('client.profile.busy', {}, { cause })
      }
      await sleep(1 + (this.#random(1)[0] ?? 0) % 12)
    }
  }
}
