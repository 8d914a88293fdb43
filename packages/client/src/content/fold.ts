/**
 * Messages as people see them: the log's reactions, edits and receipts folded into what they are about, in any order of
 * arrival. An edit counts only from the author, a reaction from any member.
 */
import type { AccountId, MessageId } from '@famichat/protocol'
import type { ConversationEvent } from '../conversation/history.js'
import type { MessageReference, ShownContent } from './content.js'

type Standing = Extract<ShownContent, { type: 'text' | 'reply' | 'letter' | 'attachment' | 'unknown' }>

/** A message with all that was said about it. */
export interface Message {
  readonly seq: number
  readonly accountId: AccountId
  readonly messageId: MessageId
  readonly atMs: number
  /** With the newest text of its author. */
  readonly content: Standing
  readonly isEdited: boolean
  /** Who reacted, by emoji, in order of arrival. */
  readonly reactions: ReadonlyMap<string, readonly AccountId[]>
  /** Who said to have read it. */
  readonly readBy: readonly AccountId[]
}

const keyOf = ({ accountId, messageId }: MessageReference): string => `${accountId}/${messageId}`

/** Folds a whole history, oldest first. */
export const foldMessages = (events: readonly ConversationEvent[]): readonly Message[] => {
  const edits = new Map<string, string>()
  const reactions = new Map<string, Map<string, AccountId[]>>()
  const readUpTo = new Map<AccountId, number>()
  const standing: { readonly event: Extract<ConversationEvent, { kind: 'message' }>; readonly content: Standing }[] = []
  for (const event of events) {
    if (event.kind !== 'message') continue
    const { content, accountId } = event
    switch (content.type) {
      case 'edit':
        edits.set(keyOf({ accountId, messageId: content.messageId }), content.body)
        break
      case 'reaction':
        react(reactions, accountId, content)
        break
      case 'receipt':
        readUpTo.set(accountId, Math.max(readUpTo.get(accountId) ?? 0, content.upToSeq))
        break
      case 'delete':
        break
      default:
        standing.push({ event, content })
    }
  }
  return standing.map(({ event: { seq, accountId, messageId, atMs }, content }) => {
    const key = keyOf({ accountId, messageId })
    const body = 'body' in content ? edits.get(key) : undefined
    return {
      seq, accountId, messageId, atMs,
      content: body === undefined || !('body' in content) ? content : { ...content, body },
      isEdited: body !== undefined,
      reactions: reactions.get(key) ?? new Map<string, AccountId[]>(),
      readBy: [...readUpTo].filter(([reader, upToSeq]) => reader !== accountId && upToSeq >= seq).map(([reader]) => reader),
    }
  })
}

const react = (
  all: Map<string, Map<string, AccountId[]>>, accountId: AccountId, { to, emoji, isRemoved }: Extract<ShownContent, { type: 'reaction' }>,
): void => {
  const key = keyOf(to)
  const byEmoji = all.get(key) ?? new Map<string, AccountId[]>()
  all.set(key, byEmoji)
  const others = (byEmoji.get(emoji) ?? []).filter((who) => who !== accountId)
  const who = isRemoved ? others : [...others, accountId]
  if (who.length > 0) byEmoji.set(emoji, who)
  else byEmoji.delete(emoji)
}
