/**
 * What a conversation is and who decides in it, in the GroupContext: all members agree on it, newcomers learn it in the
 * Welcome, and the server never sees it.
 */
import { closed, counter, decode, encode, equal, type Infer, isCodedError, optional, struct, text, uint8, vector } from '@famichat/base'
import type { Extension } from '@famichat/mls'
import { AccountId, ConversationKind, conversationKind, DeviceId, FamilyId } from '@famichat/protocol'
import { ClientError } from '../client-error.js'

/** Private-use extension type (RFC 9420 §17.3). */
export const CONVERSATION_EXTENSION = 0xf0a1

/** Longest name of a conversation, in bytes of UTF-8. */
const MAX_CONVERSATION_NAME_BYTES = 256
const MAX_ACCOUNTS = 2048

/** A device that was let go because it gave no sign for long; it comes back when it asks (E20). */
const AwayDevice = struct({ accountId: AccountId, deviceId: DeviceId, sinceMs: counter })
/** A person who may stay until a time, in milliseconds since 1970. */
const Guest = struct({ accountId: AccountId, untilMs: counter })

const version = closed(uint8, { current: 1 }, 'conversation extension version')
const Content = struct({
  version, kind: conversationKind, name: text(MAX_CONVERSATION_NAME_BYTES),
  /** Of a `family`: the household it follows. */
  familyId: optional(FamilyId),
  /** Who decides on members; of a `direct` conversation the two it is between. */
  admins: vector(AccountId, { max: MAX_ACCOUNTS }),
  guests: vector(Guest, { max: MAX_ACCOUNTS }),
  away: vector(AwayDevice, { max: MAX_ACCOUNTS }),
})

/** What a conversation is and who decides in it. A direct one has no name: it is called after the other person. */
export type ConversationRules = Omit<Infer<typeof Content>, 'version'>

/** The rules of a new conversation. */
export const makeRules = (
  { kind, name, admins, familyId }: Pick<ConversationRules, 'kind' | 'name' | 'admins'> & { readonly familyId?: FamilyId | undefined },
): ConversationRules => ({ kind, name, familyId, admins, guests: [], away: [] })

/** The rules' bytes: equal for equal rules. */
export const encodeRules = (rules: ConversationRules): Uint8Array => encode(Content, { version: 1, ...rules })

/** @throws ClientError `client.message.malformed` */
const decodeRules = (bytes: Uint8Array): ConversationRules => {
  try {
    const { version: _, ...rules } = decode(Content, bytes.slice())
    return rules
  } catch (cause) {
    if (!isCodedError(cause)) throw cause
    throw new ClientError('client.message.malformed', { reason: cause.code }, { cause })
  }
}

/** The extension for a group. */
export const makeConversationExtension = (rules: ConversationRules): Extension =>
  ({ extensionType: CONVERSATION_EXTENSION, extensionData: encodeRules(rules) })

/** What the group says it is. @throws ClientError `client.message.malformed` */
export const readConversationExtension = (extensions: readonly Extension[]): ConversationRules => {
  const found = extensions.find(({ extensionType }) => extensionType === CONVERSATION_EXTENSION)
  if (found === undefined) throw new ClientError('client.message.malformed')
  return decodeRules(found.extensionData)
}

/** The rules among a group's extensions, where all others are as they were before; else, or where they cannot be read, undefined. */
export const rulesBeside = (extensions: readonly Extension[], before: readonly Extension[]): ConversationRules | undefined => {
  const others = (list: readonly Extension[]) => list.filter(({ extensionType }) => extensionType !== CONVERSATION_EXTENSION)
  const [kept, given] = [others(before), others(extensions)]
  const isSame = kept.length === given.length
    && kept.every(({ extensionType, extensionData }, at) => given[at]?.extensionType === extensionType && equal(given[at].extensionData, extensionData))
  if (!isSame) return undefined
  try {
    return readConversationExtension(extensions)
  } catch (error) {
    if (!isCodedError(error)) throw error
    return undefined
  }
}

/** The extensions of a group with other rules. */
export const withRules = (extensions: readonly Extension[], rules: ConversationRules): readonly Extension[] =>
  extensions.map((extension) => (extension.extensionType === CONVERSATION_EXTENSION ? makeConversationExtension(rules) : extension))

/** True when people belong to this conversation by name, and admins decide on them. */
export const hasAdmins = (kind: ConversationKind): boolean => kind === ConversationKind.group || kind === ConversationKind.family
