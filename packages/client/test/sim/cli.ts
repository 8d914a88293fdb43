/**
 * `npm run sim`: plays seeds of the simulation, or a crowd, and says what it found.
 */
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { type CallOf, flag, makeProgress, randomSeed, runCommand, share, whole } from '@famichat/base/testing/command'
import type { Crowd, CrowdFigures } from './crowd.js'
import type { CrowdMessage } from './crowd-worker.js'
import { run, type RunResult } from './run.js'

const USAGE = `Usage: npm run sim [-- --seeds N] [--from N] [--jobs N] [--json]
       npm run sim -- --seed N [--verbose] [--json]
       npm run sim -- --people N [--devices N] [--loss P] [--removals N] [--messages N] [--seed N] [--json]

Plays a community on a virtual network, clock and storage, against a server that cheats, with crashes: the same seed plays
the same way. docs/simulation.md says what is checked.
  --seeds N     so many seeds (100), from --from (random) on, by --jobs threads
  --seed N      one seed; --verbose prints everything that happens
  --people N    a crowd on a lossy network instead: joins, talks, loses --removals of its people (20); --devices each (2)
  --loss P      share of packets that are lost there (0.1)
Exit code 1 when something was wrong, 2 when the call is. Ctrl-C ends a run of many seeds early, with what was found so far.`

interface Call {
  readonly seeds: number
  readonly from: number
  readonly jobs: number
  readonly isOne: boolean
  readonly isVerbose: boolean
  readonly isJson: boolean
  readonly crowd: Crowd | undefined
}

const OPTIONS = {
  seeds: whole(100), from: whole(undefined), seed: whole(undefined), jobs: whole(Math.max(1, availableParallelism()), { least: 1 }), people: whole(undefined, { least: 2, most: 500 }),
  devices: whole(2, { least: 1, most: 2 }), loss: share(0.1, { most: 0.5 }), removals: whole(20), messages: whole(60), verbose: flag, json: flag,
}

const callOf = ({ seeds, from, seed, jobs, people, verbose, json, ...crowd }: CallOf<typeof OPTIONS>): Call => {
  const first = seed ?? from ?? randomSeed()
  return {
    seeds, from: first, jobs, isOne: seed !== undefined, isVerbose: verbose, isJson: json, crowd: people === undefined ? undefined : { seed: first, people, ...crowd },
  }
}

/** What is known of many runs together. */
class Sum {
  runs = 0
  entries = 0
  ciphertexts = 0
  virtualMs = 0
  readonly failed: RunResult[] = []
  readonly moves = new Map<string, number>()
  readonly killed = new Map<string, number>()

  add(result: RunResult): void {
    this.runs++
    this.entries += result.entries
    this.ciphertexts += result.ciphertexts
    this.virtualMs += result.virtualMs
    if (result.violations.length > 0) this.failed.push(result)
    for (const [into, from] of [[this.moves, result.moves], [this.killed, result.killed]] as const) for (const [key, n] of from) into.set(key, (into.get(key) ?? 0) + n)
  }
}

