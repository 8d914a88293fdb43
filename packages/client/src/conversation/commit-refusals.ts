/**
 * Commits that somebody could not take (RFC 9420 §16.12): whoever cannot says so to its author, signed with the device's key, beside the
 * request to be added afresh (E3b). The author's device shows who it was; when it was another commit that came there, the server told
 * the two different things, and that is shown instead.
 */
import { equal } from '@famichat/base'
import { type CommitRefusal, commitRefusalTbs, ContentType, type ConversationId, type Envelope, type ReaddList } from '@famichat/protocol'
import type { ConversationRecord } from '../store/records.js'
import { noticeKey } from './history.js'
import { membersOf } from './members.js'
import { readTakenAt } from './taken-entries.js'
import { noteAt } from './taking.js'
import type { Turn, Workspace, WorkspaceContext } from './workspace.js'

/** What a device keeps of a commit that it could not take. */
export const refusedCommitOf = ({ suite }: Pick<WorkspaceContext, 'suite'>, { header: { seq, epoch }, message }: Envelope): ConversationRecord['refusedCommit'] =>
  ({ seq, epoch, commitHash: suite.hash.digest(message) })

/** Signs that this device could not take the commit at which it stands; undefined when it stands for another reason. */
export const signRefusal = async (
  { identity: { deviceId, signer } }: WorkspaceContext, conversationId: ConversationId, { stuckCode, isRolledBack, refusedCommit }: ConversationRecord,
): Promise<CommitRefusal | undefined> =>
  // whose own files are wrong blames nobody
  (stuckCode === '' || isRolledBack || refusedCommit === undefined ? undefined
    : { ...refusedCommit, signature: await signer.sign(commitRefusalTbs({ conversationId, deviceId, ...refusedCommit })) })

/** Says beside this device's own commits who could not take them. What is not signed by a member, or about somebody else's commit, says nothing. */
export const noteRefusals = async (workspace: Workspace, refusals: ReaddList['refusals']): Promise<void> => {
  const known = new Set((await workspace.list()).map(({ conversationId }) => conversationId))
  for (const told of refusals) if (known.has(told.conversationId)) await workspace.turn('refused', told.conversationId, (turn) => noteRefusal(workspace, turn, told))
}

const noteRefusal = async (
  { context: { store, suite, identity, clock } }: Workspace, turn: Turn, { conversationId, deviceId, refusal: { signature, ...refused } }: ReaddList['refusals'][number],
): Promise<void> => {
  const { group } = turn
  const { seq, epoch } = refused
  const own = await readTakenAt(store, conversationId, seq)
  const isOwn = own?.header.contentType === ContentType.commit && own.header.senderDevice === identity.deviceId && own.header.epoch === epoch
  if (!isOwn || group?.status !== 'active') return
  const code = equal(suite.hash.digest(own.message), refused.commitHash) ? 'client.change.not_taken' : 'client.log.forked'
  if (await store.get('history', noticeKey(conversationId, seq, { code, deviceId })) !== undefined) return
  const member = membersOf(group).find((known) => known.deviceId === deviceId)
  const leaf = member && group.member(member.leafIndex)
  if (member === undefined || leaf === undefined || !(await suite.signature.verify(leaf.signatureKey, commitRefusalTbs({ conversationId, deviceId, ...refused }), signature))) return
  noteAt({ turn, conversationId }, { seq, code, accountId: member.accountId, deviceId, atMs: clock.nowMs(), epoch, count: 1 })
}
