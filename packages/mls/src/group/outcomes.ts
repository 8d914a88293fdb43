/**
 * What a group's operations take and give.
 * Layer: group.
 */
import type { Extension } from '../wire/extension.js'
import type { LeafNode } from '../wire/leaf-node.js'
import type { LeafContents } from '../tree/treekem.js'
import type { SentProposal } from '../validate/proposal-list.js'
import type { Proposal } from '../wire/proposal.js'
import type { Sender } from '../wire/message.js'
import type { ContentType, LeafIndex } from '../wire/registries.js'
import type { StagedCommit } from './staged-commit.js'

/** A member as the tree has it. The leaf index is good for one epoch only (§5.3.3). */
export interface Member {
  readonly leafIndex: LeafIndex
  readonly leafNode: LeafNode
}

/** What to commit. */
export interface CommitRequest {
  /** Proposals of this member, by value. */
  readonly proposals?: readonly Proposal[]
  /**
   * False: leave out the proposals received in this epoch; a function: take those for which it is true. What §12.2 lets no commit
   * hold is left out in any case. What only comes out in the making - a KeyPackage that is not valid, a PSK nobody has - refuses
   * the commit: a member can propose such things, so be ready to commit without what is pending.
   */
  readonly withPending?: boolean | ((sent: SentProposal) => boolean)
  /** False: leave the path out where §12.4 allows it and `leaf` changes nothing; the committer's keys are then not renewed. */
  readonly withPath?: boolean
  /** What to change in the own leaf; the signature key stays. */
  readonly leaf?: Partial<Pick<LeafContents, 'credential' | 'capabilities' | 'extensions'>>
  /** False: newcomers get the ratchet tree from elsewhere (§12.4.3.3). */
  readonly withTree?: boolean
  /** Extensions of the GroupInfo newcomers receive. */
  readonly groupInfoExtensions?: readonly Extension[]
  readonly authenticatedData?: Uint8Array
}

/** A commit to send. The Welcome must not be released before the commit is accepted (§14). */
export interface CommitBundle {
  /** The MLSMessage for the group. */
  readonly commit: Uint8Array
  /** The MLSMessage for the new members, when there are any. */
  readonly welcome: Uint8Array | undefined
  readonly staged: StagedCommit
}

/** What became of a received message. */
export type Processed =
  | {
    readonly kind: 'application'
    readonly applicationData: Uint8Array
    readonly authenticatedData: Uint8Array
    /** Who sent it, as the tree of that epoch had it. */
    readonly sender: Member
    readonly epoch: bigint
    readonly generation: number
  }
  | {
    readonly kind: 'proposal'
    readonly proposal: Proposal
    readonly sender: Sender
    readonly reference: Uint8Array
    readonly authenticatedData: Uint8Array
  }
  | { readonly kind: 'commit'; readonly staged: StagedCommit }
  /** A message of this member came back: nothing to do. */
  | { readonly kind: 'own'; readonly contentType: ContentType; readonly epoch: bigint }
