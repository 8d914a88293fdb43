/**
 * The reports say what the rows say.
 */
import { deepEqual, doesNotMatch, equal, match, ok, throws } from 'node:assert/strict'
import { test } from 'node:test'
import { claimTable, growthTable, notes } from '../dist/claims.js'
import { csv } from '../dist/csv.js'
import { formatBytes, formatTime } from '../dist/format.js'
import { html } from '../dist/html.js'
import { markdown } from '../dist/markdown.js'
import { parseRun, resultsOf } from '../dist/results.js'
import { type Measurement, type Row, spreadOf } from '../dist/row.js'
import { failureTable, phaseTable, workTables } from '../dist/tables.js'

const time = (contender: string, members: number, work: string, microseconds: number): Measurement =>
  ({ kind: 'measurement', contender, members, work, unit: work.endsWith('bytes') ? 'bytes' : 'µs', value: spreadOf([microseconds, microseconds * 2, microseconds / 2]) })

const entry = (contender: string, name: string): Row =>
  ({ kind: 'entry', contender, name, protocol: 'P', library: 'l', version: '1', licence: 'MIT', note: 'a | note, "quoted" <b>' })

const ROWS: readonly Row[] = [
  entry('famichat', 'Famichat'), entry('signal-pairwise', 'Signal pairwise'),
  time('famichat', 100, 'send', 200), time('famichat', 100, 'receive', 300), time('famichat', 100, 'send: bytes', 237),
  time('famichat', 10, 'rotate, warm tree', 2000), time('famichat', 100, 'rotate, warm tree', 4000), time('famichat', 100, 'add', 150_000),
  time('signal-pairwise', 100, 'send', 20_000), time('signal-pairwise', 100, 'send: bytes', 20_000),
  time('signal-pairwise', 2, 'send', 100), time('signal-pairwise', 2, 'receive', 100),
  time('famichat', 100, 'phases of a message sent: signing', 50),
  { kind: 'finding', contender: 'signal-pairwise', experiment: 'recovery', outcome: 'holds', seen: 'texts of all in turn: after 4' },
  { kind: 'finding', contender: 'famichat', experiment: 'deniability', outcome: 'fails', seen: 'a signature' },
  { kind: 'failure', contender: 'gone', part: 'timing, 2 members', reason: 'not installed: it' },
]
const FACTS = { command: 'npm run lab', date: '2026-01-02', machine: 'a machine', seconds: 61 }

test('the estimates stand beside the measurements, with how far off they are', () => {
  const { rows } = claimTable(resultsOf(ROWS))
  deepEqual(rows, [
    ['Signal 1:1: 15 ms a message', 'send and receive: 200 µs, fastest 100 µs', '150 × less'],
    ['Signal to 100 people: 2,000 ms', 'pairwise: 20.0 ms, fastest 10.0 ms', '200 × less'],
    ['MLS message: 5–10 ms (at 100 members)', 'Famichat, send and receive: 500 µs, fastest 250 µs', '20 × less'],
    ['MLS group operation at 100 members: about 150 ms', 'Famichat, add: 150 ms, fastest 75.0 ms', '2.0 × less'],
  ])
})

test('the notes are about what was run, and nothing else', () => {
  const said = notes(resultsOf(ROWS)).join('\n')
  match(said, /^The Double Ratchet does heal 1:1 conversations/)
  match(said, /100 × the time and 84 × the bytes/)
  match(said, /MLS gives up deniability/)
  doesNotMatch(said, /Megolm as matrix-sdk-crypto/)
  deepEqual(notes(resultsOf([])), [])
})

test('a contender that is missing has its row with the reason, in every form', () => {
  const results = resultsOf(ROWS)
  deepEqual(failureTable(results)?.rows, [['gone', 'timing, 2 members', 'not installed: it']])
  for (const text of [markdown(results, FACTS), html(results, FACTS), csv(results)]) match(text, /not installed: it/)
  equal(failureTable(resultsOf([])), undefined)
})

test('each size is a line and each contender a column, with median and spread', () => {
  const table = workTables(resultsOf(ROWS)).find(({ title }) => title === 'Send 100 bytes')
  deepEqual(table?.head, ['members', 'Famichat', 'Signal pairwise', 'gone'])
  deepEqual(table.rows, [['2', '–', '100 µs (50.0 µs–200 µs)', '–'], ['100', '200 µs (100 µs–400 µs)', '20.0 ms (10.0 ms–40.0 ms)', '–']])
})

test('our split stands beside the budget', () => {
  deepEqual(phaseTable(resultsOf(ROWS))?.rows[1], ['signing', '10 ms', '50.0 µs', '–', '–'])
})

test('growth is called what it is', () => {
  const rows = [[100, 4000, 40_000], [10_000, 8000, 4_000_000]].flatMap(([members = 0, warm = 0, first = 0]) =>
    [time('famichat', members, 'rotate, warm tree', warm), time('famichat', members, 'rotate, first after set-up', first)])
  deepEqual(claimTable(resultsOf(rows)).rows.map((row) => row.slice(1)), [
    ['Famichat, rotate, first after set-up: 40.0 ms, fastest 20.0 ms', '7.5 × less'],
    ['Famichat, rotate, warm tree: 2.0 × from 100 to 10,000 members', 'logarithmic'],
    ['Famichat, rotate, first after set-up: 100.0 × from 100 to 10,000 members', 'linear'],
  ])
})

test('growth is shown from ten members on', () => {
  deepEqual(growthTable(resultsOf(ROWS))?.head, ['work', '10', '100'])
})

test('the HTML report needs nothing else and escapes what it shows', () => {
  const text = html(resultsOf(ROWS), FACTS)
  doesNotMatch(text, /<script|<link|<img|src=|@import|url\(|https?:/)
  ok(text.includes('a | note, &quot;quoted&quot; &lt;b&gt;'))
  match(text, /<svg viewBox/)
})

test('a bar in a text does not end a table cell', () => {
  ok(markdown(resultsOf(ROWS), FACTS).includes('a / note, "quoted" <b>'))
})

test('every row is one line of the CSV, quoted where it must be', () => {
  const text = csv(resultsOf(ROWS))
  equal(text.trimEnd().split('\n').length, ROWS.length + 1)
  ok(text.includes('"a | note, ""quoted"" <b>"'))
})

test('what is impossible at every size is said once', () => {
  const results = resultsOf(ROWS)
  for (const row of ROWS) if (row.kind === 'failure') results.add(row)
  equal(results.failures.length, 1)
})

test('what is measured again counts as measured last', () => {
  equal(resultsOf([time('megolm', 10, 'rotate', 9000), time('megolm', 10, 'rotate', 4000)]).value('megolm', 10, 'rotate')?.median, 4000)
})

test('numbers have three digits and a unit', () => {
  deepEqual([1.5, 15, 150, 1500, 15_000, 1_500_000].map(formatTime), ['1.50 µs', '15.0 µs', '150 µs', '1.50 ms', '15.0 ms', '1.50 s'])
  deepEqual([237, 9999, 20_000, 2_500_000].map(formatBytes), ['237 B', '9,999 B', '20.0 kB', '2.50 MB'])
})

test('a run is read again from its JSON, and a file without one is refused', () => {
  const { facts, rows } = parseRun(JSON.stringify({ ...FACTS, rows: ROWS }))
  deepEqual(facts, FACTS)
  equal(markdown(resultsOf(rows), FACTS), markdown(resultsOf(ROWS), FACTS))
  for (const text of ['', '[]', 'null', '{"rows":7}']) throws(() => parseRun(text), { code: 'lab.report.malformed' })
})
