/**
 * The list of conversations as the page shows it; what did not change is not read again.
 */
import { type Client, type ConversationId, type ConversationInfo, ConversationKind } from '@famichat/client'
import type { Conversation, Entry, Kind } from '../requests.js'
import { type Reading, Readings } from './readings.js'
import type { ScreenNotes } from './screen-notes.js'
import type { Timelines } from './timeline.js'

const KINDS: Readonly<Record<ConversationKind, Kind>> = {
  [ConversationKind.direct]: 'direct', [ConversationKind.group]: 'group', [ConversationKind.family]: 'family', [ConversationKind.self]: 'self',
}

/** How far the list looks back for a last message and for unread ones. */
const GLANCE = 60

interface Glance {
  readonly last: Entry | undefined
  readonly unread: number
  readonly hasWarning: boolean
}

/** A look at a conversation that stood there, and was read so far. */
interface Look extends Reading<Glance> {
  readonly seq: number
  readonly seenSeq: number
}

/** Lists conversations, the newest first. */
export class Catalogue {
  readonly #client: Client
  readonly #notes: ScreenNotes
  readonly #timelines: Timelines
  readonly #looks = new Readings<ConversationId, Look>()

  constructor({ client, notes, timelines }: { readonly client: Client; readonly notes: ScreenNotes; readonly timelines: Timelines }) {
    this.#client = client
    this.#notes = notes
    this.#timelines = timelines
  }

  /** Something of a conversation was written. */
  forget(conversationId: string): void {
    this.#looks.forget(conversationId as ConversationId)
  }

  /** Names were written. */
  forgetAll(): void {
    this.#looks.forgetAll()
  }

  async list(): Promise<readonly Conversation[]> {
    const infos = await this.#client.conversations()
    const list = await Promise.all(infos.map((info) => this.#conversation(info)))
    return list.sort((a, b) => (b.last?.atMs ?? 0) - (a.last?.atMs ?? 0))
  }

  async #conversation(info: ConversationInfo): Promise<Conversation> {
    const { conversationId, kind, state, members, seq, name, headCode, isAdmin, isAway } = info
    const { last, unread, hasWarning } = await this.#glance(conversationId, seq)
    return {
      id: conversationId, kind: KINDS[kind], name: kind === ConversationKind.self ? '' : name, state: isAway ? 'away' : state, seq, headCode, isAdmin, last, hasWarning,
      // what an archive brought was read before
      unread: state === 'archived' ? 0 : unread,
      members: members.map(({ accountId, name: memberName }) => ({ accountId, name: memberName })),
    }
  }

  async #glance(conversationId: ConversationId, seq: number): Promise<Glance> {
    const seenSeq = await this.#notes.seenSeq(conversationId)
    const look = this.#looks.get(conversationId)
    if (look?.seq === seq && look.seenSeq === seenSeq) return look.read
    return this.#looks.keep(conversationId, { seq, seenSeq, read: this.#look(conversationId, seq, seenSeq) }).read
  }

  async #look(conversationId: ConversationId, seq: number, seenSeq: number): Promise<Glance> {
    const entries = await this.#timelines.entries(conversationId, Math.max(0, seq - GLANCE))
    // what was said before this device came in was read on another one
    const readSeq = Math.max(seenSeq, entries.findLast(({ kind }) => kind === 'joined')?.seq ?? 0)
    const said = entries.filter(({ kind }) => kind === 'message' || kind === 'unreadable')
    return {
      last: said.at(-1) ?? entries.at(-1), unread: said.filter((entry) => entry.seq > readSeq && !entry.isMine).length,
      hasWarning: entries.some((entry) => (entry.kind === 'notice' || (entry.kind === 'unreadable' && entry.code === 'client.log.forked')) && entry.seq > seenSeq),
    }
  }
}
