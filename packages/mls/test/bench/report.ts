/**
 * docs/benchmarks.md and its plot, written by the command that measured.
 */
import { writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { fileURLToPath } from 'node:url'
import { systemClock } from '@famichat/base'
import { growthOf, meetsGoal } from './goals.js'
import type { Row } from './mls-bench.js'
import type { PeerRow } from './peers.js'
import { plot } from './plot.js'

const docs = (name: string): string => fileURLToPath(new URL(`../../../../docs/${name}`, import.meta.url))

/** A time or a size as people read it. */
export const format = (value: number, unit: Row['unit'] = 'µs'): string => {
  if (unit === 'bytes') return `${Math.round(value).toLocaleString('en')} B`
  if (value >= 1_000_000) return `${(value / 1_000_000).toFixed(2)} s`
  return value >= 1000 ? `${(value / 1000).toFixed(2)} ms` : `${value.toFixed(0)} µs`
}

/** Kept by hand: what a profiler said, which the benchmark itself does not measure. */
const BUDGET = `## Where the time of adding everybody goes

Adding 999 people in one commit on two cores, warm, profiled on 2026-11-25: milliseconds of processor time per commit (from
\`node --cpu-prof\`, scaled to what the threads ran without it). Two threads at once do twice the work of one here, so half
of the sum is what has to pass; it passed in 68 ms. MACs have
become node:crypto's own again since (0.8 µs more for each): about 2 ms more in either thread.

| | calling thread | helper thread | V8's own threads |
|---|---:|---:|---:|
| X25519: a fresh key pair for each seal | 12.2 | 25.2 | |
| X25519: Diffie-Hellman | 10.2 | 23.5 | |
| X25519: import of the recipient's key | 3.5 | 4.7 | |
| hashes, MACs, key derivation | 8.3 | 2.7 | |
| AEAD | 5.0 | | |
| two signatures over the commit and the GroupInfo, 560 KB | 1.3 | | |
| tree, validation of the proposals | 4.2 | | |
| encoding | 5.1 | 0.4 | |
| handing jobs over | 1.4 | 0.9 | |
| garbage collector and compiler | 6.2 | 2.2 | 10.3 |
| everything else: promises, small objects | 5.2 | 2.0 | |
| **sum: 135** | **63** | **62** | **10** |

The curve takes 79 of them, at the price node:crypto asks: 37 µs for a key pair, 34 µs for a Diffie-Hellman, 8 µs for a key
object. Of what the processor does, by \`perf\`, 4 % is our compiled JavaScript; the rest is OpenSSL, allocation, and the collector's work for
native objects: eleven for each seal. A Node with a larger young generation (\`--max-semi-space-size=64
--min-semi-space-size=64\`) makes the same commit in 64 ms; a library does not set that.

Around a hundred members a commit's fixed part counts: waking the helper takes 50 µs, deriving the eight key pairs of the
path 0.35 ms, signing twice 0.1 ms, and framing and the key schedule, which nothing can overlap, 0.15 ms. Of a path the
encapsulations are shared; they go on while the calling thread derives the path's keys and signs the leaf.
`

const answer = (met: boolean | undefined): string => (met === undefined ? '' : met ? 'yes' : '**no**')

/** What a goal is a multiple of, where it is not the floor beside it. */
const goalFloorOf = ({ goalFloor }: Row): string => (goalFloor === undefined ? '' : ` × ${format(goalFloor)}`)

const PEERS = ['famichat', 'ts-mls', 'openmls']

/** Writes the page and the plot. */
export const writeReport = (rows: readonly Row[], peers: readonly PeerRow[], command: string): void => {
  const ours = rows.map((row) => {
    const ratio = row.ratio?.toFixed(2) ?? ''
    const goal = row.goal === undefined ? '' : row.unit === 'bytes' ? `≤ ${format(row.goal, 'bytes')}` : `≤ ${row.goal.toString()}${goalFloorOf(row)}`
    const spread = row.unit === 'bytes' ? '' : `${format(row.ours.low)} – ${format(row.ours.high)}`
    return `| ${row.work} | ${row.members.toString()} | ${format(row.ours.median, row.unit)} | ${spread} | ${row.floor === undefined ? '' : format(row.floor.median)} | ${ratio} | ${goal} | ${answer(meetsGoal(row))} |`
  })
  const growth = growthOf(rows).map(({ work, from, to, times, goal }) =>
    `| ${work} | ${from.toLocaleString('en')} | ${to.toLocaleString('en')} | ${times.toFixed(2)} | ≤ ${goal.toString()} | ${answer(times <= goal)} |`)
  const works = [...new Set(peers.flatMap(({ work }) => work ?? []))]
  const sizes = [...new Set(peers.map(({ members }) => members))]
  const beside = works.flatMap((work) => sizes.map((members) => {
    const cells = PEERS.map((peer) => {
      const row = peers.find((each) => each.peer === peer && each.members === members && each.work === work)
      return row?.microseconds === undefined ? '–' : format(row.microseconds)
    })
    return `| ${work} | ${members.toString()} | ${cells.join(' | ')} |`
  }))
  const failures = peers.flatMap(({ peer, members, failed }) => (failed === undefined ? [] : [`- ${peer} at ${members.toString()} members: ${failed}`]))
  const [cpu] = cpus()
  writeFileSync(docs('benchmarks.md'), `# Benchmarks

Written by \`${command}\` on ${new Date(systemClock.nowMs()).toISOString().slice(0, 10)}: Node ${process.version}, ${cpus().length.toString()} cores (${cpu?.model ?? 'unknown'}), suite 1.
Medians; the spread is the fastest and the slowest run. The floor is what the primitives alone cost in node:crypto, timed
in turns with ours, so that a noisy machine slows both alike: read the ratios, which are medians of the turns' own. Where several cores are free, batches of
seals and signatures are shared with threads, and the ratio can be below 1. The compiler has done its work before: the
first hundreds of commits of a process are up to twice as slow.

## The engine beside its floor

The floor of a seal is the cheapest way to call node:crypto that we know: it exports the fresh key while it is made, without a
key object. The goal for adding everybody and for a first commit is 0.7 of seals made with key objects throughout, as the design
measured them (it found 330 to 490 µs for one); that floor is timed here too and stands in the column of the goal.

| work | members | ours | spread | floor | ratio | goal | met |
|---|---:|---:|---|---:|---:|---|---|
${ours.join('\n')}

How cost grows with the group: the ratio times the fastest floor, for the sizes are minutes apart and the machine is not steady.

| work | from members | to | times | goal | met |
|---|---:|---:|---:|---:|---|
${growth.length > 0 ? growth.join('\n') : '| (not measured: it takes both sizes) | | | | | |'}

${BUDGET}
## Beside ts-mls and OpenMLS

The same work through the same interface in one process (interop/src/bench.ts): ts-mls 1.6.4, and OpenMLS as
@wireapp/core-crypto 10.3.0 in WebAssembly. Its times include its database, which it cannot do without; ours and ts-mls's
do not include storage. "Warm" is after commits by up to 33 members spread over the tree.

| work | members | famichat | ts-mls | core-crypto (WASM) |
|---|---:|---:|---:|---:|
${beside.length > 0 ? beside.join('\n') : '| (not measured: the peers were not installed) | | | | |'}
${failures.length > 0 ? `\nCould not be measured:\n\n${failures.join('\n')}\n` : ''}
OpenMLS compiled for the machine itself (core-crypto's native addon) does not load from a plain install, so the command leaves it out.
Measured once with a patched copy outside of this repository (2026-11-25, through the same interface; the first such work of a process, ours
without its compiler warm): add everyone 34 – 43 ms at 100 and 1.13 s at 1,000 (ours 64 – 81 ms and 0.66 s), first commit 14 – 17 ms and 131 ms
(ours 6 – 12 ms and 89 ms), own update 4 – 7 ms and 40 ms (ours 2 – 6 ms and 12 ms). A process of ours is slower once, at its first large group.

![Cost against members](benchmarks.svg)
`)
  writeFileSync(docs('benchmarks.svg'), plot(peers))
}
