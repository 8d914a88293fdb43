/**
 * `npm run bundle-size` and `npm run bench -- browser`: the engine as a browser sees it.
 */
import { writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { systemClock } from '@famichat/base'
import { flag, list, runCommand, whole } from '@famichat/base/testing/command'
import { bundleEngine, bundlePage, compiled, sizeOf } from './bundle.js'
import { findChromium, openPage } from './chromium.js'
import type { BrowserRow } from './page-bench.js'

const USAGE = `Usage: npm run bundle-size
       npm run bench -- browser [--sizes N,N,…] [--json] [--write]

The first bundles the engine with its WebCrypto backend and says what it weighs, and which files weigh most.
The second times the engine in Chromium at several group sizes, beside the primitives in the same page.
  --sizes   group sizes (2,100,1000); 1000 takes some minutes
  --json    one JSON document instead of the table
  --write   writes docs/benchmarks-browser.md
`
const SHOWN_FILES = 15
const DOCS_PAGE = compiled('../../../../docs/benchmarks-browser.md')

const kilobytes = (bytes: number): string => `${(bytes / 1000).toFixed(1)} KB`

const reportSize = async (): Promise<number> => {
  const bundle = await bundleEngine()
  const { atOnce, largest, whole } = sizeOf(bundle)
  console.log(`${kilobytes(atOnce)} gzip are loaded at once, ${kilobytes(largest)} where a browser lacks one kind of curve, ${kilobytes(whole)} where it lacks both.`)
  console.log('Minified, by file:')
  const heaviest = [...bundle.shares].sort(([, a], [, b]) => b - a)
  for (const [path, bytes] of heaviest.slice(0, SHOWN_FILES)) console.log(`${kilobytes(bytes).padStart(9)}  ${path}`)
  return 0
}

const duration = (microseconds: number): string =>
  microseconds >= 1000 ? `${(microseconds / 1000).toFixed(2)} ms` : `${microseconds.toFixed(0)} µs`

const ratioOf = ({ ours, floor }: BrowserRow): string => (floor === undefined ? '' : (ours.median / floor.median).toFixed(2))

const line = (row: BrowserRow): string => {
  const { work, members, ours, floor } = row
  const beside = floor === undefined ? '' : `${ratioOf(row)} × its primitives ${duration(floor.median)}`
  return `${work.padEnd(28)} ${members.toString().padStart(5)} ${duration(ours.median).padStart(11)} ${`(${duration(ours.low)} … ${duration(ours.high)})`.padEnd(28)} ${beside}`
}

const pageOf = (rows: readonly BrowserRow[], version: string, command: string): string => {
  const [cpu] = cpus()
  const lines = rows.map((row) =>
    `| ${row.work} | ${row.members.toString()} | ${duration(row.ours.median)} | ${duration(row.ours.low)} – ${duration(row.ours.high)} | ${row.floor === undefined ? '' : duration(row.floor.median)} | ${ratioOf(row)} |`)
  return `# Benchmarks in a browser

Written by \`${command}\` on ${new Date(systemClock.nowMs()).toISOString().slice(0, 10)}: ${version}, ${cpus().length.toString()} cores (${cpu?.model ?? 'unknown'}), suite 1,
the WebCrypto backend in a page of its own. Medians; the spread is the fastest and the slowest run. The floor is what the same
page's primitives alone cost, timed in turns: read the ratios. [benchmarks.md](benchmarks.md) has Node's figures.

| work | members | ours | spread | floor | ratio |
|---|---:|---:|---|---:|---:|
${lines.join('\n')}
`
}

interface BenchOptions {
  readonly sizes: readonly number[]
  readonly json: boolean
  readonly write: boolean
}

const reportBench = async ({ sizes, json, write }: BenchOptions): Promise<number> => {
  const found = findChromium()
  if ('missing' in found) {
    console.error(found.missing)
    return 1
  }
  const page = await openPage(found.path, await bundlePage())
  try {
    const rows: BrowserRow[] = []
    for (const call of ['benchPrimitives()', ...sizes.flatMap((size) => [`benchWarm(${size.toString()})`, `benchFresh(${size.toString()})`])]) {
      const measured = await page.ask(call) as readonly BrowserRow[]
      rows.push(...measured)
      if (!json) for (const row of measured) console.log(line(row))
    }
    const [cpu] = cpus()
    if (write) writeFileSync(DOCS_PAGE, pageOf(rows, page.version, `npm run bench -- ${process.argv.slice(2).join(' ')}`))
    if (json) console.log(JSON.stringify({ browser: page.version, cores: cpus().length, cpu: cpu?.model ?? 'unknown', suite: 1, rows }, undefined, 2))
  } finally {
    await page.close()
  }
  return 0
}

const [, , what, ...args] = process.argv

process.exitCode = await runCommand({
  usage: USAGE,
  options: { sizes: list([2, 100, 1000], whole(2, { least: 2 })), json: flag, write: flag },
  run: (call) => (what === 'size' ? reportSize() : reportBench(call)),
}, what === 'size' || what === 'browser' ? args : process.argv.slice(2))
