/**
 * The report of a load run: lines for the terminal and the page docs/load.md, from the same rows.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'

/** One figure, with the goal it is held against if there is one. */
export interface Row {
  readonly what: string
  readonly value: number
  readonly unit: string
  readonly goal?: { readonly atLeast: number } | { readonly atMost: number }
  /** The single runs, when there were several: the value is their median. */
  readonly runs?: readonly number[]
}

/** True unless a goal is missed. */
export const isMet = ({ value, goal }: Row): boolean =>
  goal === undefined || ('atLeast' in goal ? value >= goal.atLeast : value <= goal.atMost)

const number = (value: number): string => (value >= 100 ? Math.round(value).toLocaleString('en') : value.toFixed(value >= 10 ? 1 : 2))
const goalOf = ({ goal }: Row): string => {
  if (goal === undefined) return ''
  return 'atLeast' in goal ? `≥ ${number(goal.atLeast)}` : `≤ ${number(goal.atMost)}`
}
const verdict = (row: Row): string => (row.goal === undefined ? '' : isMet(row) ? 'met' : 'MISSED')

/** For the terminal. */
export const lineOf = (row: Row): string =>
  `${row.what.padEnd(66)} ${number(row.value).padStart(9)} ${row.unit.padEnd(6)} ${goalOf(row).padEnd(10)} ${verdict(row)}`

const PAGE = new URL('../../../../docs/load.md', import.meta.url)

const tableLine = (row: Row): string =>
  `| ${row.what} | ${number(row.value)} ${row.unit} | ${goalOf(row)} | ${verdict(row)} | ${(row.runs ?? []).map(number).join(', ')} |`

/** What the page says of rows that were measured apart from the others. */
const APART = 'Measured apart from the rest'

/**
 * Puts rows that were measured alone into docs/load.md, and says there how.
 * @throws RangeError for a page without them
 */
export const replaceRows = (rows: readonly Row[], { command, load }: { readonly command: string; readonly load: readonly number[] }): void => {
  const lines = readFileSync(PAGE, 'utf8').split('\n')
  let at = -1
  for (const row of rows) {
    // names such as "… p99" come several times: each after the one before
    at = lines.findIndex((line, place) => place > at && line.startsWith(`| ${row.what} |`))
    if (at < 0) throw new RangeError(`docs/load.md has no row called ${row.what}: run all of npm run load -- --write first`)
    lines[at] = tableLine(row)
  }
  const note = `${APART}: *${rows[0]?.what ?? ''}* and what follows on it, by \`${command}\` (load of the machine: ${load.map((value) => value.toFixed(1)).join(', ')}).`
  const kept = lines.filter((line) => !(line.startsWith(APART) && line.includes(`*${rows[0]?.what ?? ''}*`)))
  const end = kept.findIndex((line) => line.startsWith('- *Durable*'))
  kept.splice(end, 0, note, ...(kept[end - 2]?.startsWith(APART) === true ? [] : ['']))
  writeFileSync(PAGE, kept.join('\n'))
}

/** Writes docs/load.md. */
export const writePage = (rows: readonly Row[], { command, seed, load }: { readonly command: string; readonly seed: number; readonly load: readonly number[] }): void => {
  const lines = rows.map(tableLine)
  writeFileSync(PAGE, `# Load

Written by \`${command}\` (seed ${seed.toString()}); do not edit. Node ${process.version}, ${cpus().length.toString()} cores (${cpus()[0]?.model.trim() ?? 'unknown'}), which the
server shares with the program that loads it${load.length === 0 ? '' : ` and, in these runs, with other work: the machine's load was ${load.map((value) => value.toFixed(1)).join(', ')} as they began`}. The server runs in its own process with its
encrypted database, \`synchronous=FULL\`; its rate limits are lifted, since all load comes from one machine. Where there were
several runs the value is their median.

| figure | value | goal | | runs |
|---|---:|---:|---|---|
${lines.join('\n')}

- *Durable*: sixteen devices in eight conversations, sixteen messages of each under way; answered once on disk.
- *Deliveries*: one conversation of a hundred devices, all connected; four of them send. A delivery is one message at one device.
- *At half the goal*: messages leave on time, whether or not those before have arrived; the time is from sending to each delivery.
- *Group commit*: the same messages through the same code, 256 waiting against each alone, in short rounds by turns on one file; of both
  kinds the fastest round counts, since others' work on the machine only ever adds. On a busy machine the single ones, which wait for
  the disk each time, lose more by it: there the ratio flatters, and what counts is a quiet one.
- *Idle connection*: authenticated and resumed, measured at several counts after a collection; least squares.
- *Storm*: the server is killed; all clients come back with full jitter, and wait as long as the server says when it turns them away.
- *Stalled*: sockets that stop reading while more is sent to them than anybody buffers; the same steady load at the others before and during.
`)
}
