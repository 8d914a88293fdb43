/**
 * The design's estimates beside what was measured, and notes where its text is wrong. Both are computed from the rows:
 * a run without a contender says nothing about it.
 */
import { formatBytes, formatTime } from './format.js'
import type { Results } from './results.js'
import type { Spread } from './row.js'
import type { Table } from './tables.js'

interface Claim {
  readonly claim: string
  /** What was measured, each with a label; microseconds. */
  readonly measured: (results: Results) => readonly (readonly [string, Cost | undefined])[]
  /** Bounds in microseconds. */
  readonly low: number
  readonly high: number
}

/** The median, and the fastest run: on a machine that does other things, the fastest is nearer to what the work costs. */
type Cost = Pick<Spread, 'median' | 'low'>

const cost = (results: Results, contender: string, members: number, ...works: readonly string[]): Cost | undefined =>
  results.value(contender, members, ...works)

const fastest = (results: Results, contender: string, members: number, work: string): number | undefined => cost(results, contender, members, work)?.low

const together = (a: Cost | undefined, b: Cost | undefined): Cost | undefined =>
  (a === undefined || b === undefined ? undefined : { median: a.median + b.median, low: a.low + b.low })

const MLS = [['Famichat', 'famichat'], ['ts-mls', 'ts-mls'], ['OpenMLS', 'openmls']] as const

const CLAIMS: readonly Claim[] = [
  {
    claim: 'Signal 1:1: 15 ms a message', low: 15_000, high: 15_000,
    measured: (results) => [['send and receive', together(cost(results, 'signal-pairwise', 2, 'send'), cost(results, 'signal-pairwise', 2, 'receive'))]],
  },
  {
    claim: 'Signal to 100 people: 2,000 ms', low: 2_000_000, high: 2_000_000,
    measured: (results) => [
      ['pairwise', cost(results, 'signal-pairwise', 100, 'send')],
      ['pairwise, first message with all sessions new', cost(results, 'signal-pairwise', 100, 'first message of another member')],
      ['sender keys', cost(results, 'signal-sender-keys', 100, 'send')],
    ],
  },
  {
    claim: 'Megolm to 100 people: about 110 ms', low: 110_000, high: 110_000,
    measured: (results) => [
      ['a message', cost(results, 'megolm', 100, 'send')],
      ['a new key to all', cost(results, 'megolm', 100, 'rotate')],
      ['set-up with new Olm sessions', cost(results, 'megolm', 100, 'set-up')],
    ],
  },
  {
    claim: 'MLS message: 5–10 ms (at 100 members)', low: 5000, high: 10_000,
    measured: (results) => MLS.map(([name, id]) => [`${name}, send and receive`, together(cost(results, id, 100, 'send'), cost(results, id, 100, 'receive'))]),
  },
  {
    claim: 'MLS group operation at 100 members: about 150 ms', low: 150_000, high: 150_000,
    measured: (results) => MLS.flatMap(([name, id]) => (['add', 'remove', 'rotate, first after set-up'] as const).map((work) => [`${name}, ${work}`, cost(results, id, 100, work)] as const)),
  },
]

