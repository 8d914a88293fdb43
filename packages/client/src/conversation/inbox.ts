/**
 * Inbox: takes log entries in order, one turn for many. Whatever an entry does - ratchet, history, replay record, cursor -
 * is written together, so a crash takes it again from the start, and nothing is shown twice.
 */
import { equal, isCodedError } from '@famichat/base'
import type { Processed } from '@famichat/mls'
import { inspectMessage, type InspectedMessage } from '@famichat/mls/inspect'
import { type AccountId, ContentType, type ConversationId, Encryption, type Envelope } from '@famichat/protocol'
import { ClientError, type ClientErrorCode } from '../client-error.js'
import { compareHead, type DeviceListHead, readDeviceList } from '../identity/device-lists.js'
import { type ConversationRecord, ConversationState } from '../store/records.js'
import { refusedCommitOf } from './commit-refusals.js'
import { UNKNOWN_ACCOUNT } from './history.js'
import { deviceOfLeaf, membersOf } from './members.js'
import { decodeMessageDocument, decodeMessageHead } from './message-document.js'
import { transcriptPrefixOf } from './outbox.js'
import { readOutbox } from './outbox-rows.js'
import { viewOf } from './policy.js'
import { Presence } from './presence.js'
import { Senders } from './senders.js'
import { takeCommit } from './taking-commits.js'
import { noteAt, showMessage, showUnreadable, type Taking, wasTaken } from './taking.js'
import { cameBack, isRosterChange, keepTaken } from './taken-entries.js'
import { readUndo } from './undo.js'
import type { Workspace } from './workspace.js'

/** A turn ends behind the entry at which it has taken so long, in milliseconds: the rest is another turn's. */
const TURN_MS = 20

/** Takes entries that follow the cursor; those before it were taken already. Stops where it cannot follow, or when its time is up. */
export const takeEnvelopes = (workspace: Workspace, conversationId: ConversationId, envelopes: readonly Envelope[]): Promise<void> =>
  workspace.turn('receive', conversationId, async (turn) => {
    const { store, clock } = workspace.context
    const seen = new Map<string, number>()
    const wanted: Taking['wanted'] = new Map()
    const startedAtMs = clock.nowMs()
    const senders = new Senders(store, conversationId)
    const presence = new Presence(store, conversationId, startedAtMs)
    for (const envelope of envelopes) {
      const { group, record } = turn
      if (clock.nowMs() - startedAtMs > TURN_MS) return
      if (group === undefined || record?.state !== ConversationState.active) return
      const { seq } = envelope.header
      if (seq <= record.cursor) continue
      const taking = { workspace, conversationId, turn, group, seen, wanted, senders, presence }
      const missing = missingBefore(record, seq)
      if (missing > 0 && !isOverFor(taking, envelope)) noteWithheld(taking, envelope, missing)
      if (!(await cameBack(store, turn, conversationId, envelope))) {
        const before = isRosterChange(envelope) ? membersOf(group) : []
        const isTaken = await takeEnvelope(taking, envelope)
        senders.writeTo(turn)
        presence.writeTo(turn)
        if (!isTaken) return
        if (group.status === 'active') keepTaken(turn, conversationId, envelope, { before, after: isRosterChange(envelope) ? membersOf(group) : [] })
      }
      turn.update({ cursor: seq, stuckCode: '', refusedCommit: undefined, latestServerMs: Math.max(record.latestServerMs, envelope.header.createdAtMs) })
    }
  })

/** The server no longer keeps entries up to `prunedSeq`: that is said where they would be, and the device goes on behind them. */
export const takePruned = (workspace: Workspace, conversationId: ConversationId, prunedSeq: number): Promise<void> =>
  workspace.turn('receive', conversationId, (turn) => {
    const { identity, clock } = workspace.context
    const { group, record } = turn
    if (group === undefined || record?.state !== ConversationState.active || prunedSeq <= record.cursor) return Promise.resolve()
    noteAt({ turn, conversationId }, {
      seq: prunedSeq, code: 'client.log.pruned', accountId: UNKNOWN_ACCOUNT, deviceId: identity.deviceId,
      atMs: clock.nowMs(), epoch: group.epoch, count: prunedSeq - record.cursor,
    })
    turn.update({ cursor: prunedSeq, stuckCode: '', refusedCommit: undefined })
    return Promise.resolve()
  })

