/**
 * Applying a valid proposal list (RFC 9420 §12.3), and validating the leaves it brings.
 * Layer: group. Works on a copy of the tree and staged counts: the epoch stays as it is.
 */
import { bytesKey, EMPTY, equal, present } from '@famichat/base'
import type { MaybePromise } from '../crypto/backend.js'
import { check } from '../errors.js'
import { directPath, leafToNode } from '../tree/math.js'
import type { RatchetTree } from '../tree/ratchet-tree.js'
import type { Census } from '../validate/census.js'
import { validateExternalSenders } from '../validate/external-senders.js'
import { validateKeyPackages } from '../validate/key-package.js'
import { type GroupRules, validateLeafNode } from '../validate/leaf-node.js'
import { isPathRequired, nonDefaultProposalTypes, proposalsOf, removedLeaves, type SentProposal } from '../validate/proposal-list.js'
import type { Extension } from '../wire/extension.js'
import type { KeyPackage } from '../wire/key-package.js'
import type { LeafNode } from '../wire/leaf-node.js'
import type { PreSharedKeyID, ProposalOf } from '../wire/proposal.js'
import { type LeafIndex, LeafNodeSource, ProposalType, SenderType } from '../wire/registries.js'
import type { Epoch } from './epoch.js'

/** A member that a commit brings in. */
export interface AddedMember {
  readonly leafIndex: LeafIndex
  readonly keyPackage: KeyPackage
}

/** What a proposal list makes of an epoch's public state. */
export interface Applied {
  /** Open for the changes of the path. */
  readonly tree: RatchetTree
  readonly census: Census
  readonly extensions: readonly Extension[]
  readonly added: readonly AddedMember[]
  readonly removed: readonly LeafIndex[]
  readonly updated: ReadonlyMap<LeafIndex, LeafNode>
  readonly psks: readonly PreSharedKeyID[]
  readonly kemOutput: Uint8Array | undefined
  readonly reinit: ProposalOf<typeof ProposalType.reinit> | undefined
  readonly isPathRequired: boolean
}

/**
 * Applies proposals whose list is already valid, and validates the leaves they bring (§12.1.1, §12.1.2).
 * @throws MlsError `mls.leaf.*` | `mls.key_package.*` | `mls.proposal.duplicate_add` | `mls.tree.too_large`
 */
export const applyProposals = async (
  epoch: Epoch, proposals: readonly SentProposal[], { census: before, rules }: { readonly census: Census; readonly rules: GroupRules },
): Promise<Applied> => {
  // §12.3: the new extensions are used when the other proposals are judged
  const [replaced] = proposalsOf(proposals, ProposalType.groupContextExtensions)
  const extensions = replaced?.extensions ?? epoch.context.extensions
  const rulesAfter = { ...rules, extensions }
  if (replaced !== undefined) await validateExternalSenders(rules.authentication, extensions)
  const tree = epoch.tree.edit()
  const census = before.stage()

  const updated = new Map<LeafIndex, LeafNode>()
  for (const { proposal, sender } of proposals) {
    if (proposal.proposalType !== ProposalType.update || sender.senderType !== SenderType.member) continue
    await validateReplacement(rulesAfter, epoch, { leafIndex: sender.leafIndex, leaf: proposal.leafNode, source: LeafNodeSource.update })
    tree.update(sender.leafIndex, proposal.leafNode)
    updated.set(sender.leafIndex, proposal.leafNode)
  }
  const removed = removedLeaves(proposals)
  for (const leaf of removed) tree.remove(leaf)
  if (removed.length > 0) tree.truncate()

  const adds = proposalsOf(proposals, ProposalType.add)
  await validateKeyPackages(rulesAfter, adds.map(({ keyPackage }) => keyPackage))
  // §12.2: a client that is in the group may be added only if this commit removes it; that it updates its keys is not enough
  const leaving = new Set(removed.map((leaf) => bytesKey(epoch.tree.leaf(leaf)?.signatureKey ?? EMPTY)))
  for (const { keyPackage: { leafNode } } of adds) {
    const isMember = before.hasSignatureKey(leafNode.signatureKey) && !leaving.has(bytesKey(leafNode.signatureKey))
    check(!isMember, 'mls.proposal.duplicate_add')
  }
  const added = adds.map(({ keyPackage }) => ({ leafIndex: tree.add(keyPackage.leafNode), keyPackage }))
  for (const node of tree.changedNodes()) {
    census.removeNode(epoch.tree, node)
    census.addNode(tree, node)
  }
  // §12.2: supported by all who process the commit: neither by those it adds nor by those it removes
  const newcomers = adds.map(({ keyPackage }) => keyPackage.leafNode)
  for (const proposalType of nonDefaultProposalTypes(proposals)) {
    check(census.allSupportProposal(proposalType, newcomers), 'mls.proposal.unsupported_type', { proposalType })
  }
  return {
    tree,
    census,
    extensions,
    added,
    removed,
    updated,
    psks: proposalsOf(proposals, ProposalType.psk).map(({ psk }) => psk),
    kemOutput: proposalsOf(proposals, ProposalType.externalInit)[0]?.kemOutput,
    reinit: proposalsOf(proposals, ProposalType.reinit)[0],
    isPathRequired: isPathRequired(proposals),
  }
}

/**
 * Validates a leaf that replaces a member's (§7.3, §5.3.1): by an Update, a path, or a resync.
 * @throws MlsError `mls.leaf.*`
 */
export const validateReplacement = async (
  rules: GroupRules, epoch: Epoch,
  { leafIndex, leaf, source, replaces = leafIndex }: {
    readonly leafIndex: LeafIndex; readonly leaf: LeafNode; readonly source: LeafNodeSource; readonly replaces?: LeafIndex
  },
): Promise<void> => {
  const previous = present(epoch.tree.leaf(replaces), 'the replaced leaf is a member')
  check(!equal(previous.encryptionKey, leaf.encryptionKey), 'mls.leaf.same_encryption_key')
  await validateLeafNode(rules, leaf, { source, position: { groupId: epoch.context.groupId, leafIndex } })
  check(await rules.authentication.isSuccessor(previous, leaf), 'mls.leaf.not_successor')
}

/** Runs a change of a leaf and its direct path, and keeps the census right about them. */
export const countPath = async <T>({ tree, census }: Applied, leaf: LeafIndex, change: () => MaybePromise<T>): Promise<T> => {
  const nodes = [leafToNode(leaf), ...directPath(leaf, tree.leafCount)]
  for (const node of nodes) census.removeNode(tree, node)
  const result = await change()
  for (const node of nodes) census.addNode(tree, node)
  return result
}
