/**
 * Taking: what one turn does with entries of the log. Messages are shown once and in their place; what people should know
 * is put beside them.
 */
import { PARAMETERS } from '../parameters.js'
import type { Group } from '@famichat/mls'
import type { AccountId, ConversationId, DeviceId, EnvelopeHeader } from '@famichat/protocol'
import { ClientError, type ClientErrorCode } from '../client-error.js'
import { encodeContent, encodeUnknown, isBetweenClients } from '../content/content.js'
import { toldDeviceName } from '../identity/device-names.js'
import { conversationPrefix, decodeRecord, encodeRecord, HistoryKind, SeenRecord } from '../store/records.js'
import { encodeHistory, historyKey, noticeKey, UNKNOWN_ACCOUNT } from './history.js'
import { membersOf } from './members.js'
import { decodeMessageDocument, type MessageDocument } from './message-document.js'
import { oweAgain, takeWanted, type Wanted, wantAgain } from './resends.js'
import type { Presence } from './presence.js'
import type { Senders } from './senders.js'
import type { Turn, Workspace } from './workspace.js'

/** A turn on a conversation that is there. */
export interface Taking {
  readonly workspace: Workspace
  readonly conversationId: ConversationId
  readonly turn: Turn
  readonly group: Group
  /** Message ids taken in this turn, with their places: they are not stored yet. */
  readonly seen: Map<string, number>
  /** Messages that came and could not be read in this turn: they are not stored yet. */
  readonly wanted: Map<string, Wanted>
  readonly senders: Senders
  readonly presence: Presence
}

/** A message with its author and its place. */
export interface PlacedMessage {
  readonly document: MessageDocument
  readonly accountId: AccountId
  readonly deviceId: DeviceId
  readonly seq: number
  readonly epoch: bigint
  /** When the server took it. */
  readonly createdAtMs: number
}

/** How far a sender's clock may be off before its time is not believed for showing. */
const MAX_AHEAD_MS = PARAMETERS.clockAheadMs
const MAX_BEHIND_MS = PARAMETERS.clockBehindMs

/** Shows a message once: an id that was taken before is a replay, whoever delivers it (E10, RFC 9750 §8.6). */
export const showMessage = async (taking: Taking, message: PlacedMessage): Promise<void> => {
  const { turn, conversationId } = taking
  const { document: { messageId, sentAtMs, content }, accountId, deviceId, seq, epoch, createdAtMs } = message
  const place = await placeOf(taking, accountId, messageId)
  if (place !== undefined) {
    // taken back before it came
    if (place === 0) setPlace(taking, accountId, { messageId, seq })
    else noteAt(taking, { seq, code: 'client.message.replayed', accountId, deviceId, atMs: createdAtMs, epoch, count: 1 })
    return
  }
  setPlace(taking, accountId, { messageId, seq })
  if (content.type === 'resendRequest') {
    oweAgain(turn, conversationId, { ...content, asker: accountId })
    return
  }
  if (content.type === 'resent') {
    await showResent(taking, message, content.document)
    return
  }
  if (content.type === 'deviceName') {
    // what somebody else calls a device is nobody's business here
    if (accountId !== taking.workspace.context.identity.accountId) return
    for (const { table, key, value } of await toldDeviceName(taking.workspace.context.store, content)) turn.put(table, key, value)
    return
  }
  const atMs = Math.min(Math.max(sentAtMs, createdAtMs - MAX_BEHIND_MS), createdAtMs + MAX_AHEAD_MS)
  turn.put('history', historyKey(conversationId, seq), encodeHistory({
    kind: HistoryKind.message, accountId, deviceId, messageId, atMs, epoch,
    content: content.type === 'unknown' ? encodeUnknown(content.kind) : encodeContent(content),
  }))
  if (content.type === 'delete') await takeBack(taking, message, content.messageId)
}

