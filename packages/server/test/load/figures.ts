/**
 * What a load run measures, and the arithmetic on it: quantiles, slopes, medians of runs.
 */

/** The value below which `share` of the values are; 0 for none. */
export const quantile = (values: readonly number[], share: number): number => {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0
}

/** The middle one. */
export const median = (values: readonly number[]): number => quantile(values, 0.5)

/** Least squares: how much `y` grows for each step of `x`. */
export const slope = (points: readonly (readonly [x: number, y: number])[]): number => {
  const n = points.length
  const meanX = points.reduce((sum, [x]) => sum + x, 0) / n
  const meanY = points.reduce((sum, [, y]) => sum + y, 0) / n
  const above = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0)
  const below = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0)
  return below === 0 ? 0 : above / below
}

/** Milliseconds at two quantiles. */
export interface Latency {
  readonly p50: number
  readonly p99: number
}

/** The two quantiles that are told. */
export const latencyOf = (values: readonly number[]): Latency => ({ p50: quantile(values, 0.5), p99: quantile(values, 0.99) })
