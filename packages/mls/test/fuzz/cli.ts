/**
 * `npm run fuzz`: mutated input to every entry point of the engine; totals last. `--long` writes docs/fuzzing.md.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import { resolve } from 'node:path'
import { systemClock } from '@famichat/base'
import { type CallOf, CommandError, flag, makeProgress, runCommand, text, whole } from '@famichat/base/testing/command'
import { type Checkpoint, dropCheckpoint, loadCheckpoint, saveCheckpoint } from './checkpoint.js'
import { describeFound, describeTally, progressNote, writtenPage } from './report.js'
import { runFuzz, type Tally } from './run.js'
import { makeTargets } from './targets.js'

/** The seed when none is given: RFC 9420. */
const DEFAULT_SEED = 9420
const SHORT_INPUTS = 200_000
const LONG_INPUTS = 10_000_000
const KEEP_EVERY_SECONDS = 2
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

const OPTIONS = {
  seed: whole(DEFAULT_SEED), count: whole(undefined), only: whole(undefined), entry: text(''), page: text(undefined), long: flag,
}

const fuzz = async ({ seed, only, entry, long, ...said }: CallOf<typeof OPTIONS>): Promise<number> => {
  const count = said.count ?? (long ? LONG_INPUTS : SHORT_INPUTS)
  const page = long ? said.page ?? resolve(ROOT, 'docs/fuzzing.md') : undefined
  const { targets, officialSamples } = await makeTargets(seed)
  const chosen = targets.filter(({ name }) => name.includes(entry))
  if (chosen.length === 0) throw new CommandError('command.value.refused', '--entry')
  console.log(`seed ${seed.toString()}, ${chosen.length.toString()} entry points, ${officialSamples.toString()} official messages among the samples`)
  const commit = currentCommit()
  const run = `seed ${seed.toString()}, ${count.toString()} inputs, ${officialSamples.toString()} official messages, entry "${entry}", commit ${commit}`
  const resumed = page === undefined ? undefined : loadCheckpoint(CHECKPOINT, run)
  if (resumed !== undefined) console.log(`going on with input ${resumed.next.toString()} of a run that was not finished`)
  const progress = followRun(only === undefined ? count : 1, resumed, (next, tally, facts) => {
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

/** Says how far the run is; `keep` is called now and then. */
const followRun = (total: number, resumed: Checkpoint | undefined, keep: (next: number, tally: Tally, facts: ProgressFacts) => void): {
  readonly step: (done: number, tally: Tally) => void; readonly end: () => ProgressFacts
} => {
  const show = makeProgress('inputs')
  const started = performance.now()
  let keptAt = 0
  let shown = 0
  let peakHeapBytes = resumed?.peakHeapBytes ?? 0
  const secondsHere = (): number => (performance.now() - started) / 1000
  const facts = (): ProgressFacts => {
    const { heapUsed, external } = process.memoryUsage()
    peakHeapBytes = Math.max(peakHeapBytes, heapUsed + external)
    return { seconds: (resumed?.seconds ?? 0) + secondsHere(), peakHeapBytes }
  }
  return {
    step: (done, tally) => {
      if (secondsHere() - keptAt < KEEP_EVERY_SECONDS && done < total) return
      keptAt = secondsHere()
      const now = facts()
      keep(done, tally, now)
      show(done, total, progressNote({ done, total, seconds: now.seconds }, tally))
      shown = done
    },
    end: () => {
      // the bar leaves its line by itself only when everything is done
      if (process.stderr.isTTY && shown > 0 && shown < total) process.stderr.write('\n')
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

process.exitCode = await runCommand({ usage: USAGE, options: OPTIONS, run: fuzz }, process.argv.slice(2))
