/**
 * `npm run bench -- mls`: the engine beside the primitives it consists of, and beside its peers.
 */
import { parseArgs } from 'node:util'
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

const sizesOf = (text: string): readonly number[] => (text === 'none' ? [] : text.split(',').map(Number))

const line = (row: Row): string => {
  const ratio = row.floor === undefined ? '' : `${(row.ours.median / row.floor.median).toFixed(2)} × floor ${format(row.floor.median)}`
  const goal = row.goal === undefined ? '' : `goal ≤ ${row.unit === 'bytes' ? format(row.goal, 'bytes') : `${row.goal.toString()} ×`}`
  const spread = row.unit === 'bytes' ? '' : `(${format(row.ours.low)} … ${format(row.ours.high)})`
  return `${row.work.padEnd(33)} ${row.members.toString().padStart(6)} ${format(row.ours.median, row.unit).padStart(13)} ${spread.padEnd(26)} ${ratio.padEnd(28)} ${goal}`
}

const peerLine = ({ peer, members, work, microseconds, failed }: PeerRow): string =>
  `${(work ?? '').padEnd(33)} ${members.toString().padStart(6)} ${(microseconds === undefined ? '–' : format(microseconds)).padStart(13)} ${peer}${failed === undefined ? '' : ` failed: ${failed}`}`

const main = async (): Promise<number> => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      sizes: { type: 'string', default: '2,10,100,1000,10000' },
      peers: { type: 'string', default: '2,10,100' },
      json: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  const sizes = sizesOf(values.sizes)
  const peerSizes = sizesOf(values.peers)
  if (positionals[0] !== 'mls' || values.help || [...sizes, ...peerSizes].some((size) => !Number.isInteger(size) || size < 2)) {
    process.stdout.write(USAGE)
    return values.help ? 0 : 2
  }
  const say = (text: string): void => { if (!values.json) process.stdout.write(`${text}\n`) }
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
  for (const size of sizes) {
    add(await benchWarm(size))
    if (size <= 1000) add(await benchFresh(size))
  }
  let peers: readonly PeerRow[] = []
  if (peerSizes.length > 0 && !peersInstalled()) say('the peers are not installed: `npm run interop` does that')
  else if (peerSizes.length > 0) peers = await benchPeers(peerSizes, (row) => { say(peerLine(row)) })
  if (values.json) process.stdout.write(`${JSON.stringify({ node: process.version, rows, peers }, undefined, 2)}\n`)
  if (values.write) writeReport(rows, peers, `npm run bench -- ${process.argv.slice(2).join(' ')}`)
  return 0
}

process.exitCode = await main()
