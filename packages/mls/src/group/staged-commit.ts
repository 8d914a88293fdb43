/**
 * StagedCommit: the next epoch, worked out but not entered (RFC 9420 §14).
 * Layer: group. Owns the next epoch's secrets until it is merged or discarded.
 */
import type { Census } from '../validate/census.js'
import type { SentProposal } from '../validate/proposal-list.js'
import type { ProposalOf } from '../wire/proposal.js'
import type { LeafIndex, ProposalType } from '../wire/registries.js'
import type { AddedMember } from './apply-proposals.js'
import type { Epoch } from './epoch.js'

/** What a commit does, and the epoch it leads to. */
export interface StagedCommit {
  /** The epoch it starts. */
  readonly epoch: bigint
  readonly committer: LeafIndex
  /** True when this member made it. */
  readonly isOwn: boolean
  /** True when the committer joins by it (§12.4.3.2). */
  readonly isExternal: boolean
  readonly proposals: readonly SentProposal[]
  readonly added: readonly AddedMember[]
  readonly removed: readonly LeafIndex[]
  readonly authenticatedData: Uint8Array
  /** Set when the group closes with this commit (§11.2). */
  readonly reinit: ProposalOf<typeof ProposalType.reinit> | undefined
  /** Undefined when the commit removes this member: there is no next epoch to enter. */
  readonly next: StagedEpoch | undefined
}

export interface StagedEpoch {
  readonly epoch: Epoch
  readonly census: Census
}
