/**
 * Cost against members as SVG: one panel per piece of work, one line per contender, both axes in powers of ten.
 */
import { formatBytes, formatTime } from './format.js'
import type { Results } from './results.js'
import type { Work } from './tables.js'

const COLOURS = ['#0b7a5b', '#b3541e', '#3b5bb5', '#a3267f', '#c08a00', '#1b8ea6', '#6a4fbf', '#5d6b2f', '#8c2f39', '#444444']
const WIDTH = 360
const HEIGHT = 220
const LEFT = 64
const TOP = 12
const BOTTOM = 26

/** The colour of the contender at this place in the list. */
export const colourOf = (index: number): string => COLOURS[index % COLOURS.length] ?? '#000'

interface Scale {
  readonly min: number
  readonly max: number
}

const scaleOf = (values: readonly number[]): Scale => {
  const min = Math.floor(Math.log10(Math.max(1, Math.min(...values))))
  return { min, max: Math.max(min + 1, Math.ceil(Math.log10(Math.max(...values)))) }
}

const along = (value: number, { min, max }: Scale, length: number): number => ((Math.log10(Math.max(1, value)) - min) / (max - min)) * length

/** One panel; undefined where nothing was measured. */
export const panel = (results: Results, { names, unit, title }: Work, contenders: readonly string[]): string | undefined => {
  const lines = contenders.map((id) => results.sizes.flatMap((members) => {
    const value = results.value(id, members, ...names)
    return value === undefined ? [] : [{ members, value: value.median }]
  }))
  const points = lines.flat()
  if (points.length === 0) return undefined
  const ys = scaleOf(points.map(({ value }) => value))
  const { min, max } = { min: Math.log10(Math.min(...results.sizes)), max: Math.log10(Math.max(...results.sizes)) }
  const xs = { min, max: max > min ? max : min + 1 }
  const x = (members: number): string => (LEFT + along(members, xs, WIDTH)).toFixed(1)
  const y = (value: number): string => (TOP + HEIGHT - along(value, ys, HEIGHT)).toFixed(1)
  const label = unit === 'bytes' ? formatBytes : formatTime
  const grid = Array.from({ length: ys.max - ys.min + 1 }, (_, step) => 10 ** (ys.min + step)).map((value) =>
    `<line x1="${LEFT}" x2="${LEFT + WIDTH}" y1="${y(value)}" y2="${y(value)}" stroke="#ddd"/><text x="${LEFT - 6}" y="${y(value)}" dy="4" text-anchor="end">${label(value).replace(/\.0+(?= )/, '')}</text>`)
  const ticks = results.sizes.map((members) => `<text x="${x(members)}" y="${TOP + HEIGHT + 18}" text-anchor="middle">${members.toLocaleString('en')}</text>`)
  const drawn = lines.map((line, index) => {
    const path = line.map(({ members, value }) => `${x(members)},${y(value)}`).join(' ')
    return `<polyline points="${path}" fill="none" stroke="${colourOf(index)}" stroke-width="2"/>${line.map(({ members, value }) => `<circle cx="${x(members)}" cy="${y(value)}" r="3" fill="${colourOf(index)}"/>`).join('')}`
  })
  return `<svg viewBox="0 0 ${LEFT + WIDTH + 16} ${TOP + HEIGHT + BOTTOM}" role="img" aria-label="${title} against members">${grid.join('')}${ticks.join('')}${drawn.join('')}</svg>`
}
