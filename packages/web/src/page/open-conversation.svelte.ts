/**
 * The conversation that is open: what of it was read from the worker, the part of that which stands on the page, and what was just
 * written here and is on its way. The page gets a few entries in a frame, however many come.
 */
import { systemClock } from '@famichat/base'
import type { Body, Entry, MessageName, Saying, Waiting } from '../requests.js'
import { app } from './app.svelte.js'
import { Refused } from './worker-client.js'

/** Positions that are read at once … */
const STEP = 120
/** … entries that are kept at most, … */
const MOST_READ = 480
/** … that stand on the page at most, … */
const MOST_SHOWN = 140
/** … that stand there when somebody comes, … */
const SHOWN_AT_FIRST = 48
/** … and that are added in one frame. */
const SLICE = 12
/** Fewer than so many read and not shown: more is read. */
const READ_AHEAD = 60
/** A page in the background has no frames. */
const FRAME_MS = 100

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

/** Conversations with something that could not be written yet: it outlives their screen. */
const unsaid = new Map<string, OpenConversation>()

/** The conversation for a screen. */
export const openConversation = (id: string, seq: number): OpenConversation => {
  const conversation = unsaid.get(id) ?? new OpenConversation(id, seq)
  conversation.isFollowing = true
  return conversation
}

/** Whether this page holds words that are nowhere else. */
export const hasUnsaid = (): boolean => unsaid.size > 0 || app.unsaved.size > 0

/** There is room on the device again: what could not be written is tried once more. */
export const sayAllAgain = async (): Promise<void> => {
  for (const conversation of unsaid.values()) await conversation.sayAgain()
}

/** One open conversation. */
export class OpenConversation {
  readonly id: string
  /** What stands on the page. */
  entries = $state.raw<readonly Entry[]>([])
  /** What comes before it, if that was read. */
  before = $state.raw<Entry | undefined>(undefined)
  waiting = $state.raw<readonly Waiting[]>([])
  outgoing = $state.raw<readonly Outgoing[]>([])
  isLoaded = $state(false)
  /** The person is at the end, and wants to see what comes. */
  isFollowing = true
  /** True while the page goes on to the end. */
  isWhole = $state(true)
  /** Changes the page so that what is being read stays where it is. */
  inPlace: (change: () => void) => void = (change) => { change() }
  /** More was read, which the page may need at once. */
  onRead: () => void = () => undefined
  #read: readonly Entry[] = []
  /** Entries after this position are read … */
  #fromSeq: number
  /** … up to this one; undefined: to the end. */
  #toSeq: number | undefined
  /** The part of what is read that is shown. */
  #first = 0
  #last = 0
  #count = 0
  #isLoading = false
  #isStale = false
  #isRevealing = false

  constructor(id: string, seq: number) {
    this.id = id
    this.#fromSeq = Math.max(0, seq - STEP)
  }