const playMany = async ({ seeds, from, jobs, isJson }: Call): Promise<number> => {
  const sum = new Sum()
  const progress = makeProgress('seeds')
  const beganMs = performance.now()
  let next = from
  let end = from + seeds
  // told to stop, it ends with the seeds that are under way, and says what it found
  process.once('SIGINT', () => { end = next })
  const worker = (): Promise<void> => new Promise((resolve, reject) => {
    const thread = new Worker(new URL('./seed-worker.js', import.meta.url))
    const give = (): void => {
      if (next < end) thread.postMessage(next++)
      else void thread.terminate().then(() => { resolve() })
    }
    thread.on('message', (result: RunResult) => {
      sum.add(result)
      progress(sum.runs, seeds)
      if (result.violations.length > 0 && !isJson) console.log(storyOf(result))
      give()
    })
    thread.on('error', reject)
    give()
  })
  await Promise.all(Array.from({ length: Math.min(jobs, seeds) }, worker))
  const seconds = (performance.now() - beganMs) / 1000
  const failed = sum.failed.map(({ seed }) => seed).sort((a, b) => a - b)
  if (isJson) {
    console.log(JSON.stringify({
      seeds: sum.runs, from, seconds, failed, entries: sum.entries, ciphertexts: sum.ciphertexts, virtualSeconds: sum.virtualMs / 1000,
      moves: Object.fromEntries(sum.moves), crashes: Object.fromEntries(sum.killed), violations: sum.failed.map(({ seed, violations }) => ({ seed, violations })),
    }))
  } else {
    console.log(`${sum.runs.toString()} seeds from ${from.toString()}, ${seconds.toFixed(0)} s, ${(sum.virtualMs / 3_600_000).toFixed(0)} h of virtual time`)
    console.log(`${sum.entries.toString()} log entries, ${sum.ciphertexts.toString()} ciphertexts opened, ${[...sum.killed.values()].reduce((a, b) => a + b, 0).toString()} crashes at ${sum.killed.size.toString()} places`)
    console.log(`moves: ${[...sum.moves].sort().map(([id, n]) => `${id} ${n.toString()}`).join(', ')}`)
    console.log(failed.length === 0 ? 'nothing was wrong' : `FAILED seeds: ${failed.join(' ')}`)
  }
  return failed.length === 0 ? 0 : 1
}

const storyOf = ({ seed, violations, story }: RunResult): string =>
  [`seed ${seed.toString()} FAILED; replay it with: npm run sim -- --seed ${seed.toString()} --verbose`, ...violations.map((what) => `  ${what}`), '  the end of it:', ...story.slice(-12).map((line) => `    ${line}`)].join('\n')

const playOne = async ({ from, isVerbose, isJson }: Call): Promise<number> => {
  const result = await run({ seed: from, ...(isVerbose ? { print: (line: string) => { console.log(line) } } : {}) })
  const { seed, digest, violations, devices, entries, ciphertexts, virtualMs } = result
  if (isJson) console.log(JSON.stringify({ seed, digest, violations, devices, entries, ciphertexts, virtualSeconds: virtualMs / 1000 }))
  else {
    console.log(`seed ${seed.toString()}, trace ${digest}: ${devices.toString()} devices, ${entries.toString()} log entries, ${ciphertexts.toString()} ciphertexts opened`)
    console.log(violations.length === 0 ? 'nothing was wrong' : storyOf(result))
  }
  return violations.length === 0 ? 0 : 1
}

/** A thousand devices, each with a tree of all of them, need some gigabytes. */
const CROWD_MEMORY = { maxOldGenerationSizeMb: 12 * 1024, maxYoungGenerationSizeMb: 256 }

const figuresOf = (crowd: Crowd): Promise<CrowdFigures> => new Promise((resolve, reject) => {
  const bars = new Map<string, ReturnType<typeof makeProgress>>()
  const thread = new Worker(new URL('./crowd-worker.js', import.meta.url), { workerData: crowd, resourceLimits: CROWD_MEMORY })
  thread.on('message', (message: CrowdMessage) => {
    if ('figures' in message) {
      resolve(message.figures)
      return
    }
    const { what, done, of } = message
    const bar = bars.get(what) ?? makeProgress(what)
    bars.set(what, bar)
    bar(done, of)
  })
  thread.on('error', reject)
})

const playPeople = async (crowd: Crowd, isJson: boolean): Promise<number> => {
  const figures = await figuresOf(crowd)
  if (isJson) console.log(JSON.stringify({ ...crowd, ...figures }))
  else for (const [what, value] of Object.entries({ ...crowd, ...figures })) console.log(`${typeof value === 'number' && !Number.isInteger(value) ? value.toFixed(3) : String(value)} ${what}`)
  return figures.divergingAuthenticators === 0 && figures.notShown === 0 && figures.shownToRemoved === 0 ? 0 : 1
}

process.exitCode = await runCommand({
  usage: USAGE,
  options: OPTIONS,
  run: (said) => {
    const call = callOf(said)
    if (call.crowd !== undefined) return playPeople(call.crowd, call.isJson)
    return call.isOne ? playOne(call) : playMany(call)
  },
}, process.argv.slice(2))
