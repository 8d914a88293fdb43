/**
 * Jobs shared with worker threads in Node: they lie in shared memory, and whoever is free takes the next.
 * Layer: crypto. The calling thread goes on with other work meanwhile and helps when it needs a result, so sharing is never
 * slower than doing it all alone; secrets are wiped from the shared memory when the work is over.
 */
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { invariant, present } from '@famichat/base'
import type { CryptoThreads, SharedJobs } from './backend.js'
import {
  awaitProgress, BATCH_BYTES, closeBatch, fittingJobs, hasHelpers, jobsDone, openControl, type SharedBatch, takeJob, takeResult, writeBatch,
} from './shared-batch.js'

/** Fewer jobs than this are done before a sleeping thread is awake: waking it costs a tenth of a millisecond, as one job does. */
const MIN_JOBS = 4
/** Threads are started once this many jobs could have been shared: starting one takes about 40 ms. A batch as large need not wait for them. */
const JOBS_TO_START = 64
const MAX_THREADS = 3

type Run = (job: Uint8Array) => Uint8Array

/** Threads that end with the process. @param run does one job in the calling thread */
export const makeNodeThreads = (run: Run): CryptoThreads | undefined => {
  const helpers = Math.min(availableParallelism() - 1, MAX_THREADS)
  if (helpers < 1) return undefined
  let pool: Pool | undefined
  let isBusy = false
  let seen = 0
  return {
    share: (count, make, maxResultBytes) => {
      if (count < MIN_JOBS) return undefined
      seen += count
      if (pool === undefined && seen >= JOBS_TO_START) pool = startPool(helpers)
      // who comes late to a large batch takes part in what is left of it
      if (isBusy || pool === undefined || pool.isBroken() || !(hasHelpers(pool.batch) || count >= JOBS_TO_START)) return undefined
      const using = pool
      const jobs = make()
      isBusy = true
      return shareJobs(using, { jobs, maxResultBytes, run, onEnd: () => { isBusy = false } })
    },
  }
}

interface Pool {
  readonly batch: SharedBatch
  /** A thread failed or stalled. */
  isBroken(): boolean
  /** Never again in this process: whoever stalled may still write to that memory. */
  giveUp(): void
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
    isBroken: () => isBroken,
    giveUp: () => {
      isBroken = true
      for (const worker of workers) void worker.terminate()
    },
  }
}

interface Work {
  readonly jobs: readonly Uint8Array[]
  readonly maxResultBytes: number
  readonly run: Run
  readonly onEnd: () => void
}

const shareJobs = (pool: Pool, { jobs, maxResultBytes, run, onEnd }: Work): SharedJobs => {
  const { batch } = pool
  // jobs from..from + count lie in the shared memory
  let from = 0
  let count = 0
  let isShared = true
  const open = (at: number): void => {
    from = at
    count = fittingJobs(jobs, at, maxResultBytes)
    if (count > 0) writeBatch(batch, jobs.slice(at, at + count), maxResultBytes)
  }
  const close = (): void => {
    if (isShared && count > 0 && !closeBatch(batch, count)) {
      isShared = false
      pool.giveUp()
    }
    count = 0
  }
  const shared = (index: number): Uint8Array | undefined => {
    for (;;) {
      const done = jobsDone(batch)
      const result = takeResult(batch, count, index - from)
      if (result !== undefined) return result
      if (takeJob(batch, run) || awaitProgress(batch, done)) continue
      close()
      return undefined
    }
  }
  open(0)
  return {
    result: (index) => {
      invariant(index >= from, 'results are asked for in order')
      if (isShared && index >= from + count) {
        close()
        open(index)
      }
      return (isShared && count > 0 ? shared(index) : undefined) ?? run(present(jobs[index], 'each result has its job'))
    },
    end: () => {
      close()
      for (const job of jobs) job.fill(0)
      onEnd()
    },
  }
}
