/**
 * The one writer: jobs run one after the other, all that wait share one transaction, and each is answered after the
 * transaction is on disk (group commit). A job that throws is undone alone; the others of its transaction stand.
 */
import { performance } from 'node:perf_hooks'
import type { Kysely, Transaction } from 'kysely'
import { ProtocolError } from '@famichat/protocol'
import { endDirect, runDirect } from './direct-statements.js'
import { type DiskProblem, diskProblemOf } from './disk-problem.js'
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

const SAVEPOINT = 'savepoint job'
const RELEASE = 'release job'
const ROLL_BACK = 'rollback to job'

/** A transaction that has ended. */
export interface WrittenTransaction {
  readonly jobs: number
  readonly seconds: number
  /** Why nothing of it stands; undefined when it does. */
  readonly problem: DiskProblem | undefined
}

/** Changes the database, one job at a time. */
export class WriteQueue {
  readonly #db: Kysely<Schema>
  readonly #onTransaction: (transaction: WrittenTransaction) => void
  #waiting: Queued[] = []
  #draining: Promise<void> | undefined
  #closed = false

  /** @param onTransaction told of each transaction before its jobs are answered */
  constructor(db: Kysely<Schema>, onTransaction: (transaction: WrittenTransaction) => void = () => undefined) {
    this.#db = db
    this.#onTransaction = onTransaction
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
    const started = performance.now()
    const tell = (problem?: DiskProblem): void => {
      this.#onTransaction({ jobs: jobs.length, seconds: (performance.now() - started) / 1000, problem })
    }
    let problem: DiskProblem | undefined
    try {
      await this.#db.transaction().execute(async (store) => {
        try {
          for (const job of jobs) settle.push(await runAlone(job, store))
          endDirect(store)
        } catch (error) {
          endDirect(store)
          // taking back what SQLite has taken back already fails too, and would hide why
          problem = diskProblemOf(error)
          throw error
        }
      })
    } catch (cause) {
      tell(problem ?? diskProblemOf(cause) ?? 'disk_error')
      for (const job of jobs) job.fail(new ProtocolError('protocol.server.unavailable', {}, { cause }))
      return
    }
    tell()
    for (const answer of settle) answer()
  }
}

const runAlone = async (job: Queued, store: Transaction<Schema>): Promise<() => void> => {
  await runDirect(store, SAVEPOINT)
  try {
    const settle = await job.run(store)
    await runDirect(store, RELEASE)
    return settle
  } catch (error) {
    // SQLite may have undone the whole transaction already: nothing of it may be told as stored
    if (diskProblemOf(error) !== undefined) throw error
    await runDirect(store, ROLL_BACK)
    await runDirect(store, RELEASE)
    return () => { job.fail(error) }
  }
}
