/**
 * A server in its own process and real clients in this one, for measuring. Rate limits are lifted: everybody comes from one machine.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { present } from '@famichat/base'
import { Client, type ClientOptions } from '@famichat/client'
import { nodePlatform, openSqliteStore } from '@famichat/client/node'

const SERVER = new URL('../../../server/dist-test/support/server-process.js', import.meta.url).pathname
const FREE = { burst: 1e9, perSecond: 1e9 }
const OPTIONS = { rateLimits: { address: FREE, device: FREE, send: FREE, frame: FREE, claim: FREE } }

/** People with profiles, and the server they share. */
export class BenchCommunity {
  readonly #folder: string
  readonly #clients: Client[] = []
  readonly #server: ChildProcess
  readonly #setupLink: string

  private constructor(folder: string, server: ChildProcess, setupLink: string) {
    this.#folder = folder
    this.#server = server
    this.#setupLink = setupLink
  }

  /** Plays in a community, and clears it away. */
  static async with<T>(play: (community: BenchCommunity) => Promise<T>): Promise<T> {
    const folder = mkdtempSync(join(tmpdir(), 'famichat-bench-'))
    const server = spawn(process.execPath, [SERVER, join(folder, 'server'), '0', JSON.stringify(OPTIONS)], { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] })
    let community: BenchCommunity | undefined
    try {
      const [line] = await once(createInterface({ input: present(server.stdout, 'the server has an output') }), 'line') as [string]
      community = new BenchCommunity(folder, server, (JSON.parse(line) as { readonly setupLink: string }).setupLink)
      return await play(community)
    } finally {
      await community?.end()
      server.kill('SIGKILL')
      rmSync(folder, { recursive: true, force: true })
    }
  }

  /** One more person; the first one is the admin. */
  async person(options: Partial<ClientOptions> = {}): Promise<Client> {
    const [first] = this.#clients
    const link = first === undefined ? this.#setupLink : (await first.invite()).link
    const name = `Person ${(this.#clients.length + 1).toString()}`
    const client = await Client.join({ ...this.#options(name), ...options }, link, name)
    this.#clients.push(client)
    return client
  }

  /** Closes a client and opens its profile again. */
  async reopen(client: Client, options: Partial<ClientOptions> = {}): Promise<Client> {
    const { accountName } = client.identity
    await client.close()
    this.#clients.splice(this.#clients.indexOf(client), 1)
    const opened = await Client.open({ ...this.#options(accountName), ...options })
    this.#clients.push(opened)
    return opened
  }

  async end(): Promise<void> {
    for (const client of this.#clients.splice(0)) await client.close()
    this.#server.kill()
  }

  #options(name: string): ClientOptions {
    return { ...nodePlatform, store: openSqliteStore({ folder: join(this.#folder, name) }) }
  }
}
