/**
 * `npm run bench -- mls`: the engine beside the primitives it consists of, and beside its peers.
 */
import { flag, list, makeProgress, type Option, runCommand, whole } from '@famichat/base/testing/command'
import { growthOf } from './goals.js'
import { benchFresh, benchHpke, benchWarm, type Row } from './mls-bench.js'
import { benchPeers, type PeerRow, peersInstalled } from './peers.js'
import { format, writeReport } from './report.js'

const USAGE = `Usage: npm run bench -- mls [--sizes N,N,…] [--peers N,N,…] [--json] [--write]

Times the engine at several group sizes beside its floor: the primitives alone, in turns with it. Then ts-mls and OpenMLS
do the same work, where \`npm run interop\` has installed them.
  --sizes   our group sizes (2,10,100,1000,10000); the slow work stops at 1000
  --peers   group sizes of the comparison with peers (2,10,100); 1000 takes some minutes; "none" leaves it out
  --json    one JSON document instead of the table
  --write   writes docs/benchmarks.md and docs/benchmarks.svg
`

/** Commits and whole groups made beforehand: the compiler works beside the first thousand, on the cores the threads need. */
const WARM_UP_PASSES = 6
const WARM_UP_SIZE = 64

const sizesOf = (otherwise: readonly number[]): Option<readonly number[]> => {
  const { read } = list(otherwise, whole(2, { least: 2 }))
  return { read: (given) => (given === 'none' ? [] : read?.(given)), otherwise }
}

const goalOf = ({ goal, goalFloor, unit }: Row): string => {
  if (goal === undefined) return ''
  if (unit === 'bytes') return `goal ≤ ${format(goal, 'bytes')}`
  return `goal ≤ ${goal.toString()} ×${goalFloor === undefined ? '' : ` ${format(goalFloor)}`}`
}

const line = (row: Row): string => {
  const ratio = row.floor === undefined || row.ratio === undefined ? '' : `${row.ratio.toFixed(2)} × floor ${format(row.floor.median)}`
  const spread = row.unit === 'bytes' ? '' : `(${format(row.ours.low)} … ${format(row.ours.high)})`
  return `${row.work.padEnd(33)} ${row.members.toString().padStart(6)} ${format(row.ours.median, row.unit).padStart(13)} ${spread.padEnd(26)} ${ratio.padEnd(28)} ${goalOf(row)}`
}

const peerLine = ({ peer, members, work, microseconds, failed }: PeerRow): string =>
  `${(work ?? '').padEnd(33)} ${members.toString().padStart(6)} ${(microseconds === undefined ? '–' : format(microseconds)).padStart(13)} ${peer}${failed === undefined ? '' : ` failed: ${failed}`}`

const [, , what, ...args] = process.argv

process.exitCode = await runCommand({
  usage: USAGE,
  options: { sizes: sizesOf([2, 10, 100, 1000, 10_000]), peers: sizesOf([2, 10, 100]), json: flag, write: flag },
  run: async ({ sizes, peers: peerSizes, json, write }) => {
    const say = (text: string): void => { if (!json) process.stdout.write(`${text}\n`) }
    const rows: Row[] = []
    const add = (found: readonly Row[]): void => {
      rows.push(...found)
      for (const row of found) say(line(row))
    }
    // once unmeasured: what the compiler has not seen yet is several times slower
    for (let pass = 0; pass < WARM_UP_PASSES; pass++) {
      await benchWarm(WARM_UP_SIZE)
      await benchFresh(WARM_UP_SIZE)
    }
    add(await benchHpke())
    const progress = makeProgress('sizes')
    for (const [at, size] of sizes.entries()) {
      progress(at, sizes.length, `${size.toString()} members`)
      add(await benchWarm(size))
      if (size <= 1000) add(await benchFresh(size))
    }
    progress(sizes.length, sizes.length)
    for (const { work, from, to, times, goal } of growthOf(rows)) {
      say(`${work.padEnd(33)} at ${to.toString()} members ${times.toFixed(2)} times its cost at ${from.toString()}`.padEnd(105) + ` goal ≤ ${goal.toString()}`)
    }
    let peers: readonly PeerRow[] = []
    if (peerSizes.length > 0 && !peersInstalled()) say('the peers are not installed: `npm run interop` does that')
    else if (peerSizes.length > 0) peers = await benchPeers(peerSizes, (row) => { say(peerLine(row)) })
    if (json) process.stdout.write(`${JSON.stringify({ node: process.version, rows, growth: growthOf(rows), peers }, undefined, 2)}\n`)
    if (write) writeReport(rows, peers, `npm run bench -- ${process.argv.slice(2).join(' ')}`)
    return 0
  },
}, what === 'mls' ? args : process.argv.slice(2))
