/**
 * Timing: medians of several runs, and how far they spread.
 */

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
}

/** Times `work`, after one run that is thrown away. */
export const measure = async (work: () => unknown, { runs = 5, calls = 200 }: MeasureOptions = {}): Promise<Measured> => {
  const samples: number[] = []
  for (let run = 0; run <= runs; run++) {
    const started = process.hrtime.bigint()
    for (let call = 0; call < calls; call++) await work()
    if (run > 0) samples.push(Number(process.hrtime.bigint() - started) / 1000 / calls)
  }
  return summarise(samples)
}

/** Times work that has to be prepared anew for each call; preparation is not counted. */
export const measurePrepared = async <T>(prepare: () => T | Promise<T>, work: (prepared: T) => unknown, runs = 5): Promise<Measured> => {
  const samples: number[] = []
  for (let run = 0; run <= runs; run++) {
    const prepared = await prepare()
    const started = process.hrtime.bigint()
    await work(prepared)
    if (run > 0) samples.push(Number(process.hrtime.bigint() - started) / 1000)
  }
  return summarise(samples)
}

/** The median of samples. */
export const summarise = (samples: readonly number[]): Measured => {
  const sorted = [...samples].sort((a, b) => a - b)
  return { median: sorted[Math.floor(sorted.length / 2)] ?? NaN, low: sorted[0] ?? NaN, high: sorted.at(-1) ?? NaN }
}
