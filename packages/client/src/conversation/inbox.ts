/**
 * Inbox: takes log entries in order, one turn for many. Whatever an entry does - ratchet, history, replay record, cursor -
 * is written together, so a crash takes it again from the start, and nothing is shown twice.
 */
import { EMPTY, equal, isCodedError } from '@famichat/base'
import type { Group, Processed, StagedCommit } from '@famichat/mls'
import { ContentType, type ConversationId, Encryption, type Envelope } from '@famichat/protocol'
import { ClientError } from '../client-error.js'
import { ConversationState, conversationPrefix, encodeRecord, HistoryKind, SeenRecord } from '../store/records.js'
import { encodeHistory, historyKey, UNKNOWN_ACCOUNT } from './history.js'
import { accountsOf, deviceOfLeaf, membersOf } from './members.js'
import { decodeTextMessage, type TextMessage } from './message-document.js'
import { readOutbox } from './outbox-rows.js'
import type { Turn, Workspace } from './workspace.js'

/** A turn on a conversation that is there. */
interface Taking {
  readonly workspace: Workspace
  readonly conversationId: ConversationId
  readonly turn: Turn
  readonly group: Group
  /** Message ids taken in this turn: they are not stored yet. */
  readonly seen: Set<string>
}

/** Takes entries that follow the cursor; those before it were taken already. Stops where it cannot follow. */
export const takeEnvelopes = (workspace: Workspace, conversationId: ConversationId, envelopes: readonly Envelope[]): Promise<void> =>
  workspace.turn('receive', conversationId, async (turn) => {
    const seen = new Set<string>()
    for (const envelope of envelopes) {
      const { group, record } = turn
      if (group === undefined || record?.state !== ConversationState.active) return
      const { seq } = envelope.header
      if (seq <= record.cursor) continue
      const taking = { workspace, conversationId, turn, group, seen }
      if (seq > record.cursor + 1) recordUnreadable(taking, envelope, { seq: record.cursor + 1, errorCode: 'client.message.withheld' })
      if (!(await takeEnvelope(taking, envelope))) return
      turn.update({ cursor: seq, stuckCode: '' })
    }
  })

/** @returns false when the entry must be taken another time */
const takeEnvelope = async (taking: Taking, envelope: Envelope): Promise<boolean> => {
  const { header, message } = envelope
  let processed: Processed
  try {
    if (header.encryption !== Encryption.mls10) throw new ClientError('client.message.malformed')
    processed = await taking.group.process(message)
  } catch (error) {
    if (!isCodedError(error)) throw error
    return refuseEnvelope(taking, envelope, error.code)
  }
  switch (processed.kind) {
    case 'application':
      await takeApplication(taking, envelope, processed)
      return true
    case 'proposal':
      return true
    case 'own':
      await takeOwn(taking, envelope)
      return true
    case 'commit':
      await takeCommit(taking, envelope, processed.staged)
      return true
  }
}

const refuseEnvelope = (taking: Taking, envelope: Envelope, errorCode: string): boolean => {
  const { header } = envelope
  const { record } = taking.turn
  switch (header.contentType) {
    case ContentType.commit:
      taking.turn.update({ stuckCode: errorCode })
      return false
    case ContentType.proposal:
      return true
    case ContentType.application:
      // from before this device came in: it was never for it
      if (record !== undefined && header.epoch < record.joinedEpoch) return true
      recordUnreadable(taking, envelope, { seq: header.seq, errorCode })
      return true
  }
}

const takeApplication = async (
  taking: Taking, envelope: Envelope, processed: Extract<Processed, { kind: 'application' }>,
): Promise<void> => {
  const { header } = envelope
  let message: TextMessage
  try {
    message = decodeTextMessage(processed.applicationData, processed.authenticatedData)
  } catch (error) {
    if (!isCodedError(error)) throw error
    recordUnreadable(taking, envelope, { seq: header.seq, errorCode: error.code })
    return
  }
  const device = deviceOfLeaf(processed.sender.leafNode)
  await recordText(taking, { ...device, ...message, seq: header.seq, epoch: processed.epoch })
}

