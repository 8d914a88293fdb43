/**
 * What this device has written and the server does not have yet: shown behind the history until it is part of it.
 */
import type { ConversationId, MessageId } from '@famichat/protocol'
import { isBetweenClients, type ShownContent, toShown } from '../content/content.js'
import { OutboxKind } from '../store/records.js'
import type { Store } from '../store/store.js'
import { decodeMessageDocument } from './message-document.js'
import { readOutbox } from './outbox-rows.js'

/** A message that waits to be sent. */
export interface WaitingMessage {
  readonly messageId: MessageId
  readonly content: ShownContent
  /** When it was written, by this device's clock. */
  readonly atMs: number
}

/** The messages of a conversation that wait, oldest first. */
export const readWaiting = async (store: Store, conversationId: ConversationId): Promise<readonly WaitingMessage[]> =>
  (await readOutbox(store, conversationId)).filter(({ record }) => record.kind === OutboxKind.message).flatMap(({ record }) => {
    const { messageId, content, sentAtMs } = decodeMessageDocument(record.document)
    return isBetweenClients(content) ? [] : [{ messageId, content: toShown(content), atMs: sentAtMs }]
  })
