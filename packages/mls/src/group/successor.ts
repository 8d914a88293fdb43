/**
 * Starting a group from another: the successor of a closed one (RFC 9420 §11.2), or a branch of some of its members (§11.3).
 * Layer: group. The older group is not changed.
 */
import type { Signer } from '../crypto/signer.js'
import { check } from '../errors.js'
import type { Extension } from '../wire/extension.js'
import type { KeyPackage } from '../wire/key-package.js'
import type { LeafNode } from '../wire/leaf-node.js'
import type { Proposal } from '../wire/proposal.js'
import { ProposalType, PSKType, ResumptionPSKUsage } from '../wire/registries.js'
import { createInitialState } from './create-group.js'
import type { LeafParameters } from './key-package-bundle.js'
import { leafThatIsOwn, type Membership, requireActive, requireMember } from './membership.js'
import type { CommitBundle, CommitRequest } from './outcomes.js'
import { makeAdd } from './proposals.js'
import { sendCommit } from './send.js'
import { everyMemberCameFrom, everyMemberFollowed, leavesOf } from './validate-successor.js'

/** What the one who sets up the new group brings. */
export interface SuccessorRequest extends Pick<CommitRequest, 'withTree' | 'groupInfoExtensions'> {
  /** Fresh ones, of everybody else who is to be in the new group. */
  readonly keyPackages: readonly KeyPackage[]
  /** This member's own leaf in the new group; as in the old one unless said otherwise. */
  readonly leaf?: LeafParameters
  /** When the new cipher suite signs with other keys. */
  readonly signer?: Signer
}

/** A branch has an id of its own, and may differ in its extensions. */
export interface BranchRequest extends SuccessorRequest {
  readonly groupId: Uint8Array
  /** As in the old group unless said otherwise. */
  readonly extensions?: readonly Extension[]
}

/** The new group before its first commit is merged, and that commit. */
export interface NewSuccessor {
  readonly membership: Membership
  readonly bundle: CommitBundle
}

/** @throws MlsError `mls.group.not_reinitialised` | `mls.welcome.reinit_mismatch` | `mls.leaf.*` | `mls.key_package.*` */
export const startSuccessor = async (old: Membership, request: SuccessorRequest): Promise<NewSuccessor> => {
  requireMember(old)
  const { state: { reinit, epoch }, config: { authentication } } = old
  check(reinit !== undefined, 'mls.group.not_reinitialised')
  const { groupId, cipherSuite, extensions } = reinit
  return start(old, request, {
    groupId, cipherSuite, extensions,
    usage: ResumptionPSKUsage.reinit,
    judge: async (after) => {
      check(await everyMemberFollowed(authentication, leavesOf(epoch.tree), after), 'mls.welcome.reinit_mismatch')
    },
  })
}

/** @throws MlsError `mls.group.*` | `mls.welcome.branch_mismatch` | `mls.leaf.*` | `mls.key_package.*` */
export const startBranch = async (old: Membership, request: BranchRequest): Promise<NewSuccessor> => {
  requireActive(old)
  const { state: { epoch: { context, tree } }, config: { authentication } } = old
  const { groupId, extensions = context.extensions } = request
  return start(old, request, {
    groupId, cipherSuite: context.cipherSuite, extensions,
    usage: ResumptionPSKUsage.branch,
    judge: async (after) => {
      check(await everyMemberCameFrom(authentication, leavesOf(tree), after), 'mls.welcome.branch_mismatch')
    },
  })
}

interface SuccessorParameters {
  readonly groupId: Uint8Array
  readonly cipherSuite: number
  readonly extensions: readonly Extension[]
  readonly usage: ResumptionPSKUsage
  /** Compares the members of the new group with those of the old one. */
  readonly judge: (after: readonly LeafNode[]) => Promise<void>
}

const start = async (old: Membership, request: SuccessorRequest, { usage, judge, ...parameters }: SuccessorParameters): Promise<NewSuccessor> => {
  const { config, state: { epoch: { context }, resumptionPsks } } = old
  const { signer = old.signer, leaf = leafThatIsOwn(old), keyPackages, withTree = true, groupInfoExtensions = [] } = request
  const state = await createInitialState(config, { ...parameters, signer, leaf })
  const { suite, tree } = state.epoch
  const psk: Proposal = {
    proposalType: ProposalType.psk,
    psk: {
      psktype: PSKType.resumption,
      usage,
      pskGroupId: context.groupId,
      pskEpoch: context.epoch,
      // §11.3: MUST be random, so that no key is derived twice
      pskNonce: suite.random(suite.hashLength),
    },
  }
  const membership = { config, signer, state }
  try {
    await judge([...leavesOf(tree), ...keyPackages.map(({ leafNode }) => leafNode)])
    const proposals = [...keyPackages.map(makeAdd), psk]
    return { membership, bundle: await sendCommit(membership, { proposals, withTree, groupInfoExtensions }, { usage, psks: resumptionPsks }) }
  } catch (error) {
    state.wipe()
    throw error
  }
}
