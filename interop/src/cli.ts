/**
 * `npm run interop`: random schedules of one group shared by our engine, ts-mls and OpenMLS; the totals come last.
 */
import { parseArgs } from 'node:util'
import { systemClock, systemRandom } from '@famichat/base'
import { OpenMlsPool } from './openmls-pool.js'
import { Progress } from './progress.js'
import { writeReport } from './report.js'
import { PROFILES, runSchedule, ScheduleFailure } from './schedule.js'
import { Tally } from './tally.js'

const DEFAULT_SCHEDULES = 200
const DEFAULT_COMMITS = 10_000
const MAX_FAILURES = 10

const USAGE = `usage: npm run interop [-- OPTIONS]
Random schedules of one MLS group whose members run our engine, ts-mls and OpenMLS. After each commit all members must
agree on their secrets, and messages go between every pair of implementations. interop/README.md says more.
  --schedules N  how many schedules (${DEFAULT_SCHEDULES})
  --long         groups of up to 50 members, until ${DEFAULT_COMMITS} commits are done; writes docs/interop.md
  --commits N    with --long: another number of commits; docs/interop.md is not written
  --first N      seed of the first schedule; the others follow (random)
  --seed N       one schedule only, as after a failure; add --long if the failing run had it
  --help
`

interface Options {
  readonly isLong: boolean
  readonly seed: number | undefined
  readonly first: number
  readonly schedules: number
  readonly commits: number
  readonly writesReport: boolean
}

const main = async (args: readonly string[]): Promise<number> => {
  let options: Options | undefined
  try {
    options = readOptions(args)
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`)
    return 2
  }
  if (options === undefined) {
    process.stdout.write(USAGE)
    return 0
  }
  return runAll(options)
}

const readOptions = (args: readonly string[]): Options | undefined => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      long: { type: 'boolean', default: false },
      schedules: { type: 'string' },
      commits: { type: 'string' },
      first: { type: 'string' },
      seed: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return undefined
  return {
    isLong: values.long,
    seed: values.seed === undefined ? undefined : wholeNumber('--seed', values.seed),
    first: values.first === undefined ? randomSeed() : wholeNumber('--first', values.first),
    schedules: wholeNumber('--schedules', values.schedules ?? DEFAULT_SCHEDULES.toString()),
    commits: wholeNumber('--commits', values.commits ?? DEFAULT_COMMITS.toString()),
    writesReport: values.long && values.commits === undefined && values.seed === undefined,
  }
}

const wholeNumber = (name: string, text: string): number => {
  if (!/^\d{1,9}$/.test(text)) throw new RangeError(`${name} takes a whole number, not "${text}"`)
  return Number(text)
}

const randomSeed = (): number => new DataView(systemRandom(4).buffer).getUint32(0) % 1_000_000_000

const runAll = async ({ isLong, seed, first, schedules, commits, writesReport }: Options): Promise<number> => {
  const profile = isLong ? PROFILES.long : PROFILES.short
  const run = { tally: new Tally(), openMls: new OpenMlsPool() }
  const { tally } = run
  const startedMs = systemClock.nowMs()
  const progress = new Progress(isLong && seed === undefined ? 'commits' : 'schedules', seed === undefined ? (isLong ? commits : schedules) : 1)
  process.stdout.write(seed === undefined ? `seeds from ${first.toString()}\n` : `seed ${seed.toString()}\n`)

  let failed = 0
  let done = 0
  const isFinished = (): boolean => (seed !== undefined ? done >= 1 : isLong ? tally.epochs >= commits : done >= schedules)
  for (let next = seed ?? first; !isFinished() && failed < MAX_FAILURES; next++) {
    try {
      await runSchedule(run, next, profile)
    } catch (error) {
      if (!(error instanceof ScheduleFailure)) throw error
      failed++
      progress.interrupt(`FAILED schedule ${next.toString()}: ${error.message}\n${causesOf(error)}    to replay it: npm run interop -- ${isLong ? '--long ' : ''}--seed ${next.toString()}\n`)
      // a client that failed may be in a state it does not recover from
      run.openMls = new OpenMlsPool()
    }
    done++
    progress.show(isLong && seed === undefined ? tally.epochs : done)
  }
  progress.end()
  const passed = done - failed
  if (writesReport) await writeReport({ tally, passed, failed, first, last: first + done - 1, startedMs })
  process.stdout.write(`${tally.epochs.toString()} commits, ${tally.processed.total.toString()} processed, ${tally.agreed.total.toString()} values agreed, ${tally.read.total.toString()} messages read\n`)
  process.stdout.write(`${passed.toString()} passed, ${failed.toString()} failed, 0 skipped\n`)
  return failed > 0 ? 1 : 0
}

const causesOf = ({ cause }: Error): string => {
  if (!(cause instanceof Error)) return ''
  // core-crypto's errors keep what happened apart from the message
  const detail = 'inner' in cause ? ` ${JSON.stringify(cause.inner)}` : ''
  return `  because: ${cause.stack ?? cause.message}${detail}\n${causesOf(cause)}`
}

process.exitCode = await main(process.argv.slice(2))
