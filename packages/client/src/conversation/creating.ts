/**
 * Making a conversation: the group, the record and the wish for members are one write; the server hears of them afterwards.
 */
import { Group } from '@famichat/mls'
import { type ConversationId, idToBytes, makeId } from '@famichat/protocol'
import { leafParameters } from '../identity/identity.js'
import { type ConversationRecord, ConversationState, IntentKind } from '../store/records.js'
import { type ConversationRules, makeConversationExtension } from './conversation-extension.js'
import { putIntent } from './intents.js'
import type { MemberDevice } from './members.js'
import type { Workspace } from './workspace.js'

/** What this device keeps of a conversation that it has just come into. */
export const newRecord = ({ kind, name }: Pick<ConversationRecord, 'kind' | 'name'>, nowMs: number): ConversationRecord => ({
  kind, name, state: ConversationState.active, isRegistered: false, isLeaving: false, cursor: 0, joinedEpoch: 0n, welcomeId: undefined, sentCount: 0,
  isRolledBack: false, renewedAtMs: nowMs, renewedAtCount: 0, keptUpAtMs: nowMs, stuckCode: '', refusedCommit: undefined, latestServerMs: 0,
  isAway: false, undo: undefined, restoredAfterSeq: 0, resumesAfterSeq: 0,
})

/** Makes a conversation of this device, and wants others in. */
export const createConversation = async (workspace: Workspace, rules: ConversationRules, devices: readonly MemberDevice[]): Promise<ConversationId> => {
  const { groupConfig, identity, random, clock } = workspace.context
  const conversationId = makeId<ConversationId>(random)
  await workspace.turn('create', conversationId, async (turn) => {
    const group = await Group.create({
      config: groupConfig, signer: identity.signer, groupId: idToBytes(conversationId), leaf: leafParameters(identity, random),
      extensions: [makeConversationExtension(rules)],
    })
    turn.adopt(newRecord(rules, clock.nowMs()), group)
    if (devices.length > 0) putIntent(workspace, conversationId, turn, { kind: IntentKind.add, devices })
  })
  return conversationId
}
