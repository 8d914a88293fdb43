/**
 * What the page knows: who is here, the conversations, the screen that is shown. Screens read it and call it; the worker's
 * news change it.
 */
import { SvelteMap } from 'svelte/reactivity'
import type { Asks, Connection, Conversation, Me, News, Person, ProblemView, WaitingDevice } from '../requests.js'
import { preferences } from './preferences.svelte.js'
import { Refused, startWorker, type WorkerClient } from './worker-client.js'

/** Where a person is in the app. */
export type Screen =
  | { readonly name: 'list' }
  | { readonly name: 'conversation'; readonly id: string }
  | { readonly name: 'details'; readonly id: string }
  | { readonly name: 'start' }
  | { readonly name: 'invite' }
  | { readonly name: 'family' }
  | { readonly name: 'search' }
  | { readonly name: 'settings' }
  | { readonly name: 'recovery' }
  /** Somebody, by name. */
  | { readonly name: 'person'; readonly who: string }
  /** What a child's grown-ups can do. */
  | { readonly name: 'care'; readonly id: string }

/** A short sentence at the foot of the page, with something that can be done. */
export interface Notice {
  readonly text: string
  readonly action?: { readonly label: string; readonly run: () => void }
}

/** How long a notice stays. */
export const NOTICE_MS = 6000

/** The app. */
class App {
  phase = $state<'opening' | 'welcome' | 'pending' | 'home' | 'ended'>('opening')
  me = $state.raw<Me | undefined>(undefined)
  /** The link this page was opened with. */
  link = $state('')
  connection = $state<Connection>('connecting')
  clockMinutes = $state(0)
  /** What is wrong with the server or with people. */
  problems = $state.raw<readonly ProblemView[]>([])
  conversations = $state.raw<readonly Conversation[] | undefined>(undefined)
  people = $state.raw<readonly Person[]>([])
  screen = $state.raw<Screen>({ name: 'list' })
  notice = $state.raw<Notice | undefined>(undefined)
  /** How tall it is, once that is known. */
  noticePx = $state(0)
  /** Whether messages of this browser may be forgotten by it. */
  isForgetful = $state(false)
  /** How far transfers are, from 0 to 1. */
  readonly transfers = new SvelteMap<number, number>()
  /** Grows with everything that is written; by conversation. */
  readonly written = new SvelteMap<string, number>()
  /** True while nothing can be saved on this device. */
  isFull = $state(false)
  /** Why this device cannot go on. */
  endedCode = $state('')
  /** The person here ended the own account. */
  hasEndedAccount = $state(false)
  /** Unfinished texts that could not be saved, by conversation. */
  readonly unsaved = new Map<string, string>()
  linked = $state<'no' | 'yes' | 'failed'>('no')

  /** This device was removed, and shows what it has. */
  isReadOnly = $state(false)
  /** Devices of children that wait for this person. */
  waitingDevices = $state.raw<readonly WaitingDevice[]>([])

  readonly #worker: WorkerClient
  #isRefreshing = false
  #isStale = false
  #transfers = 0
  #noticeTimer: ReturnType<typeof setTimeout> | undefined

  constructor() {
    this.#worker = startWorker((news) => { this.#hear(news) })
  }

  ask<Name extends keyof Asks>(name: Name, ...given: Parameters<Asks[Name]>): Promise<ReturnType<Asks[Name]>> {
    return this.#worker.ask(name, ...given)
  }

  /** Opens the profile of this browser, or welcomes whoever came with a link. */
  async open(): Promise<void> {
    const { pathname, hash, href } = location
    const isLink = (pathname === '/i' || pathname === '/l') && hash.length > 1
    if (isLink) this.link = href
    const scanned = pathname === '/v' && hash.length > 1 ? href : undefined
    // the link holds a secret: not in the address bar, not in the history
    history.replaceState({ name: 'list' } satisfies Screen, '', '/')
    // whoever takes the device in hand again sees what there is
    addEventListener('visibilitychange', () => { if (document.visibilityState === 'visible' && this.phase === 'home') this.ask('look').catch(() => undefined) })
    addEventListener('popstate', ({ state }: PopStateEvent) => { this.screen = (state as Screen | null) ?? { name: 'list' } })
    try {
      const me = await this.ask('start')
      if (me === undefined) this.phase = 'welcome'
      else this.enter(me)
      if (me !== undefined && isLink) this.say({ text: preferences.words.alreadyIn(me.name) })
      if (me !== undefined && scanned !== undefined) await this.compare(scanned)
    } catch (error) {
      this.#end(this.codeOf(error))
    }
  }

  /** This browser has an account now. */
  enter(me: Me): void {
    this.me = me
    this.link = ''
    this.phase = me.isPending ? 'pending' : 'home'
    void this.#refresh()
    void this.#persist()
  }

  /** The own account was ended here: what this device has can be read. */
  endAccount(): void {
    this.hasEndedAccount = true
    this.replace({ name: 'list' })
    this.#end('client.device.revoked')
  }

  /** This device was removed: what it has can be read, and nothing else be done. */
  readOnly(): void {
    this.isReadOnly = true
    this.phase = 'home'
  }

