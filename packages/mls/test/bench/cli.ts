/**
 * `npm run bench -- mls [--json] [--sizes 2,10,100,1000]`: the engine beside the primitives it consists of.
 */
import { benchFresh, benchHpke, benchWarm, type Row } from './mls-bench.js'

const USAGE = `Usage: npm run bench -- mls [--json] [--sizes N,N,…]

Times the engine at several group sizes beside its floor: the primitives alone, timed in the same run.
Medians of several runs; the spread is fastest to slowest. Sizes: 2,10,100,1000 unless said otherwise (10000 takes a minute).`

const format = (row: Row): string => {
  const value = (n: number): string => (row.unit === 'bytes' ? `${Math.round(n).toString()} B` : n >= 10_000 ? `${(n / 1000).toFixed(1)} ms` : `${n.toFixed(1)} µs`)
  const ratio = row.floor === undefined ? '' : `${(row.ours.median / row.floor.median).toFixed(2)} × floor ${value(row.floor.median)}`
  const goal = row.goal === undefined ? '' : row.unit === 'bytes' ? `goal ≤ ${value(row.goal)}` : `goal ≤ ${row.goal.toString()} ×`
  const spread = row.unit === 'bytes' ? '' : `(${value(row.ours.low)} … ${value(row.ours.high)})`
  return `${row.work.padEnd(33)} ${row.members.toString().padStart(6)}  ${value(row.ours.median).padStart(11)} ${spread.padEnd(26)} ${ratio.padEnd(28)} ${goal}`
}

const main = async (args: readonly string[]): Promise<number> => {
  const sizesAt = args.indexOf('--sizes')
  const sizes = (sizesAt >= 0 ? args[sizesAt + 1] ?? '' : '2,10,100,1000').split(',').map(Number)
  if (args[0] !== 'mls' || args.includes('--help') || sizes.some((size) => !Number.isInteger(size) || size < 2)) {
    console.log(USAGE)
    return args.includes('--help') ? 0 : 2
  }
  const say = (line: string): void => { if (!args.includes('--json')) console.log(line) }
  const rows: Row[] = []
  const add = (found: readonly Row[]): void => {
    for (const row of found) {
      rows.push(row)
      say(format(row))
    }
  }
  say(`${'work'.padEnd(33)} members       median`)
  add(await benchHpke())
  for (const size of sizes) {
    add(await benchWarm(size))
    if (size <= 1000) add(await benchFresh(size))
  }
  if (args.includes('--json')) console.log(JSON.stringify({ node: process.version, rows }, undefined, 2))
  return 0
}

process.exitCode = await main(process.argv.slice(2))
