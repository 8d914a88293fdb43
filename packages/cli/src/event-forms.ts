/**
 * Events of a conversation, as a line for people and as an object for programs.
 */
import { toHex } from '@famichat/base'
import { type ConversationEvent, explain, type MessageReference } from '@famichat/client'

type NameOf = (accountId: ConversationEvent['accountId']) => Promise<string>

interface Forms {
  readonly text: string
  readonly json: Readonly<Record<string, unknown>>
}

/**
 * An event for people and for programs.
 * @param labelOf what people are told to name another message by
 */
export const eventForms = async (event: ConversationEvent, nameOf: NameOf, labelOf: (messageId: string) => string = shortId): Promise<Forms> => {
  const from = await nameOf(event.accountId)
  const base = { conversation: event.conversationId, seq: event.seq, from, device: event.deviceId, atMs: event.atMs, epoch: Number(event.epoch) }
  switch (event.kind) {
    case 'message':
      return contentForms(event, { from, base, nameOf, labelOf })
    case 'deleted':
      return { text: `* ${from} took a message back`, json: { type: 'deleted', ...base, id: event.messageId } }
    case 'notice':
      return { text: `! ${aboutPerson(event.errorCode) ? `${from}: ` : ''}${explained(event.errorCode)}${countOf(event)}`, json: { type: 'notice', ...base, code: event.errorCode, count: event.count } }
    case 'membership': {
      const added = await Promise.all(event.added.map(nameOf))
      const removed = await Promise.all(event.removed.map(nameOf))
      const changes = [...added.map((name) => `${name} came in`), ...removed.map((name) => `${name} is out`)]
      const text = changes.length === 0 ? '* keys were renewed or a device changed' : `* ${changes.join(', ')} (by ${from})`
      return { text, json: { type: 'membership', ...base, added, removed, epochAuthenticator: toHex(event.epochAuthenticator) } }
    }
    case 'joined':
      return { text: `* you came in, added by ${from}`, json: { type: 'joined', ...base, epochAuthenticator: toHex(event.epochAuthenticator) } }
    case 'unreadable':
      return { text: `* a message of ${from} cannot be read: ${explained(event.errorCode)}`, json: { type: 'unreadable', ...base, code: event.errorCode } }
  }
}

/** Whether a notice speaks of a person, and not of the server or of this device: only then it bears a name. */
const aboutPerson = (code: string): boolean => explain(code).cause.includes('this person')

/** How many of what a notice is about. */
const countOf = ({ errorCode, count }: Extract<ConversationEvent, { kind: 'notice' }>): string => {
  const { unit = 'messages' } = explain(errorCode)
  return count > 1 ? ` (${count} ${unit})` : ''
}

type MessageEvent = Extract<ConversationEvent, { kind: 'message' }>

const contentForms = async (
  { content, messageId }: MessageEvent,
  { from, base, nameOf, labelOf }: { readonly from: string; readonly base: object; readonly nameOf: NameOf; readonly labelOf: (messageId: string) => string },
): Promise<Forms> => {
  const json = (type: string, fields: object) => ({ type, ...base, id: messageId, ...fields })
  const about = async (to: MessageReference) => ({ to: to.messageId, author: await nameOf(to.accountId) })
  switch (content.type) {
    case 'text':
      return { text: `${from}: ${hanging(content.body)}`, json: json('message', { text: content.body }) }
    case 'reply': {
      const to = await about(content.to)
      return { text: `${from} to ${to.author}'s ${labelOf(to.to)}: ${hanging(content.body)}`, json: json('reply', { ...to, text: content.body }) }
    }
    case 'letter':
      return { text: `${from} writes: ${hanging(content.subject)}\n\n    ${hanging(content.body)}\n`, json: json('letter', { subject: content.subject, text: content.body }) }
    case 'reaction': {
      const to = await about(content.to)
      const verb = content.isRemoved ? 'takes back' : 'reacts'
      return { text: `* ${from} ${verb} ${content.emoji} to ${to.author}'s ${labelOf(to.to)}`, json: json('reaction', { ...to, emoji: content.emoji, isRemoved: content.isRemoved }) }
    }
    case 'edit':
      return { text: `* ${from} changes ${labelOf(content.messageId)}: ${hanging(content.body)}`, json: json('edit', { to: content.messageId, text: content.body }) }
    case 'delete':
      return { text: `* ${from} took ${labelOf(content.messageId)} back`, json: json('delete', { to: content.messageId }) }
    case 'attachment': {
      const { attachment: { fileName, mediaType, fileBytes }, caption } = content
      const text = `${from} sends a file: ${fileName} (${fileBytes} bytes)${caption === '' ? '' : `: ${hanging(caption)}`}`
      return { text, json: json('attachment', { fileName, mediaType, fileBytes, caption }) }
    }
    case 'receipt':
      return { text: `* ${from} has read up to ${content.upToSeq}`, json: json('receipt', { upToSeq: content.upToSeq }) }
    case 'unknown':
      return { text: `* ${from} sent something that this version does not know: update this program`, json: json('unknown', { kind: content.kind }) }
  }
}

/** Further lines stand in: nothing that somebody writes looks like a line of somebody else. */
const hanging = (text: string): string => text.trimEnd().replace(/\r\n?|[\n\v\f\u0085\u2028\u2029]/g, '\n    ')

/** Enough of a message's id to name it in a command. */
export const shortId = (messageId: string): string => messageId.slice(0, 8)

const explained = (code: string): string => {
  const { cause, remedy } = explain(code)
  return remedy === '' ? cause : `${cause}; ${remedy}`
}
