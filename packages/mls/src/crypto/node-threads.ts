/**
 * A parallel map over worker threads for Node: jobs lie in shared memory, and whoever is free takes the next.
 * Layer: crypto. The calling thread works too, so a batch is never slower than without threads; secrets are wiped from
 * the shared memory when the batch is done.
 */
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { present } from '@famichat/base'
import type { CryptoThreads } from './backend.js'
import { awaitJobs, BATCH_BYTES, hasHelpers, openControl, type SharedBatch, takeJobs, takeResults, wipeBatch, writeBatch } from './shared-batch.js'

/** Batches below this are done before a sleeping thread is awake: the path of a commit in a warm group of 1,000 is 10 jobs. */
const MIN_JOBS = 16
/** Threads are started once this many jobs could have been shared: starting one costs about 40 ms. */
const JOBS_TO_START = 64
const MAX_THREADS = 3

/** Threads that end with the process. @param run does one job in the calling thread */
export const makeNodeThreads = (run: (job: Uint8Array) => Promise<Uint8Array>): CryptoThreads | undefined => {
  const helpers = Math.min(availableParallelism() - 1, MAX_THREADS)
  if (helpers < 1) return undefined
  let pool: Pool | undefined
  let isBroken = false
  let busy = false
  let seen = 0
  const shared = async (using: Pool, work: SharedWork): Promise<readonly (Uint8Array | undefined)[]> => {
    let results: readonly (Uint8Array | undefined)[] | undefined
    try {
      results = await runShared(using.batch, run, work)
    } finally {
      if (results === undefined) {
        // never again in this process: whoever stalled may still write to that memory
        isBroken = true
        using.stop()
      }
    }
    return results ?? [undefined]
  }
  return {
    helpWith: (jobs) => {
      if (jobs < MIN_JOBS || isBroken) return false
      seen += jobs
      if (pool === undefined && seen >= JOBS_TO_START) pool = startPool(helpers)
      return !busy && pool?.isReady() === true
    },
    run: async (jobs, maxResultBytes) => {
      const results: Uint8Array[] = []
      busy = true
      try {
        while (results.length < jobs.length) {
          const from = results.length
          const found = pool === undefined || isBroken ? [undefined] : await shared(pool, { jobs, from, maxResultBytes })
          for (const [index, result] of found.entries()) results.push(result ?? await run(present(jobs[from + index], 'each result has its job')))
        }
      } finally {
        busy = false
      }
      return results
    },
  }
}

interface Pool {
  readonly batch: SharedBatch
  isReady(): boolean
  stop(): void
}

const startPool = (helpers: number): Pool => {
  const batch = openControl(new SharedArrayBuffer(BATCH_BYTES))
  let isBroken = false
  const workers = Array.from({ length: helpers }, () => {
    const worker = new Worker(new URL('./node-thread.js', import.meta.url), { workerData: batch.memory, stdin: false })
    worker.unref()
    worker.once('error', () => { isBroken = true })
    return worker
  })
  return {
    batch,
    isReady: () => !isBroken && hasHelpers(batch),
    stop: () => { for (const worker of workers) void worker.terminate() },
  }
}

interface SharedWork {
  readonly jobs: readonly Uint8Array[]
  readonly from: number
  readonly maxResultBytes: number
}

/** One filling of the shared memory; a job too large for it is left undone. Undefined when a helper stalled. */
const runShared = async (
  batch: SharedBatch, run: (job: Uint8Array) => Promise<Uint8Array>, { jobs, from, maxResultBytes }: SharedWork,
): Promise<readonly (Uint8Array | undefined)[] | undefined> => {
  const count = writeBatch(batch, jobs, { from, maxResultBytes })
  if (count === 0) return [undefined]
  let isWhole = false
  try {
    await takeJobs(batch, run)
    isWhole = awaitJobs(batch, count)
  } finally {
    if (!isWhole) wipeBatch(batch)
  }
  return isWhole ? takeResults(batch, count) : undefined
}
