/**
 * Names of people, remembered until somebody's changes: every entry of a conversation asks for one.
 */
import type { Client, ConversationEvent } from '@famichat/client'
import type { Person } from '../requests.js'

/** Who an account is. */
export class Names {
  readonly #client: Client
  readonly #known = new Map<string, Person>()

  constructor(client: Client) {
    this.#client = client
  }

  /** A person by account. */
  async person(accountId: ConversationEvent['accountId']): Promise<Person> {
    const known = this.#known.get(accountId)
    if (known !== undefined) return known
    const person = { accountId, name: await this.#client.nameOf(accountId) }
    this.#known.set(accountId, person)
    return person
  }

  people(ids: readonly ConversationEvent['accountId'][]): Promise<readonly Person[]> {
    return Promise.all(ids.map((id) => this.person(id)))
  }

  /** Names were written. */
  forget(): void {
    this.#known.clear()
  }
}
