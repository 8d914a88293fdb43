/**
 * A community for tests: a real server on a free port, and people with real profiles in folders of their own.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { Clock } from '@famichat/base'
import { Client, type ClientOptions, type Fetch, type ConversationId, type PointListener, type SignInRequest } from '@famichat/client'
import { nodePlatform, openSqliteStore } from '@famichat/client/node'
import { type RunningServer, startServer } from '@famichat/server'

/** Rates that a test cannot reach. */
const UNLIMITED = { burst: 1e6, perSecond: 1e6 }

/** What a dishonest server says instead. */
export type Lie = (path: string, honest: Uint8Array) => Response | undefined

export class Community {
  readonly folder = mkdtempSync(join(tmpdir(), 'famichat-client-'))
  readonly #open = new Set<Client>()
  #server: RunningServer | undefined
  #port = 0
  readonly #clock: Clock | undefined

  private constructor(clock: Clock | undefined) {
    this.#clock = clock
  }

  /** @param clock of the server and of everybody, where the machine's own will not do */
  static async start(t: TestContext, clock?: Clock): Promise<Community> {
    const community = new Community(clock)
    t.after(() => community.end())
    await community.startServer()
    return community
  }

  async startServer(): Promise<void> {
    this.#server = await startServer({
      dataDir: join(this.folder, 'server'), port: this.#port, logTo: new PassThrough().resume(),
      ...(this.#clock === undefined ? {} : { clock: this.#clock }),
      rateLimits: { address: UNLIMITED, device: UNLIMITED, send: UNLIMITED, claim: UNLIMITED },
    })
    this.#port = this.#server.port
  }

  async stopServer(): Promise<void> {
    await this.#server?.close()
    this.#server = undefined
  }

  get setupLink(): string {
    return this.#server?.setupLink ?? ''
  }

  profile(name: string): string {
    return join(this.folder, name)
  }

  options(profile: string, onPoint?: PointListener) {
    return { ...nodePlatform, store: openSqliteStore({ folder: this.profile(profile) }), ...(this.#clock === undefined ? {} : { clock: this.#clock }), ...(onPoint === undefined ? {} : { onPoint }) }
  }

  /** Opens a profile whose server answers some calls as `lie` says; undefined is an honest answer. */
  async deceive(profile: string, lie: Lie): Promise<Client> {
    return this.#keep(await Client.open({ ...this.options(profile), network: lying(lie), sleep: () => Promise.resolve() }))
  }

  async join(link: string, name: string, profile = name): Promise<Client> {
    return this.#keep(await Client.join(this.options(profile), link, name))
  }

  /** Joins in another way than most: over another network, on a device with a name. */
  async joinWith(link: string, name: string, { profile, ...options }: Partial<ClientOptions> & { readonly profile: string }): Promise<Client> {
    return this.#keep(await Client.join({ ...this.options(profile), ...options }, link, name))
  }

  async openOrJoin(link: string, name: string): Promise<Client> {
    return this.#keep(await Client.openOrJoin(this.options(name), link, name))
  }

  async restore(profile: string, archive: Parameters<typeof Client.restore>[1]): Promise<Client> {
    return this.#keep(await Client.restore(this.options(profile), archive))
  }

  /** The page a browser would show: passkeys are good for `localhost`, not for an address in numbers. */
  get page(): string {
    return `http://localhost:${this.#port}`
  }

  /** Signs a new profile in by a passkey; with `lie`, at a server that says something else. */
  async signIn(profile: string, request: Omit<SignInRequest, 'origin'>, lie: Lie = () => undefined): Promise<Client> {
    const options = this.options(profile)
    try {
      return this.#keep(await Client.signIn({ ...options, network: lying(lie) }, { origin: this.page, ...request }))
    } catch (error) {
      await options.store.close()
      throw error
    }
  }

  async open(profile: string, onPoint?: PointListener): Promise<Client> {
    return this.#keep(await Client.open(this.options(profile, onPoint)))
  }

  /** Opens a profile on a machine whose clock goes wrong. */
  async openWith(profile: string, clock: Clock): Promise<Client> {
    return this.#keep(await Client.open({ ...this.options(profile), clock }))
  }

  /** People by name, each synced; the first one is the admin. */
  async people(...names: string[]): Promise<Client[]> {
    const people: Client[] = []
    for (const name of names) {
      const [first] = people
      people.push(await this.join(first === undefined ? this.setupLink : (await first.invite()).link, name))
    }
    for (const person of people) await person.sync()
    return people
  }

  async close(client: Client): Promise<void> {
    if (this.#open.delete(client)) await client.close()
  }

  async end(): Promise<void> {
    for (const client of this.#open) await client.close()
    this.#open.clear()
    await this.stopServer()
    rmSync(this.folder, { recursive: true, force: true })
  }

  #keep(client: Client): Client {
    this.#open.add(client)
    return client
  }
}

const lying = (lie: Lie): typeof nodePlatform.network => {
  const { network } = nodePlatform
  const fetch: Fetch = async (url, init) => {
    const response = await network.fetch(url, init)
    const body = new Uint8Array(await response.clone().arrayBuffer())
    return (response.ok ? lie(new URL(url).pathname, body) : undefined) ?? response
  }
  return { ...network, fetch }
}

/** The texts a client has in a conversation, in order. */
export const textsOf = async (client: Client, conversationId: ConversationId): Promise<string[]> =>
  (await client.history(conversationId)).flatMap((event) => (event.kind === 'message' && event.content.type === 'text' ? [event.content.body] : []))

/** Syncs people in turn until nobody has anything left to do. */
export const settle = async (...people: Client[]): Promise<void> => {
  for (let round = 0; round < 3; round++) for (const person of people) await person.sync()
}

/** Links a further device of somebody's, in a profile of its own. */
export const linkDevice = async (community: Community, client: Client, profile: string): Promise<Client> => {
  const offering = await client.offerLink()
  const [, device] = await Promise.all([offering.complete(), community.join(offering.link, '', profile)])
  return device
}

/** Three people in a group that Ada made. */
export const trio = async (t: TestContext): Promise<{ community: Community; ada: Client; ben: Client; cleo: Client; id: ConversationId }> => {
  const community = await Community.start(t)
  const [ada, ben, cleo] = await community.people('Ada', 'Ben', 'Cleo')
  assert.ok(ada && ben && cleo)
  const { conversationId: id } = await ada.createGroup('Garden', ['Ben', 'Cleo'])
  await settle(ben, cleo)
  return { community, ada, ben, cleo, id }
}

/** A child of a guardian's family with two devices, both let in. */
export const childWithTablet = async (community: Community, guardian: Client): Promise<{ readonly kid: Client; readonly tablet: Client }> => {
  const kid = await community.join((await guardian.invite('child')).link, 'Kid')
  await guardian.community.approveDevice(kid.identity.deviceId)
  await kid.sync()
  const tablet = await linkDevice(community, kid, 'tablet')
  await guardian.community.approveDevice(tablet.identity.deviceId)
  await tablet.sync()
  return { kid, tablet }
}
