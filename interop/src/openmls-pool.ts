/**
 * OpenMlsPool: clients of core-crypto, lent to schedules one after the other; setting one up costs a database.
 */
import { OpenMlsClient } from './openmls-client.js'

/** How many schedules one client serves. */
const MAX_LOANS = 40

export class OpenMlsPool {
  readonly #free = new Map<number, OpenMlsClient[]>()
  readonly #loans = new Map<OpenMlsClient, number>()
  #number = 0

  /** Numbers that make identities differ within a run. */
  nextNumber(): number {
    return ++this.#number
  }

  async lend(suiteId: number): Promise<OpenMlsClient> {
    const free = this.#free.get(suiteId) ?? []
    this.#free.set(suiteId, free)
    const client = free.pop() ?? await OpenMlsClient.create(suiteId, this.nextNumber(), (returned) => { this.#takeBack(returned, free) })
    this.#loans.set(client, (this.#loans.get(client) ?? 0) + 1)
    return client
  }

  #takeBack(client: OpenMlsClient, free: OpenMlsClient[]): void {
    if ((this.#loans.get(client) ?? 0) < MAX_LOANS) {
      free.push(client)
      return
    }
    this.#loans.delete(client)
    client.destroy()
  }
}
