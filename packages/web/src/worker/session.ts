/**
 * One tab's session: an open client, the answers to what the page asks, and the connection, if this tab leads.
 */
import { isCodedError, systemClock } from '@famichat/base'
import { Client, type ConversationId, type MessageReference, type Platform, type Sayable, type TransferProgress, validateJoinLink } from '@famichat/client'
import { type BrowserStore, leadWhenFirst, openBrowserPlatform, openIndexedStore, type Written } from '@famichat/client/browser'
import type { Asks, Found, Me, News, Person, Refusal } from '../requests.js'
import { Announcer } from './announcer.js'
import { Catalogue } from './catalogue.js'
import { KeptFiles } from './kept-files.js'
import { nameOfBrowser } from './name-of-browser.js'
import { Names } from './names.js'
import { observed } from './network.js'
import { makePasskeyAnswers, PasskeyBridge, signInOnce } from './passkey-bridge.js'
import { Room } from './room.js'
import { problemsAloud } from './problems.js'
import { makeTrustAnswers, sourceOfBlob } from './trust-answers.js'
import { ScreenNotes } from './screen-notes.js'
import { bodyOf, Timelines, wordsOf } from './timeline.js'
import { readFile, sendFile } from './transfers.js'

/** The answers, each in its own time. */
export type Answers = { readonly [Name in keyof Asks]: (...given: Parameters<Asks[Name]>) => Promise<ReturnType<Asks[Name]>> }

/** An open client with what is made of it for the page. */
interface Open {
  readonly client: Client
  readonly names: Names
  readonly timelines: Timelines
  readonly catalogue: Catalogue
}

/** Tables whose change is worth a look at the screen. */
const SHOWN: ReadonlySet<string> = new Set(['conversations', 'history', 'outbox', 'names'])
const LEADER = 'famichat'
/** How often a child's new device asks whether it was let in. */
const LET_IN_POLL_MS = 2000
/** After the server refused something that a device does by itself. */
const CONNECT_AGAIN_MS = 5000
/** The connection brings what is written; who asks to be let in again is looked for now and then. */
const LOOK_EVERY_MS = 60_000
const MAX_FOUND = 50

/** What a refusal tells the page. */
export const refusalOf = (error: unknown): Refusal => {
  if (!isCodedError(error)) return { code: 'web.unexpected', reason: error instanceof Error ? error.name : '' }
  const { reason } = error.detail
  return { code: error.code, reason: typeof reason === 'string' ? reason : '' }
}

/** The worker's state. */
export class Session {
  readonly #tell: (news: News) => void
  readonly #platform: Platform
  readonly #store: BrowserStore
  readonly #notes: ScreenNotes
  readonly #room: Room
  readonly #announcer: Announcer
  readonly #kept: KeptFiles
  #opened: Open | undefined

