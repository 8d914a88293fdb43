/**
 * Kinds of conversation and what each demands. Server and client ask these functions, never the kind itself.
 */
import { closed, uint8 } from '@famichat/base'

/** `direct`, `group` and `family` must be encrypted; `self` (a person's own devices) may opt out. */
export const ConversationKind = { direct: 1, group: 2, family: 3, self: 4 } as const
export type ConversationKind = (typeof ConversationKind)[keyof typeof ConversationKind]

/** How a message's content is protected; travels as `encryption` in the envelope. */
export const Encryption = { none: 0, mls10: 1 } as const
export type Encryption = (typeof Encryption)[keyof typeof Encryption]

/** Wire form of {@link ConversationKind}. */
export const conversationKind = closed(uint8, ConversationKind, 'conversation kind')
/** Wire form of {@link Encryption}. */
export const encryption = closed(uint8, Encryption, 'encryption')

/** True when the server and every client refuse an unencrypted message in conversations of this kind. */
export const requiresEncryption = (kind: ConversationKind): boolean => kind !== ConversationKind.self

/** True when only devices of one account may be in conversations of this kind. */
export const isForOneAccount = (kind: ConversationKind): boolean => kind === ConversationKind.self

/** True when a message protected in this way may be in a conversation of this kind. Encrypted ones may be in every kind. */
export const acceptsEncryption = (kind: ConversationKind, protection: Encryption): boolean =>
  protection !== Encryption.none || !requiresEncryption(kind)
