/**
 * Verifying parent hashes of a whole tree (RFC 9420 §7.9.2), as a joiner must.
 * Layer: tree. Pure.
 */
import { bytesKey } from '@famichat/base'
import type { CipherSuite } from '../crypto/cipher-suite.js'
import { check } from '../errors.js'
import { LeafNodeSource } from '../wire/registries.js'
import { isBelow, isLeaf, left, leafToNode, type NodeIndex, nodeToLeaf, right } from './math.js'
import type { RatchetTree } from './ratchet-tree.js'
import { parentHash } from './tree-hash.js'

/**
 * Checks that each non-blank parent node is parent-hash valid: exactly one node below it was set in the same UpdatePath.
 * @throws MlsError `mls.tree.bad_parent_hash`
 */
export const verifyParentHashes = (suite: CipherSuite, tree: RatchetTree): void => {
  const claimed = new Set<NodeIndex>()
  for (const [node, value] of tree.parents()) {
    let links = 0
    for (const [child, copath] of [[left(node), right(node)], [right(node), left(node)]] as const) {
      const expected = bytesKey(parentHash(suite, tree, value, copath))
      const resolution = tree.resolution(child)
      // the leaves that came later: unmerged at this node, below this child
      const unmergedHere = new Set(value.unmergedLeaves.filter((leaf) => isBelow(leaf, child)).map(leafToNode))
      const unmergedInResolution = resolution.filter((other) => unmergedHere.has(other)).length
      for (const candidate of resolution) {
        const hash = parentHashField(tree, candidate)
        if (hash === undefined || bytesKey(hash) !== expected) continue
        // §7.9.2: the intersection of unmerged_leaves with the subtree equals the resolution without D.
        // Counted, not compared: any number of leaves may claim the same hash, and each would cost a whole resolution
        const unmergedOthers = unmergedInResolution - (unmergedHere.has(candidate) ? 1 : 0)
        if (unmergedHere.size !== resolution.length - 1 || unmergedOthers !== unmergedHere.size) continue
        check(!claimed.has(candidate), 'mls.tree.bad_parent_hash', { node })
        claimed.add(candidate)
        links++
      }
    }
    check(links === 1, 'mls.tree.bad_parent_hash', { node, links })
  }
}

const parentHashField = (tree: RatchetTree, node: NodeIndex): Uint8Array | undefined => {
  if (!isLeaf(node)) return tree.parent(node)?.parentHash
  const source = tree.leaf(nodeToLeaf(node))?.source
  return source?.leafNodeSource === LeafNodeSource.commit ? source.parentHash : undefined
}
