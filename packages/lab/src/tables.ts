/**
 * The tables of a report, the same for terminal, page and HTML.
 */
import { EXPERIMENTS } from './experiments.js'
import { formatSpread, formatTime } from './format.js'
import { PHASES } from './phases.js'
import type { Results } from './results.js'
import type { Measurement, Outcome } from './row.js'

/** A table of texts. */
export interface Table {
  readonly title: string
  /** A sentence or two under the title. */
  readonly about: string
  readonly head: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

/** One piece of work in the tables and plots; where a contender has a tree, the first name that was measured counts. */
export interface Work {
  readonly title: string
  readonly about: string
  readonly names: readonly string[]
  readonly unit: Measurement['unit']
}

/** What is shown of each size. */
export const WORKS: readonly Work[] = [
  { title: 'Send 100 bytes', about: 'One text to all other members: everything the sender computes.', names: ['send'], unit: 'µs' },
  { title: 'Send: bytes uploaded', about: 'All ciphertexts of one text of 100 bytes.', names: ['send: bytes'], unit: 'bytes' },
  { title: 'Receive', about: 'At one receiver.', names: ['receive'], unit: 'µs' },
  { title: 'Set-up', about: 'From everybody\'s published keys to a conversation: what the founder computes.', names: ['set-up'], unit: 'µs' },
  { title: 'Set-up: bytes uploaded', about: 'By the founder; a Welcome is uploaded once for all.', names: ['set-up: bytes'], unit: 'bytes' },
  { title: 'Join', about: 'What a newcomer computes at set-up.', names: ['join'], unit: 'µs' },
  { title: 'First message of another member', about: 'Where each sender has keys of its own, this is when they are handed out.', names: ['first message of another member'], unit: 'µs' },
  { title: 'First message of another member: bytes', about: 'Its keys included.', names: ['first message of another member: bytes'], unit: 'bytes' },
  { title: 'Add one', about: 'What the member computes who adds.', names: ['add'], unit: 'µs' },
  { title: 'Add one: bytes', about: 'To members and newcomer.', names: ['add: bytes'], unit: 'bytes' },
  { title: 'Remove one', about: 'What the member computes who removes. Where each sender has keys of its own, every other sender pays the same at its next message.', names: ['remove'], unit: 'µs' },
  { title: 'Remove one: bytes', about: 'To all remaining members.', names: ['remove: bytes'], unit: 'bytes' },
  { title: 'Rotate', about: 'New keys of one member, in a tree that others have warmed. Pairwise ratchets have no such operation: each answer renews the keys.', names: ['rotate, warm tree', 'rotate'], unit: 'µs' },
  { title: 'Rotate: bytes', about: 'To all other members.', names: ['rotate, warm tree: bytes', 'rotate: bytes'], unit: 'bytes' },
  { title: 'Rotate, first after set-up', about: 'In a tree in which nobody but the founder has made keys: the worst case.', names: ['rotate, first after set-up'], unit: 'µs' },
  { title: 'Follow a rotation', about: 'At one other member.', names: ['rotate, warm tree: follow', 'rotate: follow'], unit: 'µs' },
  { title: 'State of the founder', about: 'What its device must keep for the conversation.', names: ['state of founder'], unit: 'bytes' },
  { title: 'State of another member', about: 'One that joined last.', names: ['state of another member'], unit: 'bytes' },
]

const MARKS: Readonly<Record<Outcome, string>> = { holds: 'yes', partly: 'partly', fails: 'NO', 'not demonstrable': '?' }

/** Every contender that was asked, loaded or not. */
const contendersOf = (results: Results): readonly string[] => [...new Set(results.rows.map(({ contender }) => contender))]

/** Who took part, with licences. */
export const contenderTable = (results: Results): Table => ({
  title: 'Contenders',
  about: 'Each runs in processes of its own. Peers are development dependencies of the lab alone.',
  head: ['contender', 'protocol', 'library', 'licence', 'note'],
  rows: contendersOf(results).map((id) => {
    const entry = results.entry(id)
    if (entry === undefined) return [id, '', '', '', results.failures.find(({ contender }) => contender === id)?.reason ?? 'did not load']
    return [entry.name, entry.protocol, `${entry.library} ${entry.version}`, entry.licence, entry.note]
  }),
})

/** One table a piece of work: sizes down, contenders across. */
export const workTables = (results: Results): readonly Table[] => {
  const ids = contendersOf(results)
  return WORKS.flatMap(({ title, about, names, unit }) => {
    const rows = results.sizes.map((members) => [
      members.toLocaleString('en'),
      ...ids.map((id) => {
        const value = results.value(id, members, ...names)
        return value === undefined ? '–' : formatSpread(value, unit)
      }),
    ]).filter((row) => row.slice(1).some((cell) => cell !== '–'))
    return rows.length === 0 ? [] : [{ title, about, head: ['members', ...ids.map((id) => results.nameOf(id))], rows }]
  })
}

/** The properties: contenders down, experiments across. */
export const securityTable = (results: Results): Table => ({
  title: 'Security, demonstrated',
  about: 'yes: the property holds; NO: it does not; partly and ?: the next table says how and why.',
  head: ['contender', ...EXPERIMENTS.map(({ name }) => name)],
  rows: contendersOf(results).map((id) => [results.nameOf(id), ...EXPERIMENTS.map(({ name }) => {
    const finding = results.finding(id, name)
    return finding === undefined ? '–' : MARKS[finding.outcome]
  })]),
})

/** What was seen in each experiment. */
export const findingTables = (results: Results): readonly Table[] =>
  EXPERIMENTS.flatMap(({ name, method }) => {
    const rows = contendersOf(results).flatMap((id) => {
      const finding = results.finding(id, name)
      return finding === undefined ? [] : [[results.nameOf(id), MARKS[finding.outcome], finding.seen, finding.how ?? '']]
    })
    const hasHow = rows.some((row) => row[3] !== '')
    const head = ['contender', 'holds', 'seen', ...hasHow ? ['how'] : []]
    return rows.length === 0 ? [] : [{ title: `${name.charAt(0).toUpperCase()}${name.slice(1)}`, about: method, head, rows: rows.map((row) => row.slice(0, head.length)) }]
  })

const BUDGET_MS: Readonly<Record<(typeof PHASES)[number], number>> = {
  'key derivation': 10, signing: 10, encryption: 20, 'serialisation and the rest': 10,
}

/** Our own split beside the design's budget. */
export const phaseTable = (results: Results): Table | undefined => {
  const phases = results.measurements.filter(({ work }) => work.startsWith('phases'))
  const [first] = phases
  if (first === undefined) return undefined
  const works = ['phases of a message sent', 'phases of a message received', 'phases of a commit']
  return {
    title: 'Where the time of a message goes',
    about: `Our engine, ${first.members.toLocaleString('en')} members, by phase; the commit is the first after set-up. The design's budget is 50 ms a message.`,
    head: ['phase', 'budget', 'message sent', 'message received', 'commit'],
    rows: [...PHASES, 'all' as const].map((phase) => [
      phase,
      `${(phase === 'all' ? 50 : BUDGET_MS[phase]).toString()} ms`,
      ...works.map((work) => {
        const found = phases.find((row) => row.work === `${work}: ${phase}`)
        return found === undefined ? '–' : formatTime(found.value.median)
      }),
    ]),
  }
}

/** What could not be done, and why. */
export const failureTable = (results: Results): Table | undefined =>
  results.failures.length === 0 ? undefined : {
    title: 'What could not be done',
    about: 'A contender that is missing, does not load or ends early costs its own rows only.',
    head: ['contender', 'what', 'why'],
    rows: results.failures.map(({ contender, part, reason }) => [results.nameOf(contender), part, reason]),
  }
