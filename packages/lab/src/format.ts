/**
 * Numbers as people read them.
 */
import type { Measurement, Spread } from './row.js'

/** A time with its unit. @param microseconds a duration */
export const formatTime = (microseconds: number): string => {
  if (microseconds >= 1_000_000) return `${digits(microseconds / 1_000_000)} s`
  return microseconds >= 1000 ? `${digits(microseconds / 1000)} ms` : `${digits(microseconds)} µs`
}

/** A size with its unit. */
export const formatBytes = (bytes: number): string => {
  if (bytes >= 1_000_000) return `${digits(bytes / 1_000_000)} MB`
  return bytes >= 10_000 ? `${digits(bytes / 1000)} kB` : `${Math.round(bytes).toLocaleString('en')} B`
}

/** The median, and the spread where there was more than one run. */
export const formatSpread = ({ median, low, high, runs }: Spread, unit: Measurement['unit']): string => {
  const format = unit === 'bytes' ? formatBytes : formatTime
  return runs === 1 || low === high ? format(median) : `${format(median)} (${format(low)}–${format(high)})`
}

const digits = (value: number): string => (value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2))
