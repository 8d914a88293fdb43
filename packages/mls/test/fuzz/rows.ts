/**
 * Fuzzed stores: a member restored from rows that are damaged, exchanged, missing, or forged with a right checksum.
 * Oracles: refusal is `mls.snapshot.malformed` and nothing else; what is accepted reads on or refuses in the error family.
 */
import { bytesKey, type Codec, concat } from '@famichat/base'
import { Group, type StateRow } from '@famichat/mls'
import { sealRow, withoutChecksum } from '../../dist/group/row-seal.js'
import { StoredHeader, StoredPast, StoredPending, StoredProposal } from '../../dist/group/stored.js'
import { GroupContext } from '../../dist/wire/group-info.js'
import { Node } from '../../dist/wire/leaf-node.js'
import type { Dice } from './dice.js'
import { type Grammar, grammarOf } from './grammar.js'
import { mutate, mutateBytes } from './mutate.js'
import type { Subject } from './subject.js'
import { expectThat, type Outcome, refusalOf, type Target } from './target.js'

type Rows = Map<string, Uint8Array>

/** The structure in a row, by the first letter of its key; other rows are a secret and a counter. */
const ROW_CODECS: Readonly<Record<string, Codec<unknown>>> = { h: StoredHeader, c: StoredPending, t: Node, e: StoredPast, q: StoredProposal }

/** Damage to a row's bytes is found by its checksum; the same damage with a new checksum must be found by meaning. */
const FORGED_ONE_IN = 2

class Store {
  readonly #subject: Subject
  readonly #rows: readonly { readonly key: string; readonly value: Uint8Array }[]
  readonly #grammars = new Map<string, Grammar>()

  constructor(subject: Subject) {
    this.#subject = subject
    this.#rows = subject.rows.flatMap(({ key, value }) => (value === undefined ? [] : [{ key, value }]))
    for (const { key, value } of this.#rows) {
      const codec = ROW_CODECS[key.charAt(0)]
      const content = withoutChecksum(value)
      this.#grammars.set(key, codec === undefined ? { bytes: content, spans: [] } : grammarOf(content, { codec, inside: [StoredHeader, GroupContext] }))
    }
  }

  /** A changed copy of the rows. */
  changed(dice: Dice, others: readonly StateRow[]): Rows {
    const rows: Rows = new Map(this.#rows.map(({ key, value }) => [key, value]))
    const { key, value } = dice.pick(this.#rows)
    switch (dice.below(8)) {
      case 0: rows.delete(key); break
      case 1: rows.set(dice.pick(this.#rows).key, value); break
      case 2: rows.set(this.#strangeKey(dice, key), dice.oneIn(2) ? value : this.#sealed(this.#strangeKey(dice, key), withoutChecksum(value))); break
      case 3: rows.set(key, mutateBytes(dice, value)); break
      case 4: {
        const other = dice.pick(others)
        rows.set(other.key, other.value ?? value)
        break
      }
      default: rows.set(key, this.#mutated(dice, key, value))
    }
    return rows
  }

  #mutated(dice: Dice, key: string, value: Uint8Array): Uint8Array {
    const grammar = this.#grammars.get(key)
    if (grammar === undefined || !dice.oneIn(FORGED_ONE_IN)) return mutateBytes(dice, value)
    return this.#sealed(key, mutate(dice, grammar, [...this.#grammars.values()]))
  }

  #strangeKey(dice: Dice, key: string): string {
    const first = dice.pick(['h', 'c', 't', 'q', 'e', 'o', 's', 'r', 'x', ''])
    const rest = dice.pick([key.slice(1), '', '0', '-1', '1e9', '4294967295', '18446744073709551616', ' 1', '0x10', 'NaN', 'r0', '1.r0', '1.k0', '1.k0.5', '1.n3', '7.z'])
    return dice.oneIn(3) ? first + rest : key.charAt(0) + rest
  }

  /** A row with the checksum of this subject's group. */
  #sealed(key: string, value: Uint8Array): Uint8Array {
    const { group } = this.#subject
    return sealRow(group.cipherSuite.hash, group.groupId, { key, value })
  }
}

/** Restores from changed rows; what comes out is used once. */
const restoreOnce = async (subject: Subject, rows: Rows): Promise<Outcome> => {
  const { bench, person } = subject
  let group: Group
  try {
    group = Group.restore({ config: bench.configOf(person), signer: person.signer, rows: [...rows].map(([key, value]) => ({ key, value })) })
  } catch (error) {
    const outcome = refusalOf(error, rowBytes(subject, rows))
    expectThat(outcome === 'mls.snapshot.malformed', `refused as ${outcome}`, rowBytes(subject, rows))
    return outcome
  }
  try {
    for (const message of subject.script) await group.process(message).catch((error: unknown) => refusalOf(error, rowBytes(subject, rows)))
  } finally {
    group.close()
  }
  return 'accepted'
}

/** The rows that differ from the subject's own: enough to see a finding again. */
const rowBytes = (subject: Subject, rows: Rows): Uint8Array => {
  const before = new Map(subject.rows.map(({ key, value }) => [key, value]))
  const text = new TextEncoder()
  const parts = [...rows].filter(([key, value]) => bytesKey(before.get(key) ?? new Uint8Array(0)) !== bytesKey(value))
    .flatMap(([key, value]) => [text.encode(`${key}=`), value])
  return concat(...parts)
}

/** Changed rows of each subject. */
export const rowTargets = (subjects: readonly Subject[]): readonly Target[] => {
  const all = subjects.flatMap(({ rows }) => rows)
  return subjects.map((subject): Target => {
    const store = new Store(subject)
    return {
      name: `restore ${subject.name}`,
      weight: 1,
      run: (dice) => {
        subject.bench.random.begin(dice.next())
        return restoreOnce(subject, store.changed(dice, all))
      },
    }
  })
}
