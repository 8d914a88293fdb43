/**
 * The one writer: jobs run one after the other, all that wait share one transaction, and each is answered after the
 * transaction is on disk (group commit). A job that throws is undone alone; the others of its transaction stand.
 */
import { CompiledQuery, type Kysely, type Transaction } from 'kysely'
import { ProtocolError } from '@famichat/protocol'
import type { Schema } from './schema.js'

/** Registers what to do once the job's change is durable; runs in order, before the job is answered. */
export type AfterCommit = (effect: () => void) => void

/** A change. What it returns is answered, what it throws undoes it. */
export type WriteJob<T> = (store: Transaction<Schema>, afterCommit: AfterCommit) => Promise<T>

interface Queued {
  /** Runs the job; the result settles the caller once the transaction is durable. */
  run(store: Transaction<Schema>): Promise<() => void>
  fail(error: unknown): void
}

/** Most jobs in one transaction: bounds how long a job waits for those before it. */
const MAX_JOBS = 256

const SAVEPOINT = CompiledQuery.raw('savepoint job')
const RELEASE = CompiledQuery.raw('release job')
const ROLL_BACK = CompiledQuery.raw('rollback to job')

/** Changes the database, one job at a time. */
export class WriteQueue {
  readonly #db: Kysely<Schema>
  #waiting: Queued[] = []
  #draining: Promise<void> | undefined
  #closed = false

  constructor(db: Kysely<Schema>) {
    this.#db = db
  }

  /** Queues a change. @throws ProtocolError `protocol.server.unavailable` when the server is stopping or the disk fails */
  write<T>(job: WriteJob<T>): Promise<T> {
    if (this.#closed) return Promise.reject(new ProtocolError('protocol.server.unavailable'))
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({
        run: async (store) => {
          const effects: (() => void)[] = []
          const value = await job(store, (effect) => { effects.push(effect) })
          return () => {
            try {
              for (const effect of effects) effect()
              resolve(value)
            } catch (error) {
              reject(error instanceof Error ? error : new Error('effect failed'))
            }
          }
        },
        fail: reject,
      })
      this.#draining ??= this.#drain()
    })
  }

  /** Finishes what is queued; later writes are refused. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#draining
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      // let everything that has already arrived join this transaction
      await new Promise((resolve) => { setImmediate(resolve) })
      await this.#writeTogether(this.#waiting.splice(0, MAX_JOBS))
    }
    this.#draining = undefined
  }

  async #writeTogether(jobs: readonly Queued[]): Promise<void> {
    const settle: (() => void)[] = []
    try {
      await this.#db.transaction().execute(async (store) => {
        for (const job of jobs) settle.push(await runAlone(job, store))
      })
    } catch (cause) {
      for (const job of jobs) job.fail(new ProtocolError('protocol.server.unavailable', {}, { cause }))
      return
    }
    for (const answer of settle) answer()
  }
}

const runAlone = async (job: Queued, store: Transaction<Schema>): Promise<() => void> => {
  await store.executeQuery(SAVEPOINT)
  try {
    const settle = await job.run(store)
    await store.executeQuery(RELEASE)
    return settle
  } catch (error) {
    await store.executeQuery(ROLL_BACK)
    await store.executeQuery(RELEASE)
    return () => { job.fail(error) }
  }
}
