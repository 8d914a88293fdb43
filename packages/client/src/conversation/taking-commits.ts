/**
 * Taking a commit: it is judged by the policy, entered, and written into the history. One that may not be is entered too, for
 * the next one builds on it, but nothing is sent until it is undone (docs/policies.md).
 */
import { EMPTY } from '@famichat/base'
import { ProposalType, type StagedCommit } from '@famichat/mls'
import type { Envelope } from '@famichat/protocol'
import { encodeRecord, HistoryKind, IntentKind, IntentRecord } from '../store/records.js'
import { type ConversationRules, rulesBeside } from './conversation-extension.js'
import { refusedCommitOf } from './commit-refusals.js'
import { endMembership } from './ending.js'
import { encodeHistory, historyKey, UNKNOWN_ACCOUNT } from './history.js'
import { readIntents } from './intents.js'
import { accountsOf, type MemberDevice, membersOf, type PlacedDevice } from './members.js'
import { isAllowed, judge, type PolicyView, viewOf } from './policy.js'
import { noteAt, type Taking } from './taking.js'
import { readUndo, undoAfter, undoField } from './undo.js'

/** @returns false when the group cannot go on with it */
export const takeCommit = async (taking: Taking, envelope: Envelope, staged: StagedCommit): Promise<boolean> => {
  const { workspace, conversationId, turn, group } = taking
  const { header } = envelope
  const { clock, identity } = workspace.context
  const view = viewOf(group, turn.record && readUndo(turn.record))
  const before = view.members
  const { accountId, deviceId } = before.find(({ leafIndex }) => leafIndex === staged.committer) ?? { accountId: UNKNOWN_ACCOUNT, deviceId: header.senderDevice }
  const committer: MemberDevice = { accountId, deviceId }
  const judged = judge(view, staged.proposals)
  const isFine = isAllowed(judged)
  if (!isFine) {
    noteAt(taking, { seq: header.seq, code: 'client.change.refused', ...committer, atMs: header.createdAtMs, epoch: header.epoch, count: 1 })
  }
  // what closes the group cannot be entered and undone
  if (judged.some(({ offence }) => offence === 'type')) {
    group.discard(staged)
    turn.update({ stuckCode: 'client.change.refused', refusedCommit: refusedCommitOf(workspace.context, envelope) })
    return false
  }
  group.merge(staged)
  await taking.presence.see(committer.deviceId, header.createdAtMs)
  turn.put('commits', conversationId, undefined)
  const isOut = group.status !== 'active'
  const after = isOut ? withoutLeaves(before, staged.removed) : membersOf(group)
  writeMembership(taking, { header, staged, committer, view, after })
  const away = newlyAway(view, staged)
  noteAway(taking, header, away)
  if (isOut) {
    await endMembership(workspace, { conversationId, turn, isAway: !isFine || away.some((device) => device.deviceId === identity.deviceId) })
    return true
  }
  turn.update(undoField(undoAfter(view, { judged, committer, after: { members: after, extensions: group.context.extensions } })))
  await noteMembers(taking, { header, before, after, staged })
  await dropServedReadds(taking, staged)
  if (staged.isOwn) turn.update({ renewedAtMs: clock.nowMs(), renewedAtCount: turn.record?.sentCount ?? 0 })
  return true
}

interface Change {
  readonly header: Envelope['header']
  readonly staged: StagedCommit
  readonly committer: MemberDevice
  readonly view: PolicyView
  readonly after: readonly PlacedDevice[]
}

const writeMembership = ({ conversationId, turn, group }: Taking, { header, staged, committer, view, after }: Change): void => {
  const accountsBefore = new Set(accountsOf(view.members))
  const accountsAfter = new Set(accountsOf(after))
  turn.put('history', historyKey(conversationId, header.seq), encodeHistory({
    kind: HistoryKind.membership,
    ...committer,
    atMs: header.createdAtMs,
    epoch: staged.epoch,
    added: [...accountsAfter].filter((account) => !accountsBefore.has(account)),
    removed: [...accountsBefore].filter((account) => !accountsAfter.has(account)),
    epochAuthenticator: group.status === 'active' ? group.epochAuthenticator : EMPTY,
  }))
}

/** Devices that this commit lets go after long silence. */
const newlyAway = ({ rules, extensions }: PolicyView, { proposals }: StagedCommit): ConversationRules['away'] =>
  proposals.flatMap(({ proposal }) => (proposal.proposalType === ProposalType.groupContextExtensions ? rulesBeside(proposal.extensions, extensions)?.away ?? [] : []))
    .filter(({ deviceId }) => !rules.away.some((device) => device.deviceId === deviceId))

const noteAway = (taking: Taking, { seq, createdAtMs: atMs, epoch }: Envelope['header'], away: ConversationRules['away']): void => {
  for (const { accountId, deviceId, sinceMs } of away) {
    noteAt(taking, { seq, code: 'client.device.away', accountId, deviceId, atMs, epoch, count: Math.max(0, Math.floor((atMs - sinceMs) / DAY_MS)) })
  }
}

const DAY_MS = 24 * 3600 * 1000

const withoutLeaves = (members: readonly PlacedDevice[], leaves: StagedCommit['removed']): readonly PlacedDevice[] =>
  members.filter(({ leafIndex }) => !leaves.includes(leafIndex))

/** Who comes in counts from the start, also where a device is removed and added in one commit. */
const noteMembers = async ({ senders, presence }: Taking, { header, before, after, staged }: { header: Envelope['header']; before: readonly PlacedDevice[]; after: readonly PlacedDevice[]; staged: StagedCommit }): Promise<void> => {
  const added = new Set<number>(staged.added.map(({ leafIndex }) => leafIndex))
  const staying = new Set(after.map(({ deviceId }) => deviceId))
  for (const { deviceId } of before) {
    if (staying.has(deviceId)) continue
    senders.end(deviceId)
    presence.end(deviceId)
  }
  for (const { deviceId, leafIndex } of after) {
    if (!added.has(leafIndex)) continue
    senders.start(deviceId)
    await presence.see(deviceId, header.createdAtMs)
  }
}

/** Whoever made it, the devices are on new leaves. */
const dropServedReadds = async ({ workspace: { context: { store } }, conversationId, turn, group }: Taking, { added }: StagedCommit): Promise<void> => {
  if (added.length === 0) return
  const addedLeaves = new Set<number>(added.map(({ leafIndex }) => leafIndex))
  const addedDevices = new Set(membersOf(group).filter(({ leafIndex }) => addedLeaves.has(leafIndex)).map(({ deviceId }) => deviceId))
  for (const { key, record } of await readIntents(store, conversationId)) {
    if (record.kind !== IntentKind.readd) continue
    const devices = record.devices.filter(({ deviceId }) => !addedDevices.has(deviceId))
    turn.put('intents', key, devices.length === 0 ? undefined : encodeRecord(IntentRecord, { ...record, devices }))
  }
}