/** A guest whose time is over gets commits only: what is not there was not for it. */
const isOverFor = ({ group, turn: { record }, workspace: { context: { identity } } }: Taking, { header }: Envelope): boolean =>
  viewOf(group, record && readUndo(record)).rules.guests.some(({ accountId, untilMs }) => accountId === identity.accountId && untilMs <= header.createdAtMs)

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
      await seeSender(taking, header, processed.sender)
      return true
    case 'own':
      await takeOwn(taking, envelope)
      return true
    case 'commit':
      return takeCommit(taking, envelope, processed.staged)
  }
}

const seeSender = async ({ group, presence }: Taking, { createdAtMs }: Envelope['header'], sender: Extract<Processed, { kind: 'proposal' }>['sender']): Promise<void> => {
  const leaf = 'leafIndex' in sender ? group.member(sender.leafIndex) : undefined
  if (leaf !== undefined) await presence.see(deviceOfLeaf(leaf).deviceId, createdAtMs)
}

const refuseEnvelope = async (taking: Taking, envelope: Envelope, errorCode: string): Promise<boolean> => {
  const { header } = envelope
  const { record } = taking.turn
  switch (header.contentType) {
    case ContentType.commit:
      // the pending commit of this device is another one: so are its files
      if (errorCode === 'mls.message.own_pending') taking.turn.update({ isRolledBack: true })
      taking.turn.update({ stuckCode: isForked(taking, envelope) ? 'client.log.forked' : errorCode, refusedCommit: refusedCommitOf(taking.workspace.context, envelope) })
      return false
    case ContentType.proposal:
      if (isForked(taking, envelope)) {
        const { seq, senderDevice: deviceId, createdAtMs: atMs, epoch } = header
        noteAt(taking, { seq, code: 'client.log.forked', accountId: UNKNOWN_ACCOUNT, deviceId, atMs, epoch, count: 1 })
      }
      return true
    case ContentType.application:
      // from before this device came in: it was never for it
      if (record !== undefined && header.epoch < record.joinedEpoch) return true
      // the log leads everybody else to an epoch that this device has not come to: it was told another one (S6)
      if (isAhead(taking, envelope)) {
        taking.turn.update({ stuckCode: 'client.log.forked' })
        return false
      }
      if (membersOf(taking.group).some(({ deviceId }) => deviceId === header.senderDevice)) await taking.senders.takeUnreadable(header.senderDevice)
      await showUnreadable(taking, header, isForked(taking, envelope) ? 'client.log.forked' : errorCode)
      return true
  }
}

/** A message of an epoch to come, by its own words: the honest server takes none before the commit that leads there. */
const isAhead = ({ group }: Taking, { message }: Envelope): boolean => {
  const inspected = inspectOrNothing(message)
  return inspected?.kind === 'private' && inspected.epoch > group.epoch
}

const inspectOrNothing = (message: Uint8Array): InspectedMessage | undefined => {
  try {
    return inspectMessage(message.slice())
  } catch (error) {
    if (!isCodedError(error)) throw error
    return undefined
  }
}

/**
 * A message of the epoch that is now, which does not open, and says that another course of things led there (S6). The head
 * is not authentic then: who forges it raises an alarm about itself.
 */
const isForked = ({ group }: Taking, { header, message }: Envelope): boolean => {
  try {
    const inspected = inspectMessage(message.slice())
    if (inspected.kind !== 'private' || header.epoch !== group.epoch || inspected.epoch !== group.epoch) return false
    return !equal(decodeMessageHead(inspected.authenticatedData).transcriptPrefix, transcriptPrefixOf(group))
  } catch (error) {
    if (!isCodedError(error)) throw error
    return false
  }
}

