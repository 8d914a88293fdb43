/**
 * What the proposals of an epoch would do.
 */
import { type Group, type LeafIndex, ProposalType } from '@famichat/mls'

/** Leaves that pending proposals remove. */
export const removedByProposals = (group: Group): ReadonlySet<LeafIndex> => {
  const removed = new Set<LeafIndex>()
  for (const { proposal } of group.pendingProposals) {
    if (proposal.proposalType === ProposalType.remove) removed.add(proposal.removed)
  }
  return removed
}

/** True when this member has something to commit and may: nobody commits its own removal. */
export const mayCommitProposals = (group: Group): boolean =>
  group.status === 'active' && group.pendingProposals.length > 0 && !removedByProposals(group).has(group.ownLeaf)
