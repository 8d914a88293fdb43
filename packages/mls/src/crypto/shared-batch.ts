/**
 * A batch of jobs in shared memory: a control block, a table of places, then jobs and room for results.
 * Layer: crypto. Lock-free: jobs are counted down, and a job belongs to whoever took its number. A batch is over only when
 * all jobs are done, so a number can never be one of another batch.
 */

/** Shared memory for one batch; larger batches are split. */
export const BATCH_BYTES = 4 * 1024 * 1024
const MAX_JOBS = 4096
/** How long the calling thread waits for a helper that has taken a job. A job takes a fraction of a millisecond. */
const PATIENCE_MS = 2000

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

/** Lays out as many jobs as fit, wakes the helpers, and returns how many they are. */
export const writeBatch = (
  { control, bytes }: SharedBatch, jobs: readonly Uint8Array[], { from, maxResultBytes }: { readonly from: number; readonly maxResultBytes: number },
): number => {
  let at = TABLE_BYTES
  let count = 0
  for (let index = from; index < jobs.length && count < MAX_JOBS; index++) {
    const job = jobs[index]
    if (job === undefined || at + job.length + maxResultBytes > BATCH_BYTES) break
    bytes.set(job, at)
    control.set([at, job.length, at + job.length, -1], CONTROL_FIELDS + FIELDS * count)
    at += job.length + maxResultBytes
    count++
  }
  if (count === 0) return 0
  Atomics.store(control, DONE, 0)
  // from here on jobs can be taken: everything they need is written
  Atomics.store(control, OPEN, count)
  Atomics.add(control, SIGNAL, 1)
  Atomics.notify(control, SIGNAL)
  return count
}

/** Does jobs until none is left to take. */
export const takeJobs = async ({ control, bytes }: SharedBatch, run: (job: Uint8Array) => Promise<Uint8Array>): Promise<void> => {
  for (;;) {
    const open = Atomics.sub(control, OPEN, 1)
    if (open <= 0) return
    const entry = CONTROL_FIELDS + FIELDS * (open - 1)
    const jobAt = Atomics.load(control, entry)
    const resultAt = Atomics.load(control, entry + 2)
    // node:crypto wants memory of its own
    const job = bytes.slice(jobAt, jobAt + Atomics.load(control, entry + 1))
    const result = await run(job)
    job.fill(0)
    bytes.set(result, resultAt)
    Atomics.store(control, entry + 3, result.length)
    result.fill(0)
    Atomics.add(control, DONE, 1)
    Atomics.notify(control, DONE)
  }
}

/** Waits until every job is done. False when a helper died or stalled over one: the memory must not be used again. */
export const awaitJobs = ({ control }: SharedBatch, count: number): boolean => {
  for (let done = Atomics.load(control, DONE); done < count; done = Atomics.load(control, DONE)) {
    if (Atomics.wait(control, DONE, done, PATIENCE_MS) === 'timed-out') return false
  }
  return true
}

/** Takes the results of a finished batch out and wipes it. */
export const takeResults = ({ control, bytes }: SharedBatch, count: number): readonly Uint8Array[] => {
  const results: Uint8Array[] = []
  let end = TABLE_BYTES
  for (let index = 0; index < count; index++) {
    const entry = CONTROL_FIELDS + FIELDS * index
    const resultAt = Atomics.load(control, entry + 2)
    const length = Atomics.load(control, entry + 3)
    results.push(bytes.slice(resultAt, resultAt + length))
    end = Math.max(end, resultAt + length)
  }
  bytes.fill(0, TABLE_BYTES, end)
  return results
}

/** Closes a batch that is given up, and wipes what is in it. */
export const wipeBatch = ({ control, bytes }: SharedBatch): void => {
  Atomics.store(control, OPEN, 0)
  bytes.fill(0, TABLE_BYTES)
}

/** A helper says that it is there: in shared memory, for a busy calling thread hears no messages. */
export const reportForWork = ({ control }: SharedBatch): void => { Atomics.add(control, HELPERS, 1) }

export const hasHelpers = ({ control }: SharedBatch): boolean => Atomics.load(control, HELPERS) > 0

/** Sleeps until there is a batch that `seen` does not name, and returns its name. */
export const awaitBatch = ({ control }: SharedBatch, seen: number): number => {
  Atomics.wait(control, SIGNAL, seen)
  return Atomics.load(control, SIGNAL)
}
