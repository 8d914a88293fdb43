/**
 * Names of people, remembered until somebody's changes: every entry of a conversation asks for one.
 */
import type { Client, ConversationEvent } from '@famichat/client'
import type { Person } from '../requests.js'
import { type Reading, Readings } from './readings.js'

/** Who an account is. */
export class Names {
  readonly #client: Client
  readonly #known = new Readings<string, Reading<Person>>()

  constructor(client: Client) {
    this.#client = client
  }

  /** A person by account. */
  person(accountId: ConversationEvent['accountId']): Promise<Person> {
    const known = this.#known.get(accountId) ?? this.#known.keep(accountId, { read: this.#read(accountId) })
    return known.read
  }

  people(ids: readonly ConversationEvent['accountId'][]): Promise<readonly Person[]> {
    return Promise.all(ids.map((id) => this.person(id)))
  }

  /** Names were written. */
  forget(): void {
    this.#known.forgetAll()
  }

  async #read(accountId: ConversationEvent['accountId']): Promise<Person> {
    return { accountId, name: await this.#client.nameOf(accountId) }
  }
}
