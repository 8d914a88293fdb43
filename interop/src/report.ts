/**
 * docs/interop.md: what the long run did, written by the run itself.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { systemClock } from '@famichat/base'
import { DIFFERENCES } from './known-differences.js'
import { type Change, type Kind, KINDS } from './member.js'
import type { Counts, Pair, Tally } from './tally.js'

/** A run that has ended. */
export interface FinishedRun {
  readonly tally: Tally
  readonly passed: number
  readonly failed: number
  /** Seeds of the first and the last schedule. */
  readonly first: number
  readonly last: number
  readonly startedMs: number
}

const PAGE = new URL('../../docs/interop.md', import.meta.url)
const NAMES: Readonly<Record<Kind, string>> = { famichat: '@famichat/mls', 'ts-mls': 'ts-mls', openmls: 'OpenMLS' }
const CHANGES: Readonly<Record<Change['kind'], string>> = {
  add: 'Add', remove: 'Remove', update: 'Update', externalPsk: 'PreSharedKey, external',
  resumptionPsk: 'PreSharedKey, resumption', extensions: 'GroupContextExtensions',
}
const SIZE_BANDS = [[1, 2], [3, 5], [6, 10], [11, 20], [21, 35], [36, 50]] as const

/** Writes the page. */
export const writeReport = async (run: FinishedRun): Promise<void> => {
  const versions = { ours: await versionOf('../../packages/mls/package.json'), tsMls: await locked('ts-mls'), coreCrypto: await locked('@wireapp/core-crypto') }
  await writeFile(PAGE, `${[...summary(run, versions), ...pairs(run.tally), ...contents(run.tally), ...differences(run.tally)].join('\n')}\n`)
}

interface Versions {
  readonly ours: string
  readonly tsMls: string
  readonly coreCrypto: string
}

const summary = ({ tally, passed, failed, first, last, startedMs }: FinishedRun, { ours, tsMls, coreCrypto }: Versions): readonly string[] => {
  const minutes = Math.round((systemClock.nowMs() - startedMs) / 60_000)
  return [
    '# Agreement with independent implementations',
    '',
    'Written by `npm run interop -- --long`; do not edit. Random groups whose members run our engine, ts-mls (TypeScript) and',
    'OpenMLS (Rust, as @wireapp/core-crypto in WebAssembly) side by side. After every commit all members must have the same',
    'secrets, our engine validates the whole tree as a joiner does, and every implementation sends a message that the others',
    'read. How it works, and where a peer departs from RFC 9420: [interop/README.md](../interop/README.md).',
    '',
    '| | |',
    '|---|---|',
    `| run | ${new Date(startedMs).toISOString().slice(0, 16).replace('T', ' ')} UTC, ${minutes.toString()} minutes |`,
    `| implementations | @famichat/mls ${ours}, ts-mls ${tsMls}, @wireapp/core-crypto ${coreCrypto}; Node ${process.versions.node} |`,
    `| seeds | ${first.toString()} to ${last.toString()} |`,
    `| schedules | **${passed.toString()} passed, ${failed.toString()} failed** |`,
    `| commits | **${number(tally.epochs)}**, processed ${number(tally.processed.total)} times; ${number(tally.lost.total)} more lost a race and were discarded |`,
    `| joins by Welcome | ${number(tally.joined.total)} |`,
    `| equal to our engine's | ${number(tally.agreed.of('exported'))} exported secrets, ${number(tally.agreed.of('epochAuthenticator'))} epoch authenticators, ${number(tally.agreed.of('treeHash'))} tree hashes |`,
    `| trees validated as a joiner does | ${number(tally.validatedTrees)} |`,
    `| application messages read | ${number(tally.read.total)} |`,
    '',
  ]
}

const pairs = (tally: Tally): readonly string[] => [
  '## Who took what from whom',
  '',
  ...table('commits processed, by who made them', (from) => `${NAMES[from]} (${number(tally.commits.of(from))} commits, ${number(tally.externalCommits.of(from))} external)`, tally.processed),
  ...table('joins by Welcome, by who made it', (from) => NAMES[from], tally.joined),
  ...table('messages read, by who sent them', (from) => NAMES[from], tally.read),
]

const table = (title: string, rowName: (from: Kind) => string, counts: Counts<Pair>): readonly string[] => [
  `| ${title} | ${KINDS.map((kind) => `by ${NAMES[kind]}`).join(' | ')} |`,
  `|---|${KINDS.map(() => '---:|').join('')}`,
  ...KINDS.map((from) => `| ${rowName(from)} | ${KINDS.map((to) => number(counts.of(`${from}>${to}`))).join(' | ')} |`),
  '',
]

const contents = (tally: Tally): readonly string[] => {
  const sizes = SIZE_BANDS.map(([from, to]) => {
    const count = tally.sizes.entries.filter(([size]) => Number(size) >= from && Number(size) <= to).reduce((sum, [, times]) => sum + times, 0)
    return `${from.toString()}–${to.toString()}: ${number(count)}`
  })
  return [
    '## What was in it',
    '',
    '| proposals committed | by value | by reference |',
    '|---|---:|---:|',
    ...Object.entries(CHANGES).map(([kind, name]) => `| ${name} | ${number(tally.byValue.of(asChange(kind)))} | ${number(tally.byReference.of(asChange(kind)))} |`),
    '',
    `Commits by cipher suite: ${tally.suites.entries.toSorted().map(([suite, count]) => `suite ${suite}: ${number(count)}`).join(', ')}.`,
    `Commits by members in the group afterwards: ${sizes.join(', ')}.`,
    '',
  ]
}

const asChange = (kind: string): Change['kind'] => {
  if (!(kind in CHANGES)) throw new TypeError(`${kind} is no kind of change`)
  return kind as Change['kind']
}

const differences = (tally: Tally): readonly string[] => [
  '## Differences met',
  '',
  'None between implementations that follow the RFC. These departures of a peer were met, recognised exactly, and counted:',
  '',
  '| peer | what it does | RFC 9420 | met |',
  '|---|---|---|---:|',
  ...Object.entries(DIFFERENCES).map(([id, { peer, what, rfc, effect }]) =>
    `| ${peer} | ${what}. ${effect} | ${rfc} | ${number(tally.differences.entries.find(([met]) => met === id)?.[1] ?? 0)} |`),
]

const number = (value: number): string => value.toLocaleString('en')

const versionOf = async (path: string): Promise<string> => readVersion(await readFile(new URL(path, import.meta.url), 'utf8'))

/** The version that is installed here. */
const locked = (name: string): Promise<string> => versionOf(`../node_modules/${name}/package.json`)

const readVersion = (json: string): string => {
  const parsed: unknown = JSON.parse(json)
  if (typeof parsed !== 'object' || parsed === null || !('version' in parsed) || typeof parsed.version !== 'string') throw new TypeError('package.json has no version')
  return parsed.version
}
