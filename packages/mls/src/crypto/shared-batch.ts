/**
 * A batch of jobs in shared memory: a control block, a table of places, then jobs and room for results.
 * Layer: crypto. Lock-free: jobs are counted down, and a job belongs to whoever took its number. A batch is over only when
 * all jobs that were taken are done, so a number can never be one of another batch.
 */
import { invariant } from '@famichat/base'

/** Shared memory for one batch; larger batches come in several. */
export const BATCH_BYTES = 4 * 1024 * 1024
const MAX_JOBS = 16_384
/** How long the calling thread waits for a helper that has taken a job. A job takes a fraction of a millisecond. */
const PATIENCE_MS = 2000
/** How long it only looks before it sleeps: as long as a job, for falling asleep and being woken take as long again. */
const LOOKING_MS = 0.2

/** Int32 fields of the control block: what wakes helpers, jobs still to be had (none: 0 or less), jobs done, helpers at work. */
const SIGNAL = 0
const OPEN = 1
const DONE = 2
const HELPERS = 3
const CONTROL_FIELDS = 4
/** Per job: place of the job, its length, place of the result, its length (-1 until it is there). */
const FIELDS = 4
const TABLE_BYTES = 4 * (CONTROL_FIELDS + FIELDS * MAX_JOBS)

export interface SharedBatch {
  readonly memory: SharedArrayBuffer
  readonly control: Int32Array
  readonly bytes: Uint8Array
}

export const openControl = (memory: SharedArrayBuffer): SharedBatch =>
  ({ memory, control: new Int32Array(memory, 0, TABLE_BYTES / 4), bytes: new Uint8Array(memory) })

/** How many of the jobs from `from` on fit into one batch. */
export const fittingJobs = (jobs: readonly Uint8Array[], from: number, maxResultBytes: number): number => {
  let at = TABLE_BYTES
  let count = 0
  for (let index = from; index < jobs.length && count < MAX_JOBS; index++) {
    at += (jobs[index]?.length ?? 0) + maxResultBytes
    if (at > BATCH_BYTES) break
    count++
  }
  return count
}

/** Lays out as many jobs as {@link fittingJobs} says and wakes the helpers; the first is taken first. */
export const writeBatch = ({ control, bytes }: SharedBatch, jobs: readonly Uint8Array[], maxResultBytes: number): void => {
  let at = TABLE_BYTES
  jobs.forEach((job, index) => {
    bytes.set(job, at)
    const entry = entryOf(jobs.length, index)
    control[entry] = at
    control[entry + 1] = job.length
    control[entry + 2] = at + job.length
    control[entry + 3] = -1
    at += job.length + maxResultBytes
  })
  Atomics.store(control, DONE, 0)
  // from here on jobs can be taken: everything they need is written
  Atomics.store(control, OPEN, jobs.length)
  Atomics.add(control, SIGNAL, 1)
  Atomics.notify(control, SIGNAL)
}

/** Numbers are counted down, so the first job lies last in the table. */
const entryOf = (count: number, index: number): number => CONTROL_FIELDS + FIELDS * (count - 1 - index)

/** Does the next job. False when all are taken. */
export const takeJob = ({ control, bytes }: SharedBatch, run: (job: Uint8Array) => Uint8Array): boolean => {
  const open = Atomics.sub(control, OPEN, 1)
  if (open <= 0) return false
  const entry = CONTROL_FIELDS + FIELDS * (open - 1)
  const jobAt = Atomics.load(control, entry)
  const resultAt = Atomics.load(control, entry + 2)
  // node:crypto wants memory of its own
  const job = bytes.slice(jobAt, jobAt + Atomics.load(control, entry + 1))
  const result = run(job)
  job.fill(0)
  bytes.set(result, resultAt)
  Atomics.store(control, entry + 3, result.length)
  result.fill(0)
  Atomics.add(control, DONE, 1)
  Atomics.notify(control, DONE)
  return true
}

/** A copy of one job's result, or undefined while it is not there. */
export const takeResult = ({ control, bytes }: SharedBatch, count: number, index: number): Uint8Array | undefined => {
  const entry = entryOf(count, index)
  const length = Atomics.load(control, entry + 3)
  if (length < 0) return undefined
  const at = Atomics.load(control, entry + 2)
  return bytes.slice(at, at + length)
}

/** Waits until one more job is done than when the caller looked. False when a helper died or stalled: never use the memory again. */
export const awaitProgress = ({ control }: SharedBatch, done: number): boolean => {
  const sleepAt = performance.now() + LOOKING_MS
  while (performance.now() < sleepAt) if (Atomics.load(control, DONE) !== done) return true
  return Atomics.wait(control, DONE, done, PATIENCE_MS) !== 'timed-out'
}

export const jobsDone = ({ control }: SharedBatch): number => Atomics.load(control, DONE)

/** Closes a batch: no more jobs are taken, those taken are awaited, and everything is wiped. False when a helper stalled. */
export const closeBatch = (batch: SharedBatch, count: number): boolean => {
  const { control, bytes } = batch
  const taken = count - Math.max(0, Atomics.exchange(control, OPEN, 0))
  let isWhole = true
  for (let done = jobsDone(batch); isWhole && done < taken; done = jobsDone(batch)) isWhole = awaitProgress(batch, done)
  let end = TABLE_BYTES
  if (count > 0) {
    const last = entryOf(count, count - 1)
    end = Math.max(end, Atomics.load(control, last + 2) + Math.max(0, Atomics.load(control, last + 3)))
  }
  invariant(end <= bytes.length, 'a batch ends within its memory')
  bytes.fill(0, TABLE_BYTES, end)
  return isWhole
}

/** A helper says that it is there: in shared memory, for a busy calling thread hears no messages. */
export const reportForWork = ({ control }: SharedBatch): void => { Atomics.add(control, HELPERS, 1) }

export const hasHelpers = ({ control }: SharedBatch): boolean => Atomics.load(control, HELPERS) > 0

/** Sleeps until there is a batch that `seen` does not name, and returns its name. */
export const awaitBatch = ({ control }: SharedBatch, seen: number): number => {
  Atomics.wait(control, SIGNAL, seen)
  return Atomics.load(control, SIGNAL)
}