  /** A code from somebody's screen came as a link, from this device's own camera. */
  async compare(scanned: string): Promise<void> {
    try {
      const { name } = await this.ask('scanCode', scanned)
      this.go({ name: 'person', who: name })
      this.say({ text: preferences.words.codesMatch(name) })
    } catch (error) {
      this.tell(error)
    }
  }

  go(screen: Screen): void {
    this.screen = screen
    history.pushState(screen, '', '/')
  }

  /** Instead of this screen: the way back does not lead here again. */
  replace(screen: Screen): void {
    this.screen = screen
    history.replaceState(screen, '', '/')
  }

  back(): void {
    history.back()
  }

  /** Says what went wrong, in words. */
  tell(error: unknown): void {
    this.say({ text: preferences.sentence(error instanceof Refused ? error.code : '') })
  }

  /** The code behind a refusal, for a sentence that stays on the screen. */
  codeOf(error: unknown): string {
    return error instanceof Refused ? error.code : 'web.unexpected'
  }

  say(notice: Notice): void {
    clearTimeout(this.#noticeTimer)
    this.notice = notice
    this.#noticeTimer = setTimeout(() => { this.notice = undefined }, NOTICE_MS)
  }

  conversation(id: string): Conversation | undefined {
    return this.conversations?.find((conversation) => conversation.id === id)
  }

  /** A number for a transfer whose progress is shown. */
  newTransfer(): number {
    this.#transfers += 1
    return this.#transfers
  }

  /** The unfinished text of a conversation. */
  async draft(id: string): Promise<string> {
    return this.unsaved.get(id) ?? await this.ask('draft', id)
  }

  /** Keeps an unfinished text; on this page where it cannot be saved. */
  async keepDraft(id: string, text: string): Promise<void> {
    this.unsaved.set(id, text)
    try {
      await this.ask('keepDraft', id, text)
      if (this.unsaved.get(id) === text) this.unsaved.delete(id)
    } catch (error) {
      // of a full disk a bar says it, as long as it is so
      if (this.codeOf(error) !== 'client.store.failed') this.tell(error)
    }
  }

  /** Who has come meanwhile. Without a server, those who are known. */
  async lookForPeople(): Promise<void> {
    this.people = await this.ask('lookForPeople').catch(() => this.people)
  }

  /** Which children's devices wait to be let in. */
  async lookForWaiting(): Promise<void> {
    this.waitingDevices = await this.ask('waitingDevices').catch(() => this.waitingDevices)
  }

  /** The name a conversation has on the screen. */
  titleOf({ kind, name }: Pick<Conversation, 'kind' | 'name'>): string {
    return kind === 'self' ? preferences.words.notes : name
  }

  #hear(news: News): void {
    switch (news.news) {
      case 'written':
        for (const id of news.conversationIds) this.written.set(id, (this.written.get(id) ?? 0) + 1)
        void this.#refresh()
        return
      case 'connection':
        this.connection = news.connection
        return
      case 'clock':
        this.clockMinutes = news.minutes
        return
      case 'problems':
        this.problems = news.problems
        void this.lookForWaiting()
        return
      case 'transfer':
        this.transfers.set(news.transfer, news.totalBytes === 0 ? 1 : news.doneBytes / news.totalBytes)
        return
      case 'passkey':
        void this.#askAuthenticator(news)
        return
      case 'deviceLinked':
        this.linked = 'yes'
        return
      case 'deviceNotLinked':
        this.linked = 'failed'
        this.say({ text: preferences.sentence(news.code) })
        return
      case 'letIn':
        this.phase = 'home'
        return
      case 'room':
        this.isFull = news.isFull
        if (!news.isFull) for (const [id, text] of this.unsaved) void this.keepDraft(id, text)
        return
      case 'ended':
        // who reads what is here knows already
        if (!this.isReadOnly) this.#end(news.code)
    }
  }

  #end(code: string): void {
    this.endedCode = code
    this.phase = 'ended'
  }

  async #askAuthenticator({ id, question }: Extract<News, { news: 'passkey' }>): Promise<void> {
    const { askAuthenticator } = await import('./passkeys.js')
    await this.ask('passkeyAnswered', id, await askAuthenticator(question))
  }

  /** One at a time; what comes meanwhile is read once more. */
  async #refresh(): Promise<void> {
    this.#isStale = true
    if (this.#isRefreshing || this.me === undefined) return
    this.#isRefreshing = true
    try {
      while (this.#isStale) {
        this.#isStale = false
        this.conversations = await this.ask('conversations')
        const people = await this.ask('people')
        const isNew = people.length !== this.people.length
        this.people = people
        if (isNew) void this.lookForWaiting()
      }
    } catch (error) {
      this.tell(error)
    } finally {
      this.#isRefreshing = false
    }
  }

  /** Asks the browser to keep what is stored; says so when it may not. */
  async #persist(): Promise<void> {
    const isKept = await navigator.storage.persist().catch(() => false)
    const { quota } = await navigator.storage.estimate().catch(() => ({ quota: undefined }))
    // private windows have little room
    this.isForgetful = !isKept && quota !== undefined && quota < 300e6
  }
}

export const app = new App()
