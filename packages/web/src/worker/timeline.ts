/**
 * Timelines: parts of conversations as the page shows them, with edits, reactions and receipts folded in. What was read is
 * kept until something of the conversation is written, so that scrolling back reads only what is new to it.
 */
import { type Client, type ConversationEvent, type ConversationId, foldMessages, type Message, type MessageReference, type ShownContent } from '@famichat/client'
import type { Body, Entry, MessageEntry } from '../requests.js'
import type { Names } from './names.js'
import { type Reading, Readings } from './readings.js'

type MessageEvent = Extract<ConversationEvent, { kind: 'message' }>

interface Kept extends Reading<readonly ConversationEvent[]> {
  readonly fromSeq: number
}

/** Events that are read at once. */
const CHUNK = 500

/** Reads conversations for the page. */
export class Timelines {
  readonly #client: Client
  readonly #names: Names
  readonly #onDeleted: (conversationId: ConversationId, message: MessageReference) => void
  readonly #kept = new Readings<ConversationId, Kept>()

  /** @param onDeleted hears of every message that was taken back, each time it is read */
  constructor(client: Client, names: Names, onDeleted: (conversationId: ConversationId, message: MessageReference) => void) {
    this.#client = client
    this.#names = names
    this.#onDeleted = onDeleted
  }

  /** Something of a conversation was written. */
  forget(conversationId: string): void {
    this.#kept.forget(conversationId as ConversationId)
  }

  /** Entries after a position, up to another or the end. */
  async entries(conversationId: ConversationId, fromSeq: number, toSeq = Infinity): Promise<readonly Entry[]> {
    const events = (await this.#events(conversationId, fromSeq)).filter(({ seq }) => seq > fromSeq)
    const messages = new Map(foldMessages(events).map((message) => [message.seq, message]))
    const entries: Entry[] = []
    for (const event of events) {
      if (event.seq > toSeq) break
      const entry = event.kind === 'message'
        ? await this.#messageEntry(event, messages.get(event.seq), messages)
        : await this.#otherEntry(event)
      if (entry !== undefined) entries.push(entry)
    }
    return entries
  }

  #events(conversationId: ConversationId, fromSeq: number): Promise<readonly ConversationEvent[]> {
    const kept = this.#kept.get(conversationId)
    if (kept !== undefined && kept.fromSeq <= fromSeq) return kept.read
    return this.#kept.keep(conversationId, { fromSeq, read: this.#readBefore(kept, conversationId, fromSeq) }).read
  }

  async #readBefore(kept: Kept | undefined, conversationId: ConversationId, fromSeq: number): Promise<readonly ConversationEvent[]> {
    const earlier = await this.#read(conversationId, fromSeq, kept?.fromSeq ?? Infinity)
    return kept === undefined ? earlier : [...earlier, ...await kept.read]
  }

  async #read(conversationId: ConversationId, fromSeq: number, toSeq: number): Promise<readonly ConversationEvent[]> {
    const found: ConversationEvent[] = []
    for (let afterSeq = fromSeq; ;) {
      const chunk = await this.#client.history(conversationId, afterSeq, CHUNK)
      const last = chunk.at(-1)
      if (last === undefined || chunk.length < CHUNK || last.seq >= toSeq) return [...found, ...chunk.filter(({ seq }) => seq <= toSeq)]
      // a position has several events when there is a notice beside it: the last one is read again, whole
      found.push(...chunk.filter(({ seq }) => seq < last.seq))
      afterSeq = last.seq - 1
    }
  }

  async #messageEntry(event: MessageEvent, message: Message | undefined, all: ReadonlyMap<number, Message>): Promise<MessageEntry | undefined> {
    if (message === undefined) return undefined
    const ownId = this.#client.identity.accountId
    const reactions = await Promise.all([...message.reactions].map(async ([emoji, ids]) =>
      ({ emoji, names: (await this.#names.people(ids)).map(({ name }) => name), isMine: ids.includes(ownId) })))
    return {
      ...await this.#base(event), kind: 'message', messageId: event.messageId, body: bodyOf(message.content), isEdited: message.isEdited, reactions,
      readBy: (await this.#names.people(message.readBy)).map(({ name }) => name),
      quoted: message.content.type === 'reply' ? await this.#quote(message.content.to, all) : undefined,
    }
  }

  async #quote(to: Extract<ShownContent, { type: 'reply' }>['to'], all: ReadonlyMap<number, Message>): Promise<MessageEntry['quoted']> {
    for (const { accountId, messageId, content } of all.values()) {
      if (accountId === to.accountId && messageId === to.messageId) return { name: (await this.#names.person(accountId)).name, text: wordsOf(bodyOf(content)) }
    }
    return undefined
  }

  async #otherEntry(event: Exclude<ConversationEvent, MessageEvent>): Promise<Entry | undefined> {
    const base = await this.#base(event)
    switch (event.kind) {
      case 'membership': {
        const { added, removed } = event
        // keys were renewed, or a device came or went
        if (added.length + removed.length === 0) return undefined
        return { ...base, kind: 'members', added: await this.#names.people(added), removed: await this.#names.people(removed) }
      }
      case 'deleted':
        this.#onDeleted(event.conversationId, { accountId: event.accountId, messageId: event.messageId })
        return { ...base, kind: 'deleted' }
      case 'joined':
        return { ...base, kind: 'joined' }
      case 'unreadable':
        return { ...base, kind: 'unreadable', code: event.errorCode }
      case 'notice':
        return { ...base, key: `${base.key}.${event.errorCode}.${event.deviceId}`, kind: 'notice', code: event.errorCode, count: event.count }
    }
  }

  async #base({ seq, atMs, accountId }: ConversationEvent): Promise<Pick<Entry, 'key' | 'seq' | 'atMs' | 'person' | 'isMine'>> {
    return { key: seq.toString(), seq, atMs, person: await this.#names.person(accountId), isMine: accountId === this.#client.identity.accountId }
  }
}

/** What a message says, as the page shows it. */
export const bodyOf = (content: ShownContent): Body => {
  switch (content.type) {
    case 'text':
      return { type: 'text', text: content.body }
    case 'reply':
      return { type: 'reply', text: content.body, to: content.to }
    case 'letter':
      return { type: 'letter', subject: content.subject, text: content.body }
    case 'attachment': {
      const { attachment: { fileName, mediaType, fileBytes, picture }, caption } = content
      return { type: 'file', fileName, mediaType, fileBytes, picture, text: caption }
    }
    default:
      return { type: 'unknown' }
  }
}

/** The words of a message, for a line. */
export const wordsOf = (body: Body): string => {
  switch (body.type) {
    case 'text':
    case 'reply':
      return body.text
    case 'letter':
      return body.subject
    case 'file':
      return body.text === '' ? body.fileName : body.text
    case 'unknown':
      return ''
  }
}
