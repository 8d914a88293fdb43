/**
 * `npm run fuzz`: mutated input to every entry point of the engine; totals last. `--long` writes docs/fuzzing.md.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { systemClock } from '@famichat/base'
import { describeFound, describeTally, progressLine, writtenPage } from './report.js'
import { runFuzz, type Tally } from './run.js'
import { makeTargets } from './targets.js'

/** The seed when none is given: RFC 9420. */
const DEFAULT_SEED = 9420
const SHORT_INPUTS = 200_000
const LONG_INPUTS = 10_000_000
const PROGRESS_EVERY_SECONDS = 30
const ROOT = resolve(import.meta.dirname, '../../../..')

const USAGE = `Usage: npm run fuzz -- [--seed N] [--count N] [--long] [--only K] [--entry WORD] [--page FILE]

Feeds mutated messages, structures and stored state to the engine, and checks what comes of them.
  --seed N      whole number; the same seed gives the same inputs (${DEFAULT_SEED.toString()})
  --count N     how many inputs (${SHORT_INPUTS.toString()})
  --long        ${LONG_INPUTS.toString()} inputs; the results are written into docs/fuzzing.md
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

const secondsSince = (started: number): number => (performance.now() - started) / 1000

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
  const started = performance.now()
  const { targets, officialSamples } = await makeTargets(seed)
  const chosen = targets.filter(({ name }) => name.includes(entry))
  if (chosen.length === 0) {
    console.error(`no entry point's name contains "${entry}"`)
    return 2
  }
  console.log(`seed ${seed.toString()}, ${chosen.length.toString()} entry points, ${officialSamples.toString()} official messages among the samples`)
  const progress = makeProgress(only === undefined ? count : 1, started)
  const tally = await runFuzz(chosen, { seed, count, only, onProgress: progress.step })
  progress.end()
  const seconds = secondsSince(started)
  for (const found of tally.found) console.log(describeFound(found, seed, entry))
  console.log(describeTally(tally))
  if (page !== undefined) {
    writeFileSync(page, writtenPage(readFileSync(page, 'utf8'), {
      tally, seconds, officialSamples, peakHeapBytes: progress.peakHeapBytes(), node: process.versions.node,
      date: new Date(systemClock.nowMs()).toISOString().slice(0, 10), commit: currentCommit(),
    }))
    console.log(`results are in ${page}`)
  }
  console.log(`${tally.passed.toString()} passed, ${tally.failed.toString()} failed, 0 skipped`)
  return tally.failed > 0 ? 1 : 0
}

/** A line on standard error: rewritten on a terminal, a new one now and then elsewhere. */
const makeProgress = (total: number, started: number): {
  readonly step: (done: number, tally: Tally) => void; readonly end: () => void; readonly peakHeapBytes: () => number
} => {
  const isTerminal = process.stderr.isTTY
  let said = 0
  let peak = 0
  return {
    step: (done, tally) => {
      const seconds = secondsSince(started)
      if (seconds - said < (isTerminal ? 1 : PROGRESS_EVERY_SECONDS)) return
      said = seconds
      const { heapUsed, external } = process.memoryUsage()
      peak = Math.max(peak, heapUsed + external)
      process.stderr.write(`${isTerminal ? '\r' : ''}${progressLine(done, total, tally, seconds)}${isTerminal ? '\u001b[K' : '\n'}`)
    },
    end: () => {
      if (isTerminal && said > 0) process.stderr.write('\n')
    },
    peakHeapBytes: () => peak,
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
