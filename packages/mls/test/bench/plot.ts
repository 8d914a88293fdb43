/**
 * A plot of cost against members, as an SVG: one panel per piece of work, one line per implementation, both axes in powers.
 */
import type { PeerRow } from './peers.js'

const PANELS = ['send 100 bytes', 'receive 100 bytes', 'add everyone at once', 'join', 'self-update, warm: create', 'self-update, warm: process']
const COLOURS: Readonly<Record<string, string>> = { famichat: '#0b7a5b', 'ts-mls': '#b3541e', openmls: '#3b5bb5' }
const WIDTH = 300
const HEIGHT = 200
const LEFT = 52
const TOP = 34
const GAP = 24
const COLUMNS = 3

interface Scale {
  readonly min: number
  readonly max: number
}

const scaleOf = (values: readonly number[]): Scale =>
  ({ min: Math.floor(Math.log10(Math.min(...values))), max: Math.ceil(Math.log10(Math.max(...values)) + 1e-9) })

const along = (value: number, { min, max }: Scale, length: number): number => ((Math.log10(value) - min) / Math.max(1, max - min)) * length

const time = (exponent: number): string => {
  const value = 10 ** exponent
  return value >= 1_000_000 ? `${(value / 1_000_000).toString()} s` : value >= 1000 ? `${(value / 1000).toString()} ms` : `${value.toString()} µs`
}

/** The whole picture. */
export const plot = (rows: readonly PeerRow[]): string => {
  const width = COLUMNS * (WIDTH + LEFT + GAP)
  const height = Math.ceil(PANELS.length / COLUMNS) * (HEIGHT + TOP + 2 * GAP) + 30
  const legend = Object.entries(COLOURS).map(([peer, colour], index) =>
    `<rect x="${(LEFT + 150 * index).toString()}" y="8" width="14" height="4" fill="${colour}"/><text x="${(LEFT + 150 * index + 20).toString()}" y="14">${peer}</text>`)
  const panels = PANELS.map((work, index) => {
    const x = LEFT + (index % COLUMNS) * (WIDTH + LEFT + GAP)
    const y = 30 + TOP + Math.floor(index / COLUMNS) * (HEIGHT + TOP + 2 * GAP)
    return `<g transform="translate(${x.toString()} ${y.toString()})">${panel(work, rows.filter((row) => row.work === work))}</g>`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width.toString()} ${height.toString()}" font-family="sans-serif" font-size="12" role="img" aria-label="Cost against members for Famichat, ts-mls and OpenMLS"><rect width="100%" height="100%" fill="#fff"/>${legend.join('')}${panels.join('')}</svg>\n`
}

const panel = (work: string, rows: readonly PeerRow[]): string => {
  const points = rows.flatMap(({ peer, members, microseconds }) => (microseconds === undefined ? [] : [{ peer, members, microseconds }]))
  if (points.length === 0) return `<text y="-10">${work}: not measured</text>`
  const xs = scaleOf(points.map(({ members }) => members))
  const ys = scaleOf(points.map(({ microseconds }) => microseconds))
  const x = (members: number): string => along(members, xs, WIDTH).toFixed(1)
  const y = (microseconds: number): string => (HEIGHT - along(microseconds, ys, HEIGHT)).toFixed(1)
  const grid = Array.from({ length: ys.max - ys.min + 1 }, (_, step) => {
    const at = y(10 ** (ys.min + step))
    return `<line x1="0" x2="${WIDTH.toString()}" y1="${at}" y2="${at}" stroke="#ddd"/><text x="-6" y="${at}" dy="4" text-anchor="end" fill="#555">${time(ys.min + step)}</text>`
  })
  const ticks = [...new Set(points.map(({ members }) => members))].map((members) =>
    `<text x="${x(members)}" y="${(HEIGHT + 16).toString()}" text-anchor="middle" fill="#555">${members.toString()}</text>`)
  const lines = Object.entries(COLOURS).map(([peer, colour]) => {
    const own = points.filter((point) => point.peer === peer)
    const path = own.map(({ members, microseconds }) => `${x(members)},${y(microseconds)}`).join(' ')
    const dots = own.map(({ members, microseconds }) => `<circle cx="${x(members)}" cy="${y(microseconds)}" r="3" fill="${colour}"/>`)
    return `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"/>${dots.join('')}`
  })
  return `<text y="-12" font-weight="bold">${work}</text>${grid.join('')}${ticks.join('')}${lines.join('')}`
}
