/**
 * What a change of somebody's account key means for conversations: it is said in each, and once it is acknowledged, the
 * devices of the earlier key go.
 */
import { equal } from '@famichat/base'
import type { AccountId, ConversationId } from '@famichat/protocol'
import { certificateOf } from '../identity/trust.js'
import { ConversationState, IntentKind } from '../store/records.js'
import { putIntent } from './intents.js'
import { deviceOfLeaf, type MemberDevice } from './members.js'
import { noteAt } from './taking.js'
import type { Turn, Workspace } from './workspace.js'

/** Says in every conversation with a person that their key changed. */
export const noteKeyChange = (workspace: Workspace, accountId: AccountId): Promise<void> =>
  inConversationsWith(workspace, accountId, (conversationId, turn, [device]) => {
    const { record, group } = turn
    if (record === undefined || group === undefined || device === undefined) return
    const atMs = workspace.context.clock.nowMs()
    noteAt({ turn, conversationId }, { seq: record.cursor, code: 'client.member.key_changed', ...device, atMs, epoch: group.epoch, count: 1 })
  })

/** Wants the devices of a person that another account key than this one vouches for out of every conversation. */
export const wantOtherKeysOut = (workspace: Workspace, accountId: AccountId, accountKey: Uint8Array): Promise<void> =>
  inConversationsWith(workspace, accountId, (conversationId, turn) => {
    const going = (turn.group?.members ?? []).filter(({ leafNode: { credential } }) => {
      const certificate = certificateOf(credential)
      return certificate.accountId === accountId && !equal(certificate.accountKey, accountKey)
    }).map(({ leafNode }) => deviceOfLeaf(leafNode))
    if (going.length > 0) putIntent(workspace, conversationId, turn, { kind: IntentKind.remove, devices: going })
  })

const inConversationsWith = async (
  workspace: Workspace, accountId: AccountId, work: (conversationId: ConversationId, turn: Turn, devices: readonly MemberDevice[]) => void,
): Promise<void> => {
  for (const { conversationId, record } of await workspace.list()) {
    if (record.state !== ConversationState.active) continue
    await workspace.turn('people', conversationId, (turn) => {
      const devices = (turn.group?.status === 'active' ? turn.group.members : []).map(({ leafNode }) => deviceOfLeaf(leafNode))
        .filter((device) => device.accountId === accountId)
      if (devices.length > 0) work(conversationId, turn, devices)
      return Promise.resolve()
    })
  }
}