/** A message of this device came back: it has its place now. */
const takeOwn = async (taking: Taking, envelope: Envelope): Promise<void> => {
  const { workspace: { context: { store, identity } }, conversationId, turn } = taking
  const { header, message } = envelope
  const sent = (await readOutbox(store, conversationId)).find(({ record }) => record.messageId === header.messageId)
  if (sent === undefined || !equal(sent.record.message, message)) return
  turn.put('outbox', sent.key, undefined)
  if (header.contentType !== ContentType.application) return
  const { accountId, deviceId } = identity
  await recordText(taking, { ...decodeTextMessage(sent.record.document, sent.head), accountId, deviceId, seq: header.seq, epoch: header.epoch })
}

const takeCommit = async (taking: Taking, { header }: Envelope, staged: StagedCommit): Promise<void> => {
  const { workspace: { context: { store } }, conversationId, turn, group } = taking
  const before = membersOf(group)
  const committer = before.find(({ leafIndex }) => leafIndex === staged.committer)
  group.merge(staged)
  turn.put('commits', conversationId, undefined)
  const isOut = group.status !== 'active'
  const goneLeaves = new Set<number>(staged.removed)
  const after = isOut
    ? before.filter(({ leafIndex }) => !goneLeaves.has(leafIndex))
    : membersOf(group)
  const accountsBefore = accountsOf(before)
  const accountsAfter = accountsOf(after)
  turn.put('history', historyKey(conversationId, header.seq), encodeHistory({
    kind: HistoryKind.membership,
    accountId: committer?.accountId ?? UNKNOWN_ACCOUNT,
    deviceId: committer?.deviceId ?? header.senderDevice,
    atMs: header.createdAtMs,
    epoch: staged.epoch,
    added: accountsAfter.filter((account) => !accountsBefore.includes(account)),
    removed: accountsBefore.filter((account) => !accountsAfter.includes(account)),
    epochAuthenticator: isOut ? EMPTY : group.epochAuthenticator,
  }))
  if (!isOut) return
  turn.update({ state: ConversationState.ended })
  for (const table of ['outbox', 'intents'] as const) {
    for (const { key } of await store.list(table, { prefix: conversationPrefix(conversationId) })) turn.put(table, key, undefined)
  }
}

type TextEntry = TextMessage & Pick<Parameters<typeof encodeHistory>[0], 'accountId' | 'deviceId' | 'epoch'> & { readonly seq: number }

/** Shows a text once: an id that was taken before is a replay, whoever delivers it (E10). */
const recordText = async (taking: Taking, { seq, sentAtMs, messageId, body, accountId, deviceId, epoch }: TextEntry): Promise<void> => {
  const { workspace: { context: { store, clock } }, conversationId, turn, seen } = taking
  const key = `${conversationPrefix(conversationId)}${accountId}/${messageId}`
  if (seen.has(key) || await store.get('seen', key) !== undefined) return
  seen.add(key)
  turn.put('seen', key, encodeRecord(SeenRecord, { seenAtMs: clock.nowMs() }))
  turn.put('history', historyKey(conversationId, seq), encodeHistory({
    kind: HistoryKind.text, accountId, deviceId, messageId, atMs: sentAtMs, epoch, body,
  }))
}

const recordUnreadable = (
  { conversationId, turn, group }: Taking, { header }: Envelope, { seq, errorCode }: { readonly seq: number; readonly errorCode: string },
): void => {
  const sender = membersOf(group).find(({ deviceId }) => deviceId === header.senderDevice)
  turn.put('history', historyKey(conversationId, seq), encodeHistory({
    kind: HistoryKind.unreadable, accountId: sender?.accountId ?? UNKNOWN_ACCOUNT, deviceId: header.senderDevice,
    atMs: header.createdAtMs, epoch: header.epoch, errorCode,
  }))
}
