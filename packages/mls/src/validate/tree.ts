/**
 * Validation of a whole ratchet tree, as a joiner must (RFC 9420 §12.4.3.1).
 * Layer: validate.
 */
import { equal } from '@famichat/base'
import { check } from '../errors.js'
import { directPath, isBelow } from '../tree/math.js'
import { verifyParentHashes } from '../tree/parent-hash-chains.js'
import type { RatchetTree } from '../tree/ratchet-tree.js'
import { treeHash } from '../tree/tree-hash.js'
import type { GroupContext } from '../wire/group-info.js'
import { Census } from './census.js'
import { validateExternalSenders } from './external-senders.js'
import { acceptCredentials, examineLeafNode, type GroupRules } from './leaf-node.js'
import { SignatureBatch } from './signature-batch.js'

/**
 * Validates a tree against the GroupContext it came with, and counts it.
 * @throws MlsError `mls.tree.*` | `mls.leaf.*` | `mls.extension.*` | `mls.external.sender_rejected` | `mls.crypto.bad_public_key`
 */
export const validateTree = async (rules: GroupRules, tree: RatchetTree, groupContext: GroupContext): Promise<Census> => {
  check(equal(treeHash(rules.suite, tree), groupContext.treeHash), 'mls.tree.bad_hash')
  await validateExternalSenders(rules.authentication, rules.extensions)
  for (const [node, { encryptionKey }] of tree.parents()) check(rules.suite.hpke.kem.isPublicKey(encryptionKey), 'mls.crypto.bad_public_key', { node })
  validateUnmergedLeaves(tree)
  verifyParentHashes(rules.suite, tree)
  const census = Census.of(tree)
  census.validate(rules.extensions)
  const { groupId } = groupContext
  const signatures = new SignatureBatch()
  const members = [...tree.members()]
  for (const [leafIndex, leaf] of members) examineLeafNode(rules, leaf, { source: undefined, position: { groupId, leafIndex }, signatures })
  await acceptCredentials(rules, members.map(([, leaf]) => leaf))
  await signatures.verify(rules.suite)
  return census
}

/** §12.4.3.1 on unmerged_leaves, and §7.1: strictly increasing. @throws MlsError `mls.tree.bad_unmerged_leaves` | `mls.tree.bad_parent_hash` */
const validateUnmergedLeaves = (tree: RatchetTree): void => {
  const listed = new Map([...tree.parents()].map(([node, value]) => [node, new Set(value.unmergedLeaves)]))
  for (const [node, { unmergedLeaves, parentHash }] of tree.parents()) {
    // §7.9: the root always has a zero-length parent hash
    check(node !== tree.root || parentHash.length === 0, 'mls.tree.bad_parent_hash', { node })
    let previous = -1
    for (const leaf of unmergedLeaves) {
      check(leaf > previous, 'mls.tree.bad_unmerged_leaves', { node })
      previous = leaf
      check(isBelow(leaf, node) && tree.leaf(leaf) !== undefined, 'mls.tree.bad_unmerged_leaves', { node })
      for (const between of directPath(leaf, tree.leafCount)) {
        if (between === node) break
        check(listed.get(between)?.has(leaf) ?? true, 'mls.tree.bad_unmerged_leaves', { node })
      }
    }
  }
}
