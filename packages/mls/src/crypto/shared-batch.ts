/**
 * A batch of jobs in shared memory: a control block, a table of places, then jobs and room for results.
 * Layer: crypto. Lock-free: a job belongs to whoever counts `next` up to it.
 */

/** Shared memory for one batch; larger batches are split. */
export const BATCH_BYTES = 4 * 1024 * 1024
const MAX_JOBS = 4096
/** How long the calling thread waits for a helper that has taken a job. A job takes a fraction of a millisecond. */
const PATIENCE_MS = 2000

/** Int32 fields of the control block. */
const SIGNAL = 0
const NEXT = 1
const COUNT = 2
const DONE = 3
const CONTROL_FIELDS = 4
/** Per job: place of the job, its length, place of the result, its length (-1 until it is there). */
const FIELDS = 4
const TABLE_BYTES = 4 * (CONTROL_FIELDS + FIELDS * MAX_JOBS)
/** A value of `next` that no batch reaches: nothing is to be had. */
const CLOSED = 2 ** 30

export interface SharedBatch {
  readonly memory: SharedArrayBuffer
  readonly control: Int32Array
  readonly bytes: Uint8Array
}

export const openControl = (memory: SharedArrayBuffer): SharedBatch => {
  const control = new Int32Array(memory, 0, TABLE_BYTES / 4)
  if (Atomics.load(control, COUNT) === 0) Atomics.store(control, NEXT, CLOSED)
  return { memory, control, bytes: new Uint8Array(memory) }
}

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
  Atomics.store(control, COUNT, count)
  // from here on jobs can be taken: everything they need is written
  Atomics.store(control, NEXT, 0)
  Atomics.add(control, SIGNAL, 1)
  Atomics.notify(control, SIGNAL)
  return count
}

/** Does jobs until none is left to take. */
export const takeJobs = async ({ control, bytes }: SharedBatch, run: (job: Uint8Array) => Promise<Uint8Array>): Promise<void> => {
  for (;;) {
    const index = Atomics.add(control, NEXT, 1)
    if (index >= Atomics.load(control, COUNT)) return
    const entry = CONTROL_FIELDS + FIELDS * index
    const jobAt = Atomics.load(control, entry)
    const resultAt = Atomics.load(control, entry + 2)
    // node:crypto wants memory of its own
    const job = bytes.slice(jobAt, jobAt + Atomics.load(control, entry + 1))
    const result = await run(job)
    job.fill(0)
    bytes.set(result, resultAt)
    Atomics.store(control, entry + 3, result.length)
    Atomics.add(control, DONE, 1)
    Atomics.notify(control, DONE)
  }
}

/** Waits for the helpers' last jobs, and takes all results out. Undefined where a helper died over a job. */
export const finishBatch = ({ control, bytes }: SharedBatch, count: number): readonly (Uint8Array | undefined)[] => {
  for (let done = Atomics.load(control, DONE); done < count; done = Atomics.load(control, DONE)) {
    if (Atomics.wait(control, DONE, done, PATIENCE_MS) === 'timed-out') break
  }
  Atomics.store(control, NEXT, CLOSED)
  const results: (Uint8Array | undefined)[] = []
  let end = TABLE_BYTES
  for (let index = 0; index < count; index++) {
    const entry = CONTROL_FIELDS + FIELDS * index
    const resultAt = Atomics.load(control, entry + 2)
    const length = Atomics.load(control, entry + 3)
    results.push(length < 0 ? undefined : bytes.slice(resultAt, resultAt + length))
    end = Math.max(end, resultAt + Math.max(length, 0))
  }
  bytes.fill(0, TABLE_BYTES, end)
  return results
}

/** Sleeps until there is a batch that `seen` does not name, and returns its name. */
export const awaitBatch = ({ control }: SharedBatch, seen: number): number => {
  Atomics.wait(control, SIGNAL, seen)
  return Atomics.load(control, SIGNAL)
}
