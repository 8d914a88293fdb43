/**
 * Recovery: the words that open this device's archives when everything else is lost, and asking for some of them now and then,
 * because a phrase that nobody has looked at for a year is a phrase that nobody has.
 */
import type { Clock, RandomBytes } from '@famichat/base'
import { ClientError } from '../client-error.js'
import { decodeRecord, encodeRecord, RecoveryRecord } from '../store/records.js'
import type { Store } from '../store/store.js'
import { ENTROPY_BYTES, normalizeWords, PHRASE_WORDS, wordsOf } from './recovery-phrase.js'

/** Where a recovery phrase stands. */
export interface RecoveryStatus {
  readonly hasPhrase: boolean
  /** When words of it were asked for and right; undefined for never: show that. */
  readonly rehearsedAtMs: number | undefined
}

/** A word of the phrase by its place, counted from 1. */
export interface PhraseWord {
  readonly place: number
  readonly word: string
}

const REHEARSED_WORDS = 3

/** The recovery phrase of this device. */
export class Recovery {
  readonly #store: Store
  readonly #clock: Clock
  readonly #random: RandomBytes

  constructor({ store, clock, random }: { readonly store: Store; readonly clock: Clock; readonly random: RandomBytes }) {
    this.#store = store
    this.#clock = clock
    this.#random = random
  }

  /** The twelve words, made when they are asked for first. Show them to the person, and to nobody else. */
  async phrase(): Promise<readonly string[]> {
    const entropy = await this.#store.exclusive(async () => {
      const known = await readRecovery(this.#store)
      if (known !== undefined) return known.entropy
      const fresh = this.#random(ENTROPY_BYTES)
      await this.#write({ entropy: fresh, madeAtMs: this.#clock.nowMs(), rehearsedAtMs: 0 })
      return fresh
    })
    return await wordsOf(entropy)
  }

  /** Whether there are words, and whether they were ever checked. */
  async status(): Promise<RecoveryStatus> {
    const known = await readRecovery(this.#store)
    return { hasPhrase: known !== undefined, rehearsedAtMs: known === undefined || known.rehearsedAtMs === 0 ? undefined : known.rehearsedAtMs }
  }

  /** Three places, counted from 1 and in order, whose words to ask for. */
  places(): readonly number[] {
    const places = Array.from({ length: PHRASE_WORDS }, (_, at) => at + 1)
    const chosen = Array.from({ length: REHEARSED_WORDS }, () => places.splice(this.#below(places.length), 1)).flat()
    return chosen.sort((a, b) => a - b)
  }

  /** Compares words that a person remembers or has written down. @throws ClientError `client.recovery.none` | `client.recovery.wrong_words` */
  async rehearse(words: readonly PhraseWord[]): Promise<void> {
    await this.#store.exclusive(async () => {
      const known = await readRecovery(this.#store)
      if (known === undefined) throw new ClientError('client.recovery.none')
      const phrase = await wordsOf(known.entropy)
      const isRight = words.length >= REHEARSED_WORDS && new Set(words.map(({ place }) => place)).size === words.length
        && words.every(({ place, word }) => normalizeWords(word).join(' ') === phrase[place - 1])
      if (!isRight) throw new ClientError('client.recovery.wrong_words')
      await this.#write({ ...known, rehearsedAtMs: this.#clock.nowMs() })
    })
  }

  #write(record: RecoveryRecord): Promise<void> {
    return this.#store.write([{ table: 'profile', key: 'recovery', value: encodeRecord(RecoveryRecord, record) }])
  }

  /** Without bias: bytes at the uneven end are drawn again. */
  #below(count: number): number {
    const limit = 256 - 256 % count
    for (;;) {
      const [byte = limit] = this.#random(1)
      if (byte < limit) return byte % count
    }
  }
}

/** What is behind the phrase of a profile. */
export const readRecovery = async (store: Store): Promise<RecoveryRecord | undefined> => {
  const stored = await store.get('profile', 'recovery')
  return stored && decodeRecord(RecoveryRecord, stored)
}
