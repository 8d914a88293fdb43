/**
 * What the proposals of an epoch would do. Those that the policy forbids do nothing: no member takes them along.
 */
import { type Group, type LeafIndex, ProposalType } from '@famichat/mls'
import type { AccountId } from '@famichat/protocol'
import { membersOf } from './members.js'
import { isAllowed, judge, type Undo, viewOf } from './policy.js'

/** Leaves that pending proposals remove. */
export const removedByProposals = (group: Group, undo: Undo | undefined): ReadonlySet<LeafIndex> => {
  const removed = new Set<LeafIndex>()
  if (group.pendingProposals.length === 0) return removed
  const view = viewOf(group, undo)
  for (const sent of group.pendingProposals) {
    const { proposal } = sent
    if (proposal.proposalType === ProposalType.remove && isAllowed(judge(view, [sent]))) removed.add(proposal.removed)
  }
  return removed
}

/** True when this member has something to commit and may: nobody commits its own removal. */
export const mayCommitProposals = (group: Group, undo: Undo | undefined): boolean =>
  group.status === 'active' && group.pendingProposals.length > 0 && !removedByProposals(group, undo).has(group.ownLeaf)

/** True when a device of this member's own account, or it itself, proposed that it is removed: the account wants to leave. */
export const isOnItsWayOut = (group: Group, ownAccount: AccountId): boolean =>
  group.pendingProposals.some(({ proposal, sender }) => proposal.proposalType === ProposalType.remove && proposal.removed === group.ownLeaf
    && 'leafIndex' in sender && membersOf(group).some(({ leafIndex, accountId }) => leafIndex === sender.leafIndex && accountId === ownAccount))
