/**
 * Messaging: what a person can say in a conversation, checked before it is written, then sent through the outbox.
 */
import { type ConversationId, type MessageId } from '@famichat/protocol'
import { ClientError } from '../client-error.js'
import { type AttachmentPointer, type BetweenClients, decodeContent, type MessageContent, type MessageReference } from '../content/content.js'
import { conversationPrefix, decodeRecord, encodeRecord, type HistoryRecord, SettingsRecord } from '../store/records.js'
import type { Delivery } from './delivery.js'
import type { Files, FileSource, TransferOptions } from './files.js'
import { findMessage } from './history.js'
import type { Outbox } from './outbox.js'
import { isConnectionLoss, type Sleep } from './retry.js'
import type { Upkeep } from './upkeep.js'
import type { Workspace } from './workspace.js'

/** What a person can say without a file. */
export type Sayable = Exclude<MessageContent, BetweenClients | { readonly type: 'attachment' | 'unknown' | 'receipt' }>

/** A sent message. */
export interface Sent {
  readonly conversationId: ConversationId
  readonly messageId: MessageId
}

/** What messaging works with. */
export interface MessagingContext {
  readonly workspace: Workspace
  readonly outbox: Outbox
  readonly delivery: Delivery
  readonly upkeep: Upkeep
  readonly files: Files
  readonly sleep: Sleep
}

const SEND_ATTEMPTS = 6

/** Says things. */
export class Messaging {
  readonly #context: MessagingContext

  constructor(context: MessagingContext) {
    this.#context = context
  }

  /** @throws ClientError `client.message.*` | `client.conversation.*` | `client.server.unreachable`, once written even then sent later */
  async say(conversationId: ConversationId, content: Sayable): Promise<Sent> {
    await this.#validate(conversationId, content)
    const { accountId } = this.#context.workspace.context.identity
    const file = content.type === 'delete' ? await this.#fileOf(conversationId, { accountId, messageId: content.messageId }) : undefined
    const sent = await this.#send(conversationId, content)
    if (file !== undefined) await this.#context.files.delete(file.blobId)
    return sent
  }

  /** Uploads, then says so. @throws ClientError `client.file.*` | … */
  async sendFile(conversationId: ConversationId, source: FileSource, options: TransferOptions & { readonly caption?: string }): Promise<Sent> {
    const { files } = this.#context
    const attachment = await files.upload(conversationId, source, options)
    const sent = await this.#send(conversationId, { type: 'attachment', attachment, caption: options.caption ?? '' })
    await files.forget(conversationId, attachment)
    return sent
  }

  /** The file of a message, piece by piece. @throws ClientError `client.message.unknown` | `client.file.*` */
  async *readFile(conversationId: ConversationId, reference: MessageReference, options: TransferOptions & { readonly fromPiece?: number }): AsyncGenerator<Uint8Array> {
    yield * this.#context.files.fetch(await this.#pointer(conversationId, reference), options)
  }

  /** Says how far was read, if this person wants others to know; by default not. */
  async markRead(conversationId: ConversationId, upToSeq: number): Promise<void> {
    if (!(await this.sendsReceipts())) return
    await this.#send(conversationId, { type: 'receipt', upToSeq })
  }

  /** Chooses whether others are told what was read. */
  async setReceipts(sendsReceipts: boolean): Promise<void> {
    const { store } = this.#context.workspace.context
    await store.exclusive(() => store.write([{ table: 'profile', key: 'settings', value: encodeRecord(SettingsRecord, { sendsReceipts }) }]))
  }

  /** Whether others are told what was read. */
  async sendsReceipts(): Promise<boolean> {
    const stored = await this.#context.workspace.context.store.get('profile', 'settings')
    return stored !== undefined && decodeRecord(SettingsRecord, stored).sendsReceipts
  }

  /** Tells the other devices of this account, in their own conversation, what one of them is called. @throws ClientError `client.server.unreachable`; once written it is sent later */
  async sayDeviceName(selfId: ConversationId, name: Omit<Extract<MessageContent, { readonly type: 'deviceName' }>, 'type'>): Promise<void> {
    await this.#send(selfId, { type: 'deviceName', ...name })
  }

  /** Changes come before what is said after them: who was to be removed must not read it. Without a server it waits. */
  async #send(conversationId: ConversationId, content: MessageContent): Promise<Sent> {
    const { outbox, delivery, sleep } = this.#context
    const isReachable = await this.#isCaughtUp(conversationId)
    const messageId = await outbox.write(conversationId, content)
    for (let attempt = isReachable ? 1 : SEND_ATTEMPTS; ; attempt++) {
      try {
        // written without a look at the log: an older copy of a profile must not send before it knows that it is one (E8)
        if (!isReachable) await delivery.catchUp(conversationId)
        await outbox.flush(conversationId)
        return { conversationId, messageId }
      } catch (error) {
        if (!isConnectionLoss(error) || attempt === SEND_ATTEMPTS) throw error
        await sleep(50 * 2 ** attempt)
      }
    }
  }

  async #isCaughtUp(conversationId: ConversationId): Promise<boolean> {
    try {
      await this.#context.upkeep.keepUp(conversationId)
      return true
    } catch (error) {
      if (!isConnectionLoss(error)) throw error
      return false
    }
  }

  async #validate(conversationId: ConversationId, content: Sayable): Promise<void> {
    const { accountId } = this.#context.workspace.context.identity
    switch (content.type) {
      case 'reply':
      case 'reaction':
        await this.#find(conversationId, content.to)
        return
      case 'edit':
      case 'delete':
        await this.#findOwn(conversationId, { accountId, messageId: content.messageId })
        return
      case 'text':
      case 'letter':
    }
  }

  /** Somebody else's message is named by its id alone too: then it is not one's own. */
  async #findOwn(conversationId: ConversationId, reference: MessageReference): Promise<void> {
    try {
      await this.#find(conversationId, reference)
    } catch (error) {
      if (await this.#isOthers(conversationId, reference.messageId)) throw new ClientError('client.message.not_own', {}, { cause: error })
      throw error
    }
  }

  async #isOthers(conversationId: ConversationId, messageId: MessageId): Promise<boolean> {
    const entries = await this.#context.workspace.context.store.list('seen', { prefix: conversationPrefix(conversationId) })
    return entries.some(({ key }) => key.endsWith(`/${messageId}`))
  }

  async #find(conversationId: ConversationId, reference: MessageReference): Promise<HistoryRecord> {
    const found = await findMessage(this.#context.workspace.context.store, conversationId, reference)
    if (found === undefined) throw new ClientError('client.message.unknown')
    return found.record
  }

  async #pointer(conversationId: ConversationId, reference: MessageReference): Promise<AttachmentPointer> {
    const file = await this.#fileOf(conversationId, reference)
    if (file === undefined) throw new ClientError('client.message.unknown')
    return file
  }

  async #fileOf(conversationId: ConversationId, reference: MessageReference): Promise<AttachmentPointer | undefined> {
    const content = decodeContent((await this.#find(conversationId, reference)).content)
    return content.type === 'attachment' ? content.attachment : undefined
  }
}