/** How texts alone healed: what stands behind the colon. */
const wayOf = (seen: string): string => seen.split(';')[0]?.replace(/^[^:]*: /, '').replace(/^after (\d+), (\d+) of them/, 'after $1 texts, $2 of them').replace(/after 1 texts, 1 of them the victim's/, 'after 1 text of the victim') ?? seen

const formatCost = ({ median, low }: Cost): string => (median === low ? formatTime(median) : `${formatTime(median)}, fastest ${formatTime(low)}`)

const verdict = (value: number, { low, high }: Claim): string => {
  if (value >= low / 1.5 && value <= high * 1.5) return 'right size'
  const times = value < low ? low / value : value / high
  const rounded = times >= 10 ? times.toFixed(0) : times.toFixed(1)
  return value < low ? `${rounded} × less` : `${rounded} × more`
}

/** Estimates beside measurements. */
export const claimTable = (results: Results): Table => ({
  title: 'The design\'s estimates',
  about: 'The design chose MLS on these figures. Measured are the median and the fastest run, the verdict is about the fastest.',
  head: ['estimate', 'measured', 'so it is'],
  rows: [
    ...CLAIMS.flatMap((claim) => claim.measured(results).flatMap(([label, value]) =>
      (value === undefined ? [] : [[claim.claim, `${label}: ${formatCost(value)}`, verdict(value.low, claim)]]))),
    ...growthRows(results),
  ],
})

/** Logarithmic growth, as a ratio of the largest size to 100 members: the logarithm itself doubles from 100 to 10,000. */
const growthRows = (results: Results): readonly (readonly string[])[] => {
  const largest = results.sizes.filter((members) => fastest(results, 'famichat', members, 'rotate, warm tree') !== undefined).at(-1)
  if (largest === undefined || largest <= 100) return []
  return (['rotate, warm tree', 'rotate, warm tree: bytes', 'rotate, first after set-up', 'join'] as const).flatMap((work) => {
    const [at100, atLargest] = [100, largest].map((members) => fastest(results, 'famichat', members, work))
    if (at100 === undefined || atLargest === undefined) return []
    const ratio = atLargest / at100
    const isLinear = ratio > Math.sqrt(largest / 100)
    return [['logarithmic growth to 10,000', `Famichat, ${work}: ${ratio.toFixed(1)} × from 100 to ${largest.toLocaleString('en')} members`, isLinear ? 'linear' : 'logarithmic']]
  })
}

/** How our engine's costs grow with the conversation. */
export const growthTable = (results: Results): Table | undefined => {
  const sizes = results.sizes.filter((members) => members >= 10)
  const works = [['rotate, warm tree', 'rotate, warm tree'], ['its bytes', 'rotate, warm tree: bytes'], ['rotate, first after set-up', 'rotate, first after set-up'], ['add one', 'add'], ['join', 'join'], ['send', 'send']] as const
  const rows = works.flatMap(([title, work]) => {
    const values = sizes.map((members) => fastest(results, 'famichat', members, work))
    const [first] = values
    if (first === undefined) return []
    const cells = values.map((value) => (value === undefined ? '–' : work.endsWith('bytes') ? formatBytes(value) : formatTime(value)))
    return [[title, ...cells]]
  })
  return sizes.length < 2 || rows.length === 0 ? undefined : {
    title: 'Growth to 10,000 members',
    about: 'Our engine, fastest runs. Logarithmic are a rotation in a warm tree and its bytes, and a message costs the same at every size; a first rotation, joining and the hashes of a change are linear.',
    head: ['work', ...sizes.map((members) => members.toLocaleString('en'))],
    rows,
  }
}

/** Where the design's text is wrong, or says half of it. */
export const notes = (results: Results): readonly string[] => {
  const said: (string | undefined)[] = []
  const recovery = (id: string): string | undefined => results.finding(id, 'recovery')?.seen
  const signal = results.finding('signal-pairwise', 'recovery')
  if (signal?.outcome === 'holds') {
    const olm = results.finding('olm', 'recovery')
    const ours = results.finding('famichat', 'recovery')
    said.push(`The Double Ratchet does heal 1:1 conversations, and without anybody asking for it. When all write in turn, a copied device reads nothing new in Signal ${wayOf(signal.seen)}${olm === undefined ? '' : `, in Olm ${wayOf(olm.seen)}`}.${ours === undefined ? '' : ` MLS does not heal by texts: it takes a commit of the victim (${ours.seen}), so keys must be rotated on a schedule.`}`)
  }
  const groups = ([['sender keys', recovery('signal-sender-keys')], ['Megolm', recovery('megolm')]] as const).flatMap(([name, seen]) => (seen === undefined ? [] : [`${name}: ${seen}`]))
  if (groups.length > 0) said.push(`What does not heal by itself is the group protocols on top of it (${groups.join(' · ')}): a new key travels over pairwise sessions that the thief holds too, until these have healed.`)
  const [ours, pairwise, sender] = ['famichat', 'signal-pairwise', 'signal-sender-keys'].map((id) => fastest(results, id, 100, 'send'))
  const [ourBytes, pairwiseBytes] = ['famichat', 'signal-pairwise'].map((id) => fastest(results, id, 100, 'send: bytes'))
  if (ours !== undefined && pairwise !== undefined && ourBytes !== undefined && pairwiseBytes !== undefined) {
    const cheaper = sender === undefined ? '' : ` Against sender keys (${formatTime(sender)}) MLS saves nothing on a message.`
    said.push(`By the fastest runs, one MLS message to 100 people costs the sender ${formatTime(ours)} and ${formatBytes(ourBytes)}, pairwise Signal ${formatTime(pairwise)} and ${formatBytes(pairwiseBytes)}: ${(pairwise / ours).toFixed(0)} × the time and ${(pairwiseBytes / ourBytes).toFixed(0)} × the bytes (the estimates say 200 to 400 × in time).${cheaper}`)
  }
  if (results.finding('megolm', 'forward secrecy')?.outcome === 'fails') {
    said.push(`Megolm as matrix-sdk-crypto keeps it has no forward secrecy within a key: ${results.finding('megolm', 'forward secrecy')?.seen ?? ''}. The estimate of 110 ms is a key handed to everybody, not a message.`)
  }
  if (results.finding('famichat', 'deniability')?.outcome === 'fails') {
    said.push('MLS gives up deniability: whoever receives a message can prove to anybody who wrote it. Signal and Olm between two devices do not allow that.')
  }
  const warm = fastest(results, 'famichat', 1000, 'rotate, warm tree')
  const first = fastest(results, 'famichat', 1000, 'rotate, first after set-up')
  const join = fastest(results, 'famichat', 1000, 'join')
  if (warm !== undefined && first !== undefined && join !== undefined) {
    said.push(`Growth is logarithmic only where members have rotated before: at 1,000 a rotation costs ${formatTime(warm)} in a warm tree and ${formatTime(first)} right after set-up, and joining costs ${formatTime(join)}, linear in the members.`)
  }
  const ghosts = ['openmls', 'olm', 'megolm'].filter((id) => results.finding(id, 'ghost')?.outcome === 'fails').map((id) => results.nameOf(id))
  if (ghosts.length > 0) said.push(`No protocol keeps a ghost out by itself: ${ghosts.join(', ')} let one in with default settings. What keeps it out is the application's word on keys, which our engine and ts-mls ask for; ours refuses what nobody vouches for.`)
  return said.flatMap((note) => note ?? [])
}
