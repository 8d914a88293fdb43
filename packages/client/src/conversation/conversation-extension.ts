/**
 * The conversation's kind and name, in the GroupContext: all members agree on them, newcomers learn them in the
 * Welcome, the server never sees the name.
 */
import { closed, decode, encode, isCodedError, struct, text, uint8 } from '@famichat/base'
import type { Extension } from '@famichat/mls'
import { ConversationKind, conversationKind } from '@famichat/protocol'
import { ClientError } from '../client-error.js'

/** Private-use extension type (RFC 9420 §17.3). */
export const CONVERSATION_EXTENSION = 0xf0a1

/** Longest name of a conversation, in bytes of UTF-8. */
const MAX_CONVERSATION_NAME_BYTES = 256

const version = closed(uint8, { current: 1 }, 'conversation extension version')
const Content = struct({ version, kind: conversationKind, name: text(MAX_CONVERSATION_NAME_BYTES) })

/** What a conversation is. A direct one has no name: it is called after the other person. */
export interface ConversationSubject {
  readonly kind: ConversationKind
  readonly name: string
}

/** The extension for a new group. */
export const makeConversationExtension = ({ kind, name }: ConversationSubject): Extension =>
  ({ extensionType: CONVERSATION_EXTENSION, extensionData: encode(Content, { version: 1, kind, name }) })

/** What the group says it is. @throws ClientError `client.message.malformed` */
export const readConversationExtension = (extensions: readonly Extension[]): ConversationSubject => {
  const found = extensions.find(({ extensionType }) => extensionType === CONVERSATION_EXTENSION)
  if (found === undefined) throw new ClientError('client.message.malformed')
  try {
    const { kind, name } = decode(Content, found.extensionData.slice())
    return { kind, name }
  } catch (cause) {
    if (!isCodedError(cause)) throw cause
    throw new ClientError('client.message.malformed', { reason: cause.code }, { cause })
  }
}