  private constructor({ tell, platform, store, notes, kept }: {
    readonly tell: (news: News) => void; readonly platform: Platform; readonly store: BrowserStore; readonly notes: ScreenNotes; readonly kept: KeptFiles
  }) {
    this.#tell = tell
    this.#platform = platform
    this.#store = store
    this.#notes = notes
    this.#room = new Room(tell, () => notes.tryToSave())
    this.#announcer = new Announcer((conversationIds) => { tell({ news: 'written', conversationIds }) })
    this.#kept = kept
    store.watch((written) => { this.#announce(written) })
  }

  static async open(tell: (news: News) => void): Promise<Session> {
    const platform = await openBrowserPlatform()
    const network = observed(platform.network, systemClock, tell)
    const [store, notes, kept] = await Promise.all([openIndexedStore(), ScreenNotes.open(), KeptFiles.open()])
    return new Session({ tell, platform: { ...platform, network }, store, notes, kept })
  }

  readonly #passkeys = new PasskeyBridge((news) => { this.#tell(news) })

  readonly answers: Answers = {
    start: () => this.#start(),
    checkLink: (link) => Promise.resolve().then(() => purposeOf(link)),
    join: async (link, name, familyName) => this.#adopt(await Client.join(this.#options, link, name, familyName === '' ? undefined : familyName)),
    conversations: () => this.#open.catalogue.list(),
    people: () => Promise.resolve(this.#others()),
    lookForPeople: async () => {
      // reading the families reads who is there
      await this.#client.community.families()
      return this.#others()
    },
    stretch: async (id, fromSeq, toSeq) => {
      const { client, timelines } = this.#open
      const waiting = await client.waiting(asId(id))
      return {
        entries: await timelines.entries(asId(id), fromSeq, toSeq),
        // a reaction on its way is not a bubble of its own
        waiting: waiting.map(({ messageId, content, atMs }) => ({ messageId, body: bodyOf(content), atMs })).filter(({ body }) => body.type !== 'unknown'),
      }
    },
    say: async (id, saying) => { await this.#client.send(asId(id), saying as Sayable) },
    sendFile: (id, file, caption, transfer) => sendFile(this.#place(id), { file, caption, onProgress: this.#progress(transfer) }),
    readFile: (id, message, transfer) =>
      readFile(this.#place(id), { message: message as MessageReference, onProgress: this.#progress(transfer) }),
    retry: async () => { await this.#client.sync() },
    look: () => this.#look(),
    talkTo: async (name) => (await this.#client.createDirect(name)).conversationId,
    makeGroup: async (name, members) => (await this.#client.createGroup(name, members)).conversationId,
    makeFamily: async () => (await this.#client.membership.createFamily()).conversationId,
    makeNotes: async () => (await this.#client.createSelf()).conversationId,
    add: async (id, name) => { await this.#client.add(asId(id), name) },
    remove: async (id, name) => { await this.#client.remove(asId(id), name) },
    leave: (id) => this.#client.leave(asId(id)),
    comeBack: async (id) => { await this.#client.membership.comeBack(asId(id)) },
    invite: (invitedAs) => this.#client.invite(invitedAs),
    families: () => this.#client.community.families(),
    waitingDevices: () => this.#client.community.pendingDevices(),
    approve: async (deviceId) => { await this.#client.community.approveDevice(deviceId) },
    refuse: async (deviceId) => { await this.#client.community.refuseDevice(deviceId) },
    offerDevice: async () => {
      const offering = await this.#client.offerLink()
      offering.complete().then(
        () => { this.#tell({ news: 'deviceLinked' }) },
        (error: unknown) => { this.#tell({ news: 'deviceNotLinked', code: refusalOf(error).code }) },
      )
      return { link: offering.link, expiresAtMs: offering.expiresAtMs }
    },
    devices: () => this.#client.devices(),
    revokeDevice: async (deviceId) => { await this.#client.revokeDevice(deviceId) },
    nameDevice: (deviceId, name) => this.#client.nameDevice(deviceId, name),
    changeRoles: (name, roles) => this.#client.community.changeRoles(name, roles),
    endAccount: (name) => this.#client.community.endAccount(name),
    draft: (id) => this.#notes.draft(id),
    keepDraft: (id, text) => this.#notes.keepDraft(id, text),
    seen: async (id, seq) => {
      if (!(await this.#notes.see(id, seq))) return
      this.#announcer.add([id])
      await this.#client.markRead(asId(id), seq)
    },
    search: (words) => this.#search(words),
    ...makeTrustAnswers(() => this.#client),
    ...makePasskeyAnswers(() => this.#client, this.#passkeys),
    signIn: async (opener) => this.#adopt(await signInOnce(this.#options, this.#passkeys, opener)),
    restore: async (archive, opener) => this.#adopt(await Client.restore(this.#options, { source: sourceOfBlob(archive), opener })),
    receipts: () => this.#client.sendsReceipts(),
    setReceipts: (sendsReceipts) => this.#client.setReceipts(sendsReceipts),
  }

  get #options() {
    return { ...this.#platform, store: this.#store, deviceName: nameOfBrowser(navigator) }
  }

  get #open(): Open {
    if (this.#opened === undefined) throw new Error('the page asks before it has started')
    return this.#opened
  }

  get #client(): Client {
    return this.#open.client
  }

  async #start(): Promise<Me | undefined> {
    try {
      return await this.#adopt(await Client.open(this.#options))
    } catch (error) {
      if (isCodedError(error, 'client.profile.missing')) return undefined
      throw error
    }
  }

  async #adopt(client: Client): Promise<Me> {
    const names = new Names(client)
    const timelines = new Timelines(client, names, (id, message) => { void this.#kept.forget(id, message) })
    this.#opened = { client, names, timelines, catalogue: new Catalogue({ client, notes: this.#notes, timelines }) }
    const { accountId, accountName: name, deviceId } = client.identity
    const isPending = await isWaiting(client)
    void this.#follow(client, isPending)
    return { accountId, name, deviceId, isPending }
  }

  /** Leads when it is this tab's turn; until then it looks once, so that it knows the people. */
  async #follow(client: Client, isPending: boolean): Promise<void> {
    const ended = new AbortController()
    try {
      if (isPending) await this.#waitToBeLetIn(client)
      // without what was said before, everything else works
      if (await client.transfers.isAwaited()) client.transfers.receive().then(() => this.#look()).catch(() => undefined)
      const leading = leadWhenFirst(LEADER, ended.signal, async () => {
        const timer = setInterval(() => { this.#look().catch(() => undefined) }, LOOK_EVERY_MS)
        try {
          await this.#stayConnected(client, ended.signal)
        } finally {
          clearInterval(timer)
        }
      })
      await Promise.all([leading, this.#look()])
    } catch (error) {
      ended.abort()
      this.#tell({ news: 'ended', code: refusalOf(error).code })
    }
  }

  /** A device without room goes on when there is some: nothing was taken that could not be kept. */
  async #stayConnected(client: Client, signal: AbortSignal): Promise<void> {
    for (;;) {
      try {
        await client.live(signal)
        return
      } catch (error) {
        if (this.#room.note(error)) await this.#room.back()
        else if (isFinal(error)) throw error
        // what the server does not want now, it may want later: what is here can be read and written meanwhile
        else await new Promise((resolve) => { setTimeout(resolve, CONNECT_AGAIN_MS) })
      }
    }
  }

  /** Something could not be done for the page. */
  notice(error: unknown): void {
    this.#room.note(error)
  }

  /** Who is here now, and who needs help to go on. Without a server there is nothing to learn, and nothing wrong. */
  async #look(): Promise<void> {
    try {
      const problems = await this.#client.sync()
      this.#tell({ news: 'problems', problems: await problemsAloud(problems, this.#open.names) })
      this.#announcer.add([])
    } catch (error) {
      if (!this.#room.note(error) && isFinal(error)) throw error
    }
  }

  async #waitToBeLetIn(client: Client): Promise<void> {
    while (await isWaiting(client)) await new Promise((resolve) => { setTimeout(resolve, LET_IN_POLL_MS) })
    this.#tell({ news: 'letIn' })
  }

  async #search(words: string): Promise<readonly Found[]> {
    const wanted = fold(words)
    if (wanted === '') return []
    const { catalogue, timelines } = this.#open
    const found: Found[] = []
    for (const { id, name } of await catalogue.list()) {
      for (const entry of await timelines.entries(asId(id), 0)) {
        if (entry.kind === 'message' && fold(searchable(entry.body)).includes(wanted)) found.push({ conversationId: id, conversationName: name, entry })
      }
    }
    return found.sort((a, b) => b.entry.atMs - a.entry.atMs).slice(0, MAX_FOUND)
  }

  #others(): readonly Person[] {
    return this.#client.people.filter(({ accountId }) => accountId !== this.#client.identity.accountId)
  }

  #place(id: string) {
    return { client: this.#client, kept: this.#kept, conversationId: asId(id) }
  }

  #progress(transfer: number): (progress: TransferProgress) => void {
    return ({ doneBytes, totalBytes }) => { this.#tell({ news: 'transfer', transfer, doneBytes, totalBytes }) }
  }

  #announce(written: readonly Written[]): void {
    const shown = written.filter(({ table }) => SHOWN.has(table))
    if (shown.length === 0) return
    if (this.#opened !== undefined) forgetIn(this.#opened, shown)
    this.#announcer.add(shown.map(({ id }) => id))
  }
}

const forgetIn = ({ names, timelines, catalogue }: Open, written: readonly Written[]): void => {
  if (written.some(({ table }) => table === 'names')) {
    names.forget()
    catalogue.forgetAll()
  }
  for (const { id } of written) {
    timelines.forget(id)
    catalogue.forget(id)
  }
}

/** What ends a device's part here, and mistakes of ours. */
const FINAL: ReadonlySet<string> = new Set(['client.device.revoked', 'client.store.malformed', 'client.store.newer', 'client.store.older'])
const isFinal = (error: unknown): boolean => !isCodedError(error) || FINAL.has(error.code)

/** The set-up link of a new server bears no inviter's fingerprint: nobody is there yet. */
const purposeOf = (link: string): 'setup' | 'invite' | 'device' => {
  const purpose = validateJoinLink(link)
  return purpose === 'invite' && new URL(link.trim()).hash.split('.').length === 3 ? 'setup' : purpose
}

/** Whether a guardian has to let this device in; without a server nobody can say. */
const isWaiting = async (client: Client): Promise<boolean> => {
  try {
    return await client.community.isPending()
  } catch (error) {
    if (isCodedError(error)) return false
    throw error
  }
}

/** Ids come back from the page as the text they are. */
const asId = (id: string): ConversationId => id as ConversationId

const fold = (text: string): string => text.normalize('NFKC').toLocaleLowerCase().trim()

const searchable = (body: Found['entry']['body']): string => ('text' in body ? `${wordsOf(body)}\n${body.text}` : '')
