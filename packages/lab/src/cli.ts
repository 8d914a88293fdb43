/**
 * `npm run lab`: Signal, Olm, Megolm and MLS on the same work.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { systemClock } from '@famichat/base'
import { among, type CallOf, flag, list, runCommand, text, texts, whole } from '@famichat/base/testing/command'
import { claimTable, growthTable, notes } from './claims.js'
import { csv } from './csv.js'
import { html } from './html.js'
import { markdown, markdownTable, type RunFacts } from './markdown.js'
import { Progress } from './progress.js'
import { reasonOf } from './refusal.js'
import { contenderAt, type Registered, registeredContenders } from './registry.js'
import { parseRun, type Results, resultsOf } from './results.js'
import { jobsOf, run, type RunPlan } from './run.js'
import { contenderTable, failureTable, findingTables, phaseTable, securityTable, workTables } from './tables.js'

const USAGE = `Usage: npm run lab -- [--quick] [--sizes N,N,…] [--only ID,ID,…] [--contender FILE]… [--no-security] [--out FOLDER] [--json]
       npm run lab -- --from FILE [--out FOLDER] [--json]

Runs the same work with every contender, each in processes of its own: what it costs, and what it withstands.
Prints tables and writes protocols.md, .html, .csv and .json.
  --quick        small sizes and short runs, about a minute; writes only where --out says
  --sizes        conversation sizes in members (2,10,100,500,1000,10000; quick: 2,10); a contender stops at its largest
  --only         ids of contenders: famichat, ts-mls, openmls, signal-pairwise, signal-sender-keys, olm, megolm
  --contender    one more contender: a module that exports "contender" (packages/lab/README.md)
  --no-security  measures only
  --out          folder for the files (docs)
  --from         a protocols.json: prints and writes the reports of that run again
  --json         every row as JSON instead of tables
`

const FULL = { sizes: [2, 10, 100, 500, 1000, 10_000], budgetMs: 4000, timeoutMs: 30 * 60_000 }
const QUICK = { sizes: [2, 10], budgetMs: 200, timeoutMs: 120_000 }
const MIN_MEMBERS = 2

const OPTIONS = {
  quick: flag, sizes: list<number>([], whole(undefined, { least: MIN_MEMBERS })), only: list<string>([], among(registeredContenders().map(({ id }) => id))), contender: texts,
  'no-security': flag, out: text(undefined), from: text(undefined), json: flag,
}

const compare = async (values: CallOf<typeof OPTIONS>): Promise<number> => {
  const { budgetMs, timeoutMs, ...defaults } = values.quick ? QUICK : FULL
  const sizes = [...values.sizes.length > 0 ? values.sizes : defaults.sizes].sort((a, b) => a - b)
  const contenders = chosen(values.only, values.contender)
  const folder = values.out ?? (values.quick ? undefined : fileURLToPath(new URL('../../../docs', import.meta.url)))
  if (values.from !== undefined) {
    const { facts, rows } = parseRun(readFileSync(values.from, 'utf8'))
    finish(resultsOf(rows), { ...values, folder, facts: facts as RunFacts })
    return 0
  }
  const plan: RunPlan = { contenders, sizes, withSecurity: !values['no-security'], budgetMs, timeoutMs }
  const progress = new Progress(jobsOf(plan).length)
  const factsNow = (): RunFacts => ({
    command: ['npm run lab', ...process.argv.length > 2 ? ['--', ...process.argv.slice(2)] : []].join(' '),
    date: new Date(systemClock.nowMs()).toISOString().slice(0, 10),
    machine: `Node ${process.version}, ${cpus().length.toString()} cores (${cpus()[0]?.model ?? 'unknown'}), load ${(loadavg()[0] ?? 0).toFixed(0)} at the end`,
    seconds: progress.seconds,
  })
  const results = await run(plan, {
    onStep: (what) => { progress.step(what) },
    onRow: () => undefined,
    onSize: (soFar) => {
      const facts = factsNow()
      const command = `${facts.command}, up to ${(soFar.sizes.at(-1) ?? 0).toLocaleString('en')} members so far`
      if (folder !== undefined) write(resolve(folder), soFar, { ...facts, command })
    },
  })
  progress.end()
  finish(results, { ...values, folder, facts: factsNow() })
  return 0
}

/** Prints what was found, and writes it where there is a folder. */
const finish = (results: Results, { json, folder, facts }: { readonly json: boolean; readonly folder: string | undefined; readonly facts: RunFacts }): void => {
  process.stdout.write(json ? `${JSON.stringify(results.rows, undefined, 1)}\n` : report(results))
  if (folder !== undefined) {
    write(resolve(folder), results, facts)
    process.stderr.write(`wrote ${FILES.map((name) => relative(process.cwd(), join(resolve(folder), name))).join(', ')}\n`)
  }
  if (!json) process.stdout.write(`${results.measurements.length} measurements, ${results.findings.length} demonstrations, ${results.failures.length} could not be done; ${Math.round(facts.seconds)} s\n`)
}

/** All that are there, unless some are named. */
const chosen = (only: readonly string[], files: readonly string[]): readonly Registered[] =>
  [...registeredContenders().filter(({ id }) => only.length === 0 || only.includes(id)), ...files.map((file) => contenderAt(resolve(file)))]

/** All tables as text. */
const report = (results: Results): string => {
  const tables = [
    contenderTable(results), ...workTables(results), claimTable(results), phaseTable(results), growthTable(results), securityTable(results),
    ...findingTables(results), failureTable(results),
  ]
  return `${tables.flatMap((table) => (table === undefined ? [] : markdownTable(table))).join('\n')}\n${notes(results).map((note) => `Note: ${note}`).join('\n')}\n\n`
}

const FILES = ['protocols.md', 'protocols.html', 'protocols.csv', 'protocols.json'] as const

const write = (folder: string, results: Results, facts: RunFacts): void => {
  mkdirSync(folder, { recursive: true })
  const texts = [markdown(results, facts), html(results, facts), csv(results), `${JSON.stringify({ ...facts, rows: results.rows }, undefined, 1)}\n`]
  for (const [index, name] of FILES.entries()) writeFileSync(join(folder, name), texts[index] ?? '')
}

try {
  process.exitCode = await runCommand({ usage: USAGE, options: OPTIONS, run: compare }, process.argv.slice(2))
} catch (error) {
  // a file that is none
  process.stderr.write(`${reasonOf(error)}\nSee: npm run lab -- --help\n`)
  process.exitCode = 2
}
