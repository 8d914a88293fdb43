/**
 * Timing: medians of several runs, and how far they spread.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Microseconds per call: the median of the runs, the fastest and the slowest. */
export interface Measured {
  readonly median: number
  readonly low: number
  readonly high: number
}

export interface MeasureOptions {
  /** Runs the median is taken of. */
  readonly runs?: number
  /** Calls in one run. */
  readonly calls?: number
  /** Runs thrown away beforehand (3), in which code is compiled: as many as it takes until the times stand still. */
  readonly warmUp?: number
  /** Done before each run, not counted. */
  readonly prepare?: () => unknown
  /** Collects young garbage before each run: for runs that leave so much that the next one would pay for it. */
  readonly collected?: true
}

/** The garbage collector, which programs are not given unless they ask for it; minor: of what is young, which leaves compiled code alone. */
export const collect = ((): ((options?: { readonly type: 'minor' }) => void) => {
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc') as () => void
})()

/** Work beside what it is compared with. */
export interface Compared {
  readonly ours: Measured
  readonly floor: Measured
  /** The median of the turns' own ratios: what slows the machine for seconds slows both halves of a turn. */
  readonly ratio: number
}

/**
 * Times two things in turns, so that a noisy machine slows both alike; the first turns, in which code is compiled, are thrown away.
 * `prepare` is not counted.
 */
export const compare = async (
  work: () => unknown, floor: () => unknown, { runs = 15, calls = 100, warmUp = 3, prepare = () => undefined, collected }: MeasureOptions = {},
): Promise<Compared> => {
  const ours: number[] = []
  const floors: number[] = []
  for (let run = -warmUp; run < runs; run++) {
    await prepare()
    if (collected) collect({ type: 'minor' })
    const a = await timed(work, calls)
    if (collected) collect({ type: 'minor' })
    const b = await timed(floor, calls)
    if (run < 0) continue
    ours.push(a)
    floors.push(b)
  }
  return { ours: summarise(ours), floor: summarise(floors), ratio: summarise(ours.map((time, turn) => time / (floors[turn] ?? NaN))).median }
}

const timed = async (work: () => unknown, calls: number): Promise<number> => {
  const started = process.hrtime.bigint()
  for (let call = 0; call < calls; call++) await work()
  return Number(process.hrtime.bigint() - started) / 1000 / calls
}

/** The median of samples. */
const summarise = (samples: readonly number[]): Measured => {
  const sorted = [...samples].sort((a, b) => a - b)
  return { median: sorted[Math.floor(sorted.length / 2)] ?? NaN, low: sorted[0] ?? NaN, high: sorted.at(-1) ?? NaN }
}
