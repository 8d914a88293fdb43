/**
 * `npm run fuzz`: mutated input to every entry point of the engine; totals last. `--long` writes docs/fuzzing.md.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { systemClock } from '@famichat/base'
import { type Checkpoint, dropCheckpoint, loadCheckpoint, saveCheckpoint } from './checkpoint.js'
import { describeFound, describeTally, progressLine, writtenPage } from './report.js'
import { runFuzz, type Tally } from './run.js'
import { makeTargets } from './targets.js'

/** The seed when none is given: RFC 9420. */
const DEFAULT_SEED = 9420
const SHORT_INPUTS = 200_000
const LONG_INPUTS = 10_000_000
const PROGRESS_EVERY_SECONDS = 30
const ROOT = resolve(import.meta.dirname, '../../../..')
/** Where a long run keeps what it has counted, until it is done. */
const CHECKPOINT = resolve(ROOT, '.famichat/fuzzing.json')

const USAGE = `Usage: npm run fuzz -- [--seed N] [--count N] [--long] [--only K] [--entry WORD] [--page FILE]

Feeds mutated messages, structures and stored state to the engine, and checks what comes of them.
  --seed N      whole number; the same seed gives the same inputs (${DEFAULT_SEED.toString()})
  --count N     how many inputs (${SHORT_INPUTS.toString()})
  --long        ${LONG_INPUTS.toString()} inputs; the results are written into docs/fuzzing.md; when it was stopped,
                the same call goes on where it was
  --only K      input K alone, as it was in the run of this seed
  --entry WORD  entry points whose name contains WORD; numbers of inputs then mean something else
  --page FILE   where --long writes its results
Exit code 1 when an oracle was violated, 2 when the call is wrong.`

interface Call {
  readonly seed: number
  readonly count: number
  readonly only: number | undefined
  readonly entry: string
  readonly page: string | undefined
}

/** The call, or undefined when it makes no sense. */
const callOf = (args: string[]): Call | undefined => {
  const { values } = parseArgs({ args, options: {
    seed: { type: 'string' }, count: { type: 'string' }, only: { type: 'string' }, entry: { type: 'string' }, page: { type: 'string' },
    long: { type: 'boolean' }, help: { type: 'boolean' },
  } })
  if (values.help === true) return undefined
  const numbers = [values.seed, values.count, values.only].map((text) => (text === undefined ? undefined : Number(text)))
  if (numbers.some((number) => number !== undefined && (!Number.isSafeInteger(number) || number < 0))) return undefined
  const [seed = DEFAULT_SEED, count = values.long === true ? LONG_INPUTS : SHORT_INPUTS, only] = numbers
  return { seed, count, only, entry: values.entry ?? '', page: values.long === true ? values.page ?? resolve(ROOT, 'docs/fuzzing.md') : undefined }
}

const main = async (args: string[]): Promise<number> => {
  let call: Call | undefined
  try {
    call = callOf(args)
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error))
  }
  if (call === undefined) {
    console.log(USAGE)
    return args.includes('--help') ? 0 : 2
  }
  const { seed, count, only, entry, page } = call
  const { targets, officialSamples } = await makeTargets(seed)
  const chosen = targets.filter(({ name }) => name.includes(entry))
  if (chosen.length === 0) {
    console.error(`no entry point's name contains "${entry}"`)
    return 2
  }
  console.log(`seed ${seed.toString()}, ${chosen.length.toString()} entry points, ${officialSamples.toString()} official messages among the samples`)
  const commit = currentCommit()
  const run = `seed ${seed.toString()}, ${count.toString()} inputs, ${officialSamples.toString()} official messages, entry "${entry}", commit ${commit}`
  const resumed = page === undefined ? undefined : loadCheckpoint(CHECKPOINT, run)
  if (resumed !== undefined) console.log(`going on with input ${resumed.next.toString()} of a run that was not finished`)
  const progress = makeProgress(only === undefined ? count : 1, resumed, (next, tally, facts) => {
    if (page !== undefined) saveCheckpoint(CHECKPOINT, { run, next, tally, ...facts })
  })
  const tally = await runFuzz(chosen, { seed, count, only, resumed, onProgress: progress.step })
  const { seconds, peakHeapBytes } = progress.end()
  for (const found of tally.found) console.log(describeFound(found, seed, entry))
  console.log(describeTally(tally))
  if (page !== undefined) {
    writeFileSync(page, writtenPage(readFileSync(page, 'utf8'), {
      tally, seconds, officialSamples, peakHeapBytes, commit, node: process.versions.node,
      date: new Date(systemClock.nowMs()).toISOString().slice(0, 10),
    }))
    dropCheckpoint(CHECKPOINT)
    console.log(`results are in ${page}`)
  }
  console.log(`${tally.passed.toString()} passed, ${tally.failed.toString()} failed, 0 skipped`)
  return tally.failed > 0 ? 1 : 0
}

interface ProgressFacts {
  readonly seconds: number
  readonly peakHeapBytes: number
}

/** A line on standard error: rewritten on a terminal, a new one now and then elsewhere. `keep` is called as often. */
const makeProgress = (total: number, resumed: Checkpoint | undefined, keep: (next: number, tally: Tally, facts: ProgressFacts) => void): {
  readonly step: (done: number, tally: Tally) => void; readonly end: () => ProgressFacts
} => {
  const isTerminal = process.stderr.isTTY
  const started = performance.now()
  let saidAt = 0
  let peakHeapBytes = resumed?.peakHeapBytes ?? 0
  const secondsHere = (): number => (performance.now() - started) / 1000
  const facts = (): ProgressFacts => {
    const { heapUsed, external } = process.memoryUsage()
    peakHeapBytes = Math.max(peakHeapBytes, heapUsed + external)
    return { seconds: (resumed?.seconds ?? 0) + secondsHere(), peakHeapBytes }
  }
  return {
    step: (done, tally) => {
      if (secondsHere() - saidAt < (isTerminal ? 1 : PROGRESS_EVERY_SECONDS)) return
      saidAt = secondsHere()
      const now = facts()
      keep(done, tally, now)
      process.stderr.write(`${isTerminal ? '\r' : ''}${progressLine(done, total, tally, now.seconds)}${isTerminal ? '\u001b[K' : '\n'}`)
    },
    end: () => {
      if (isTerminal && saidAt > 0) process.stderr.write('\n')
      return facts()
    },
  }
}

const currentCommit = (): string => {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  } catch {
    return 'unknown'
  }
}

process.exitCode = await main(process.argv.slice(2))