/** A message that its author says again is shown to those who could not read it, where it stood; others have it. */
const showResent = async (taking: Taking, message: PlacedMessage, bytes: Uint8Array): Promise<void> => {
  const document = decodeMessageDocument(bytes)
  if (isBetweenClients(document.content)) throw new ClientError('client.message.malformed')
  const { accountId } = message
  if (await wasTaken(taking, accountId, document.messageId)) return
  const wantedAt = await takeWanted(taking, { accountId, messageId: document.messageId })
  await showMessage(taking, { ...message, document, seq: wantedAt ?? message.seq })
}

/** The text of a message that its author took back is not kept. Whose it is, is in its key: nobody takes back another's. */
const takeBack = async (taking: Taking, { accountId, deviceId, epoch, createdAtMs }: PlacedMessage, messageId: MessageDocument['messageId']): Promise<void> => {
  const place = await placeOf(taking, accountId, messageId)
  if (place === undefined) setPlace(taking, accountId, { messageId, seq: 0 })
  else if (place > 0) {
    taking.turn.put('history', historyKey(taking.conversationId, place), encodeHistory({
      kind: HistoryKind.deleted, accountId, deviceId, messageId, atMs: createdAtMs, epoch,
    }))
  }
}

/** Puts words beside a position of the log. */
export const noteAt = (
  { turn, conversationId }: Pick<Taking, 'turn' | 'conversationId'>,
  { seq, code, accountId, deviceId, ...rest }: { seq: number; code: ClientErrorCode; accountId: AccountId; deviceId: DeviceId; atMs: number; epoch: bigint; count: number },
): void => {
  turn.put('history', noticeKey(conversationId, seq, { code, deviceId }), encodeHistory({
    kind: HistoryKind.notice, accountId, deviceId, errorCode: code, ...rest,
  }))
}

/** A message that came and cannot be read keeps its place; what did not open is asked for again. */
export const showUnreadable = async (taking: Taking, header: EnvelopeHeader, errorCode: string): Promise<void> => {
  const { conversationId, turn, group } = taking
  const { seq, senderDevice: deviceId, messageId, createdAtMs: atMs, epoch } = header
  const accountId = accountOf(group, deviceId)
  turn.put('history', historyKey(conversationId, seq), encodeHistory({ kind: HistoryKind.unreadable, accountId, deviceId, atMs, epoch, errorCode }))
  const isWorthAsking = errorCode.startsWith('mls.') && accountId !== UNKNOWN_ACCOUNT && !(await wasTaken(taking, accountId, messageId))
  if (isWorthAsking) wantAgain(taking, messageId, { accountId, deviceId, seq })
}

/** Whose device the server says it is, if it is a member's. */
const accountOf = (group: Group, deviceId: DeviceId): AccountId =>
  membersOf(group).find((member) => member.deviceId === deviceId)?.accountId ?? UNKNOWN_ACCOUNT

/** True for a message that this device has taken already. */
export const wasTaken = async (taking: Taking, accountId: AccountId, messageId: string): Promise<boolean> =>
  await placeOf(taking, accountId, messageId) !== undefined

const seenKey = (conversationId: ConversationId, accountId: AccountId, messageId: string): string =>
  `${conversationPrefix(conversationId)}${accountId}/${messageId}`

const placeOf = async ({ workspace, conversationId, seen }: Taking, accountId: AccountId, messageId: string): Promise<number | undefined> => {
  const key = seenKey(conversationId, accountId, messageId)
  const inTurn = seen.get(key)
  if (inTurn !== undefined) return inTurn
  const stored = await workspace.context.store.get('seen', key)
  return stored && decodeRecord(SeenRecord, stored).seq
}

const setPlace = ({ workspace, conversationId, turn, seen }: Taking, accountId: AccountId, { messageId, seq }: { messageId: string; seq: number }): void => {
  const key = seenKey(conversationId, accountId, messageId)
  seen.set(key, seq)
  turn.put('seen', key, encodeRecord(SeenRecord, { seenAtMs: workspace.context.clock.nowMs(), seq }))
}
