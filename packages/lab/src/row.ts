/**
 * What the lab finds out, line by line: a worker sends rows as they come, so that a crash loses none of them.
 */

/** The median of several runs, and how far they spread; microseconds or bytes. */
export interface Spread {
  readonly median: number
  readonly low: number
  readonly high: number
  readonly runs: number
}

/** What one piece of work cost. */
export interface Measurement {
  readonly kind: 'measurement'
  readonly contender: string
  readonly members: number
  readonly work: string
  readonly unit: 'µs' | 'bytes'
  readonly value: Spread
}

/** How an attack or a test of a property ended. */
export type Outcome = 'holds' | 'partly' | 'fails' | 'not demonstrable'

/** One demonstrated property. */
export interface Finding {
  readonly kind: 'finding'
  readonly contender: string
  readonly experiment: string
  readonly outcome: Outcome
  /** What was seen, in a few words with numbers. */
  readonly seen: string
  /** How it was done, where that is not the same for all. */
  readonly how?: string
}

/** Something that could not be done. */
export interface Failure {
  readonly kind: 'failure'
  readonly contender: string
  /** Which part of the lab, and at which size. */
  readonly part: string
  readonly reason: string
}

/** Who took part. */
export interface Entry {
  readonly kind: 'entry'
  readonly contender: string
  readonly name: string
  readonly protocol: string
  readonly library: string
  readonly version: string
  readonly licence: string
  readonly note: string
}

export type Row = Measurement | Finding | Failure | Entry

/** The median of samples, at least one. */
export const spreadOf = (samples: readonly number[]): Spread => {
  const sorted = [...samples].sort((a, b) => a - b)
  return { median: sorted[Math.floor(sorted.length / 2)] ?? NaN, low: sorted[0] ?? NaN, high: sorted.at(-1) ?? NaN, runs: sorted.length }
}
