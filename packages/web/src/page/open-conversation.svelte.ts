/**
 * The conversation that is open: a window on its entries that moves as the person scrolls, and what was just written here
 * and is on its way.
 */
import { systemClock } from '@famichat/base'
import type { Body, Entry, MessageName, Saying, Waiting } from '../requests.js'
import { app } from './app.svelte.js'
import { Refused } from './worker-client.js'

/** Positions by which the window grows, and the most entries that are on the page at once. */
const STEP = 80
const MOST = 320

/** Something written here, until the worker shows it. */
export interface Outgoing {
  readonly id: number
  readonly body: Body
  readonly atMs: number
  /** Of a file: whose progress. */
  readonly transfer: number | undefined
  /** Why it could not be written; undefined while all is well. */
  readonly code: string | undefined
  readonly again: () => Promise<void>
}

const isSame = (a: Body, b: Body): boolean =>
  a.type === b.type && (a.type === 'file' && b.type === 'file' ? a.text === b.text : 'text' in a && 'text' in b && a.text === b.text)

/** One open conversation. */
export class OpenConversation {
  readonly id: string
  entries = $state.raw<readonly Entry[]>([])
  waiting = $state.raw<readonly Waiting[]>([])
  outgoing = $state.raw<readonly Outgoing[]>([])
  isLoaded = $state(false)
  /** The person is at the end, and wants to see what comes. */
  isFollowing = true
  /** Entries after this position are on the page … */
  fromSeq = $state(0)
  /** … up to this one; undefined: to the end. */
  toSeq = $state<number | undefined>(undefined)
  #count = 0
  #isLoading = false
  #isStale = false

  constructor(id: string, seq: number) {
    this.id = id
    this.fromSeq = Math.max(0, seq - STEP)
  }

  /** Reads what the window shows; once more when something was written meanwhile. */
  async load(): Promise<void> {
    this.#isStale = true
    if (this.#isLoading) return
    this.#isLoading = true
    try {
      while (this.#isStale) {
        this.#isStale = false
        const { entries, waiting } = await app.ask('stretch', this.id, this.fromSeq, this.toSeq)
        this.#show(entries)
        this.waiting = waiting
        this.isLoaded = true
        this.#dropShown()
      }
    } catch (error) {
      app.tell(error)
    } finally {
      this.#isLoading = false
    }
  }

  /** No more than {@link MOST}, however much came: the newest for whoever follows, else what is being read. */
  #show(entries: readonly Entry[]): void {
    if (entries.length <= MOST) {
      this.entries = entries
      return
    }
    this.entries = this.isFollowing ? entries.slice(STEP - MOST) : entries.slice(0, MOST)
    if (this.isFollowing) this.fromSeq = (this.entries[0]?.seq ?? 1) - 1
    else this.toSeq = this.entries.at(-1)?.seq
  }

  /** Moves the window back. @returns whether there was anything */
  async earlier(): Promise<boolean> {
    if (this.fromSeq === 0 || this.#isLoading) return false
    this.fromSeq = Math.max(0, this.fromSeq - STEP)
    const beyond = this.entries[MOST - STEP]
    if (beyond !== undefined) this.toSeq = beyond.seq
    await this.load()
    return true
  }

  /** Moves the window on. @returns whether there was anything */
  async later(): Promise<boolean> {
    if (this.toSeq === undefined || this.#isLoading) return false
    const lastSeq = app.conversation(this.id)?.seq ?? 0
    this.toSeq = this.toSeq + STEP >= lastSeq ? undefined : this.toSeq + STEP
    const first = this.entries[this.entries.length + STEP - MOST]
    if (first !== undefined) this.fromSeq = Math.max(this.fromSeq, first.seq - 1)
    await this.load()
    return true
  }

  /** To the end. */
  async newest(): Promise<void> {
    this.toSeq = undefined
    this.fromSeq = Math.max(0, (app.conversation(this.id)?.seq ?? 0) - STEP)
    await this.load()
  }

  /** Writes a message; it is on the page at once. */
  say(saying: Extract<Saying, { type: 'text' | 'reply' | 'letter' }>): Promise<void> {
    const body: Body = saying.type === 'text' ? { type: 'text', text: saying.body }
      : saying.type === 'reply' ? { type: 'reply', text: saying.body, to: saying.to }
        : { type: 'letter', subject: saying.subject, text: saying.body }
    return this.#send(body, undefined, () => app.ask('say', this.id, saying))
  }

  /** Whether these are the last words written here: a page that ended while it sent them has kept them as a draft, too. */
  wasJustSaid(text: string): boolean {
    const last = this.entries.findLast((entry) => entry.kind === 'message' && entry.isMine)
    const bodies = [...this.waiting.map(({ body }) => body), ...(last?.kind === 'message' ? [last.body] : [])]
    return bodies.some((body) => 'text' in body && body.text === text.trim())
  }

  /** Sends a file. */
  sendFile(file: File, caption: string): Promise<void> {
    const transfer = app.newTransfer()
    const body: Body = { type: 'file', fileName: file.name, mediaType: file.type, fileBytes: file.size, text: caption }
    return this.#send(body, transfer, () => app.ask('sendFile', this.id, file, caption, transfer))
  }

  /** A reaction, edit or deletion: nothing of its own on the page. */
  async change(saying: Saying): Promise<void> {
    try {
      await app.ask('say', this.id, saying)
    } catch (error) {
      if (!isLater(error)) app.tell(error)
    }
  }

  react(to: MessageName, emoji: string, isRemoved: boolean): Promise<void> {
    return this.change({ type: 'reaction', to, emoji, isRemoved })
  }

  async #send(body: Body, transfer: number | undefined, run: () => Promise<void>): Promise<void> {
    const id = ++this.#count
    const attempt = async (): Promise<void> => {
      const outgoing: Outgoing = { id, body, transfer, atMs: systemClock.nowMs(), code: undefined, again: attempt }
      this.outgoing = [...this.outgoing.filter((other) => other.id !== id), outgoing]
      try {
        await run()
        this.#forget(id)
      } catch (error) {
        // written, and sent when there is a connection: it waits
        if (isLater(error)) this.#forget(id)
        else this.outgoing = this.outgoing.map((other) => (other.id === id ? { ...other, code: error instanceof Refused ? error.code : 'web.unexpected' } : other))
      }
      await this.load()
    }
    if (this.toSeq !== undefined) await this.newest()
    await attempt()
  }

  /** The worker shows it: as waiting, or in its place. */
  #dropShown(): void {
    const isShown = ({ body, atMs, code }: Outgoing): boolean => code === undefined && (
      this.waiting.some((waiting) => isSame(waiting.body, body) && waiting.atMs >= atMs - 1000) ||
      this.entries.some((entry) => entry.kind === 'message' && entry.isMine && entry.atMs >= atMs - 1000 && isSame(entry.body, body)))
    if (this.outgoing.some(isShown)) this.outgoing = this.outgoing.filter((outgoing) => !isShown(outgoing))
  }

  #forget(id: number): void {
    this.outgoing = this.outgoing.filter((other) => other.id !== id)
  }
}

/** Written and kept; it goes out when the server can be reached. */
const isLater = (error: unknown): boolean =>
  error instanceof Refused && ['client.server.unreachable', 'client.channel.closed', 'protocol.server.unavailable'].includes(error.code)