const takeApplication = async (
  taking: Taking, { header }: Envelope, processed: Extract<Processed, { kind: 'application' }>,
): Promise<void> => {
  const { conversationId, senders } = taking
  const { seq, createdAtMs } = header
  const { epoch } = processed
  const { accountId, deviceId } = deviceOfLeaf(processed.sender.leafNode)
  await taking.presence.see(deviceId, createdAtMs)
  const note = (code: ClientErrorCode, count: number): void => { noteAt(taking, { seq, code, accountId, deviceId, atMs: createdAtMs, epoch, count }) }
  try {
    // who came in against the policy has no say until that is put right
    if (taking.turn.record !== undefined && readUndo(taking.turn.record)?.added.includes(deviceId) === true) throw new ClientError('client.change.refused')
    const head = decodeMessageHead(processed.authenticatedData)
    if (head.conversationId !== conversationId) throw new ClientError('client.message.misplaced')
    const missing = await senders.take(deviceId, { number: head.number, generation: processed.generation })
    if (missing > 0) note('client.message.missing', missing)
    // it was written after an entry that comes later here: the server told its author another course of things
    if (head.lastSeq >= seq) note('client.log.reordered', 1)
    await compareLists(taking, accountId, head, () => { note('client.device_list.forked', 1) })
    await showMessage(taking, { document: decodeMessageDocument(processed.applicationData), accountId, deviceId, seq, epoch, createdAtMs })
  } catch (error) {
    if (!isCodedError(error)) throw error
    await showUnreadable(taking, { ...header, senderDevice: deviceId }, error.code)
  }
}

/** The author's own list as its device knows it, against what the server has told here: nobody can be shown another one unnoticed (E15). */
const compareLists = async ({ workspace: { context: { store, trust } } }: Taking, accountId: AccountId, head: DeviceListHead, onFork: () => void): Promise<void> => {
  const compared = compareHead(await readDeviceList(store, accountId), head)
  if (compared === 'ahead') trust.wantList(accountId, head.listNumber)
  if (compared === 'forked') onFork()
}

/** A message of this device came back: it has its place now. */
const takeOwn = async (taking: Taking, envelope: Envelope): Promise<void> => {
  const { workspace: { context: { store, identity } }, conversationId, turn } = taking
  const { header, message } = envelope
  const sent = (await readOutbox(store, conversationId)).find(({ record }) => record.messageId === header.messageId)
  if (sent === undefined || !equal(sent.record.message, message)) {
    const { accountId, deviceId } = identity
    const { seq, createdAtMs: atMs, epoch } = header
    const isForgotten = header.senderDevice === deviceId && !(await wasTaken(taking, accountId, header.messageId))
    // a message of this device that this device has no memory of: its files are older than what it has sent (E8)
    if (isForgotten) turn.update({ isRolledBack: true })
    const code = isForgotten ? 'client.profile.rolled_back' : 'client.message.replayed'
    if (header.contentType === ContentType.application) noteAt(taking, { seq, code, accountId, deviceId, atMs, epoch, count: 1 })
    return
  }
  turn.put('outbox', sent.key, undefined)
  if (header.contentType !== ContentType.application) return
  const { accountId, deviceId } = identity
  const { seq, epoch, createdAtMs } = header
  await showMessage(taking, { document: decodeMessageDocument(sent.record.document), accountId, deviceId, seq, epoch, createdAtMs })
}

/** Places between the cursor and an entry that the device should have got; a restored log leaves some out. */
const missingBefore = ({ cursor, restoredAfterSeq, resumesAfterSeq }: ConversationRecord, seq: number): number => {
  const isAcross = resumesAfterSeq > 0 && cursor <= resumesAfterSeq && seq > resumesAfterSeq
  return isAcross ? seq - resumesAfterSeq - 1 + Math.max(0, restoredAfterSeq - cursor) : seq - cursor - 1
}

/** Positions are without holes: what is not there was left out. */
const noteWithheld = (taking: Taking, { header }: Envelope, count: number): void => {
  noteAt(taking, {
    seq: header.seq - 1, code: 'client.message.withheld', accountId: UNKNOWN_ACCOUNT, deviceId: header.senderDevice,
    atMs: header.createdAtMs, epoch: header.epoch, count,
  })
}