  /** Reads what there is; once more when something was written meanwhile. */
  async load(): Promise<void> {
    this.#isStale = true
    if (this.#isLoading) return
    this.#isLoading = true
    try {
      while (this.#isStale) {
        this.#isStale = false
        const { entries, waiting } = await app.ask('stretch', this.id, this.#fromSeq, this.#toSeq)
        this.#take(entries)
        this.inPlace(() => {
          this.#refreshShown()
          this.waiting = waiting
          this.isLoaded = true
          this.#dropShown()
        })
        if (this.isFollowing) void this.#reveal()
        else this.onRead()
      }
    } catch (error) {
      app.tell(error)
    } finally {
      this.#isLoading = false
    }
  }

  /** Shows some of what was before; reads more of it in good time. */
  earlier(): void {
    if (this.#isRevealing) return
    if (this.#first > 0) this.inPlace(() => { this.#show(this.#first - SLICE, Math.min(this.#last, this.#first - SLICE + MOST_SHOWN)) })
    if (this.#first < READ_AHEAD && this.#fromSeq > 0) void this.#readOn(() => {
      this.#fromSeq = Math.max(0, this.#fromSeq - STEP)
      const beyond = this.#read[MOST_READ - STEP]
      if (beyond !== undefined) this.#toSeq = beyond.seq
    })
  }

  /** Shows some of what came after; reads more of it in good time. */
  later(): void {
    if (this.#isRevealing) return
    if (this.#last < this.#read.length) this.inPlace(() => { this.#show(Math.max(this.#first, this.#last + SLICE - MOST_SHOWN), this.#last + SLICE) })
    const { length } = this.#read
    if (length - this.#last < READ_AHEAD && this.#toSeq !== undefined) void this.#readOn(() => {
      const lastSeq = app.conversation(this.id)?.seq ?? 0
      const toSeq = (this.#toSeq ?? lastSeq) + STEP
      this.#toSeq = toSeq >= lastSeq ? undefined : toSeq
      const first = this.#read[Math.min(this.#first, length + STEP - MOST_READ)]
      if (length + STEP > MOST_READ && first !== undefined) this.#fromSeq = Math.max(this.#fromSeq, first.seq - 1)
    })
  }

  /** To the end. */
  async newest(): Promise<void> {
    this.isFollowing = true
    this.#toSeq = undefined
    this.#fromSeq = Math.max(0, (app.conversation(this.id)?.seq ?? 0) - STEP)
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
    const last = this.#read.findLast((entry) => entry.kind === 'message' && entry.isMine)
    const bodies = [...this.waiting.map(({ body }) => body), ...(last?.kind === 'message' ? [last.body] : [])]
    return bodies.some((body) => 'text' in body && body.text === text.trim())
  }

  /** Sends a file. */
  sendFile(file: File, caption: string): Promise<void> {
    const transfer = app.newTransfer()
    const body: Body = { type: 'file', fileName: file.name, mediaType: file.type, fileBytes: file.size, text: caption, picture: undefined }
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

  /** Tries what there was no room for once more, in its order. */
  async sayAgain(): Promise<void> {
    for (const { code, again } of this.outgoing) if (code === 'client.store.failed') await again()
  }

  /** What was read, cut to what is worth keeping. */
  #take(entries: readonly Entry[]): void {
    const shownFirst = this.#read[this.#first]?.seq
    const shownLast = this.#read[this.#last - 1]?.seq
    const first = shownFirst === undefined ? -1 : entries.findIndex(({ seq }) => seq >= shownFirst)
    const last = shownLast === undefined ? 0 : entries.findLastIndex(({ seq }) => seq <= shownLast) + 1
    // nothing of what is shown is there any more, or it is far from the end that somebody follows
    const isGone = first < 0 || last <= first || (this.isFollowing && entries.length - last > SHOWN_AT_FIRST)
    // what is shown stays: it goes from the page in a frame of its own
    const cut = this.isFollowing ? Math.max(0, Math.min(entries.length - STEP, isGone ? Infinity : first)) : 0
    this.#read = entries.slice(cut)
    if (cut > 0) this.#fromSeq = Math.max(this.#fromSeq, (this.#read[0]?.seq ?? 1) - 1)
    this.#last = isGone ? this.#read.length : last - cut
    this.#first = isGone ? Math.max(0, this.#read.length - SLICE) : first - cut
  }

  async #readOn(move: () => void): Promise<void> {
    if (this.#isLoading) return
    move()
    await this.load()
  }

  #show(first: number, last: number): void {
    this.#first = Math.max(0, first)
    this.#last = Math.min(this.#read.length, last)
    this.#refreshShown()
  }

  #refreshShown(): void {
    this.entries = this.#read.slice(this.#first, this.#last)
    this.before = this.#read[this.#first - 1]
    this.isWhole = this.#toSeq === undefined && this.#last === this.#read.length
  }

  /** Goes on to the end, then fills up what is above it, a few entries in each frame. */
  async #reveal(): Promise<void> {
    if (this.#isRevealing) return
    this.#isRevealing = true
    try {
      for (;;) {
        await frame()
        const { length } = this.#read
        // what goes above and what comes below are two frames: in one, the browser could not tell the one from the other
        if (!this.isFollowing) break
        else if (this.#last < length && this.#last - this.#first > MOST_SHOWN - SLICE) this.inPlace(() => { this.#show(this.#last - MOST_SHOWN + 2 * SLICE, this.#last) })
        else if (this.#last < length) this.inPlace(() => { this.#show(this.#first, this.#last + SLICE) })
        else if (this.#first > 0 && this.#last - this.#first < SHOWN_AT_FIRST) this.inPlace(() => { this.#show(this.#first - SLICE, this.#last) })
        else break
      }
    } finally {
      this.#isRevealing = false
    }
    this.onRead()
  }

  async #send(body: Body, transfer: number | undefined, run: () => Promise<void>): Promise<void> {
    const id = ++this.#count
    const attempt = async (): Promise<void> => {
      const outgoing: Outgoing = { id, body, transfer, atMs: systemClock.nowMs(), code: undefined, again: attempt }
      this.outgoing = [...this.outgoing.filter((other) => other.id !== id), outgoing]
      unsaid.set(this.id, this)
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
    if (!this.isWhole) await this.newest()
    await attempt()
  }

  /** The worker shows it: as waiting, or in its place. */
  #dropShown(): void {
    const isShown = ({ body, atMs, code }: Outgoing): boolean => code === undefined && (
      this.waiting.some((waiting) => isSame(waiting.body, body) && waiting.atMs >= atMs - 1000) ||
      this.#read.some((entry) => entry.kind === 'message' && entry.isMine && entry.atMs >= atMs - 1000 && isSame(entry.body, body)))
    for (const outgoing of this.outgoing) if (isShown(outgoing)) this.#forget(outgoing.id)
  }

  #forget(id: number): void {
    this.outgoing = this.outgoing.filter((other) => other.id !== id)
    if (this.outgoing.length === 0) unsaid.delete(this.id)
  }
}

/** The next frame, or a moment where there are none. */
const frame = (): Promise<void> => new Promise((resolve) => {
  requestAnimationFrame(() => { resolve() })
  setTimeout(resolve, FRAME_MS)
})

/** Whether a code says that there was no connection: what could not be done can be done later. */
export const isConnectionLoss = (code: string): boolean => ['client.server.unreachable', 'client.channel.closed', 'protocol.server.unavailable'].includes(code)

/** Written and kept; it goes out when the server can be reached. */
const isLater = (error: unknown): boolean => error instanceof Refused && isConnectionLoss(error.code)
