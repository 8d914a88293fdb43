/**
 * `npm run load`: what a server on this machine takes, beside the goals.
 */
import { loadavg } from 'node:os'
import { among, flag, list, makeProgress, runCommand, whole } from '@famichat/base/testing/command'
import { median } from './figures.js'
import { measureGroupCommit } from './group-commit.js'
import { measureIdle } from './idle.js'
import { isMet, lineOf, replaceRows, type Row, writePage } from './report.js'
import { measureStalled } from './stalled.js'
import { measureStorm } from './storm.js'
import { measureDeliveries, measureDurable, measureSteady } from './throughput.js'

const USAGE = `Usage: npm run load [-- --seconds N] [--runs N] [--only NAME,…] [--seed N] [--json] [--write]

Loads a server in a process of its own, and prints what it took beside the goals for two cores.
  --seconds N   how long each rate is measured (8)
  --runs N      how often each figure is taken; medians are told (3)
  --only NAMES  of durable, deliveries, commit, idle, storm, stalled (all)
  --seed N      of the community that is made up (1)
  --json        one JSON document instead of the lines
  --write       writes docs/load.md; with --only these rows of it, and says so there
Exit code 1 when a goal is missed; 2 when the call is wrong. Run it on a quiet machine.
`

interface Call {
  readonly seconds: number
  readonly runs: number
  readonly seed: number
}

type Scenario = (call: Call) => Promise<readonly Row[]>

const GOAL_DELIVERIES = 20_000
const MEMBERS = 100

/** Takes figures several times, one run after the other. */
const repeat = async <T>({ runs }: Call, measure: (run: number) => Promise<T>): Promise<readonly T[]> => {
  const results: T[] = []
  for (let run = 0; run < runs; run++) results.push(await measure(run))
  return results
}

const rowOf = (what: string, unit: string, runs: readonly number[], goal?: Row['goal']): Row =>
  ({ what, unit, value: median(runs), runs, ...(goal === undefined ? {} : { goal }) })

const SCENARIOS: Readonly<Record<string, Scenario>> = {
  durable: async (call) => {
    const results = await repeat(call, () => measureDurable(call))
    return [
      rowOf('durable messages accepted', '/s', results.map(({ perSecond }) => perSecond), { atLeast: 1500 }),
      rowOf('… send to durable, p50', 'ms', results.map(({ latency }) => latency.p50)),
      rowOf('… send to durable, p99', 'ms', results.map(({ latency }) => latency.p99)),
    ]
  },
  deliveries: async (call) => {
    const full = await repeat(call, () => measureDeliveries({ ...call, members: MEMBERS }))
    const half = await repeat(call, () => measureSteady({ ...call, members: MEMBERS, deliveriesPerSecond: GOAL_DELIVERIES / 2 }))
    return [
      rowOf(`deliveries at ${MEMBERS.toString()} members`, '/s', full.map(({ deliveriesPerSecond }) => deliveriesPerSecond), { atLeast: GOAL_DELIVERIES }),
      rowOf('… send to delivery, p50', 'ms', full.map(({ latency }) => latency.p50)),
      rowOf('… send to delivery, p99', 'ms', full.map(({ latency }) => latency.p99)),
      rowOf(`at half the goal (${(GOAL_DELIVERIES / 2).toLocaleString('en')}/s): send to delivery, p50`, 'ms', half.map(({ latency }) => latency.p50)),
      rowOf('… send to delivery, p99', 'ms', half.map(({ latency }) => latency.p99), { atMost: 50 }),
      rowOf('… of one core used by the server', '', half.map(({ serverCores }) => serverCores)),
    ]
  },
  commit: async ({ seed, runs }) => {
    const { togetherPerSecond, alonePerSecond, ratio } = await measureGroupCommit({ seed, rounds: 10 * runs, together: 2048, alone: 100 })
    return [
      { what: 'group commit: messages accepted together', value: togetherPerSecond, unit: '/s' },
      { what: '… each in a transaction of its own', value: alonePerSecond, unit: '/s' },
      { what: '… ratio', value: ratio, unit: '×', goal: { atLeast: 5 } },
    ]
  },
  idle: async (call) => {
    const results = await repeat({ ...call, runs: 1 }, () => measureIdle({ ...call, steps: [500, 1000, 1500, 2000] }))
    return [
      rowOf('memory of an idle authenticated connection (RSS, slope to 2,000)', 'KiB', results.map(({ rssBytes }) => rssBytes / 1024), { atMost: 25 }),
      rowOf('… of it on the heap and in buffers', 'KiB', results.map(({ heapBytes }) => heapBytes / 1024)),
    ]
  },
  storm: async (call) => {
    const results = await repeat({ ...call, runs: 1 }, () => measureStorm({ ...call, clients: 2000 }))
    return [
      rowOf('storm of 2,000 clients: all are back after', 's', results.map(({ allBackSeconds }) => allBackSeconds)),
      rowOf('… half are back after', 's', results.map(({ halfBackSeconds }) => halfBackSeconds)),
      rowOf('… turned away with a time to wait', '', results.map(({ shed }) => shed)),
      rowOf('… attempts', '', results.map(({ attempts }) => attempts)),
    ]
  },
  stalled: async (call) => {
    const results = await repeat(call, () => measureStalled({ ...call, stalled: 50, others: 50, deliveriesPerSecond: GOAL_DELIVERIES / 2 }))
    return [
      rowOf('50 of 100 sockets stall: send to delivery at the others before, p99', 'ms', results.map(({ before }) => before.p99)),
      rowOf('… and during, p99', 'ms', results.map(({ during }) => during.p99)),
      rowOf('… stalled ones cut off', '', results.map(({ cutOff }) => cutOff), { atLeast: 50 }),
      rowOf('… memory for each while they stall', 'KiB', results.map(({ bytesPerStalled }) => bytesPerStalled / 1024)),
    ]
  },
}

process.exitCode = await runCommand({
  usage: USAGE,
  options: {
    seconds: whole(8, { least: 1 }), runs: whole(3, { least: 1 }), seed: whole(1, { least: 1 }),
    only: list(Object.keys(SCENARIOS), among(Object.keys(SCENARIOS))), json: flag, write: flag,
  },
  run: async (call) => {
    const { only, json, write, seed } = call
    const [rows, load]: [Row[], number[]] = [[], []]
    const progress = makeProgress('loads')
    for (const [index, name] of only.entries()) {
      progress(index, only.length, name)
      load.push(loadavg()[0] ?? 0)
      const found = await SCENARIOS[name]?.(call) ?? []
      rows.push(...found)
      if (!json) for (const row of found) process.stdout.write(`${lineOf(row)}\n`)
    }
    progress(only.length, only.length)
    const missed = rows.filter((row) => !isMet(row)).length
    if (json) process.stdout.write(`${JSON.stringify({ node: process.version, seed, load, rows }, undefined, 2)}\n`)
    else process.stdout.write(`seed ${seed.toString()}; load of the machine as each began: ${load.map((value) => value.toFixed(1)).join(' ')}; ${missed.toString()} goals missed\n`)
    const command = ['npm run load --', ...process.argv.slice(2)].join(' ')
    if (write && only.length < Object.keys(SCENARIOS).length) replaceRows(rows, { command, load })
    else if (write) writePage(rows, { command, seed, load })
    return missed > 0 ? 1 : 0
  },
}, process.argv.slice(2))
