/**
 * A parallel map over worker threads for Node: jobs lie in shared memory, and whoever is free takes the next.
 * Layer: crypto. The calling thread works too, so a batch is never slower than without threads; secrets are wiped from
 * the shared memory when the batch is done.
 */
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { CryptoThreads } from './backend.js'
import { BATCH_BYTES, finishBatch, openControl, type SharedBatch, takeJobs, writeBatch } from './shared-batch.js'

/** Batches below this are done before a sleeping thread is awake. */
const MIN_JOBS = 6
/** Threads are started once this many jobs could have been shared: starting one costs about 40 ms. */
const JOBS_TO_START = 64
const MAX_THREADS = 3

/** Threads that end with the process. @param run does one job in the calling thread */
export const makeNodeThreads = (run: (job: Uint8Array) => Promise<Uint8Array>): CryptoThreads | undefined => {
  const helpers = Math.min(availableParallelism() - 1, MAX_THREADS)
  if (helpers < 1) return undefined
  let batch: SharedBatch | undefined
  let busy = false
  let ready = 0
  let seen = 0
  const start = (): void => {
    const shared = openControl(new SharedArrayBuffer(BATCH_BYTES))
    batch = shared
    for (let i = 0; i < helpers; i++) {
      const worker = new Worker(new URL('./node-thread.js', import.meta.url), { workerData: shared.memory, stdin: false })
      worker.unref()
      worker.once('message', () => { ready++ })
      worker.once('error', () => { ready = -Infinity })
    }
  }
  return {
    helpWith: (jobs) => {
      if (jobs < MIN_JOBS) return false
      seen += jobs
      if (batch === undefined && seen >= JOBS_TO_START) start()
      return !busy && ready > 0
    },
    run: async (jobs, maxResultBytes) => {
      const results: Uint8Array[] = []
      busy = true
      try {
        while (results.length < jobs.length) {
          const count = batch === undefined ? 0 : writeBatch(batch, jobs, { from: results.length, maxResultBytes })
          if (batch === undefined || count === 0) {
            // larger than the shared memory
            results.push(await run(jobs[results.length] ?? new Uint8Array(0)))
            continue
          }
          await takeJobs(batch, run)
          const done = finishBatch(batch, count)
          const from = results.length
          for (const [index, result] of done.entries()) results.push(result ?? await run(jobs[from + index] ?? new Uint8Array(0)))
        }
      } finally {
        busy = false
      }
      return results
    },
  }
}
