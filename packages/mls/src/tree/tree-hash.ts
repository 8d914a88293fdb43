/**
 * Tree hashes and parent hashes (RFC 9420 §7.8, §7.9): what a tree looks like, and how its keys came there.
 * Layer: tree. Pure but for the hashes a tree remembers.
 */
import type { CipherSuite } from '../crypto/cipher-suite.js'
import { hashOf } from '../crypto/labels.js'
import { ParentHashInput, type ParentNode, TreeHashInput } from '../wire/leaf-node.js'
import { type LeafIndex, NodeType } from '../wire/registries.js'
import { isBelow, isLeaf, left, type NodeIndex, nodeToLeaf, right } from './math.js'
import type { RatchetTree } from './ratchet-tree.js'

const NONE: ReadonlySet<LeafIndex> = new Set()

/** The tree hash of a node (§7.8), remembered by the tree until something below changes. */
export const treeHash = (suite: CipherSuite, tree: RatchetTree, node: NodeIndex = tree.root): Uint8Array => {
  const known = tree.cachedHash(node)
  if (known !== undefined) return known
  const hash = hashNode(suite, tree, node, { without: NONE, childHash: (child) => treeHash(suite, tree, child) })
  tree.cacheHash(node, hash)
  return hash
}

/**
 * The parent hash of `node` with the given copath child (§7.9): binds the node's key to the subtree it was made for.
 */
export const parentHash = (suite: CipherSuite, tree: RatchetTree, node: ParentNode, copath: NodeIndex): Uint8Array => {
  const without = new Set(node.unmergedLeaves.filter((leaf) => isBelow(leaf, copath)))
  const originalSiblingTreeHash = hashWithout(suite, tree, copath, without)
  return hashOf(suite, ParentHashInput, { encryptionKey: node.encryptionKey, parentHash: node.parentHash, originalSiblingTreeHash })
}

/** The tree hash as if the given leaves had never been added (§7.9 original_sibling_tree_hash). */
const hashWithout = (suite: CipherSuite, tree: RatchetTree, node: NodeIndex, without: ReadonlySet<LeafIndex>): Uint8Array => {
  const below = new Set([...without].filter((leaf) => isBelow(leaf, node)))
  // no leaf to leave out below this node: its hash of today is the original one
  if (below.size === 0) return treeHash(suite, tree, node)
  return hashNode(suite, tree, node, { without: below, childHash: (child) => hashWithout(suite, tree, child, below) })
}

const hashNode = (
  suite: CipherSuite, tree: RatchetTree, node: NodeIndex,
  { without, childHash }: { readonly without: ReadonlySet<LeafIndex>; readonly childHash: (child: NodeIndex) => Uint8Array },
): Uint8Array => {
  if (isLeaf(node)) {
    const leafIndex = nodeToLeaf(node)
    const leafNode = without.has(leafIndex) ? undefined : tree.leaf(leafIndex)
    return hashOf(suite, TreeHashInput, { nodeType: NodeType.leaf, leafIndex, leafNode })
  }
  const parentNode = tree.parent(node)
  return hashOf(suite, TreeHashInput, {
    nodeType: NodeType.parent,
    parentNode: parentNode && without.size > 0
      ? { ...parentNode, unmergedLeaves: parentNode.unmergedLeaves.filter((leaf) => !without.has(leaf)) }
      : parentNode,
    leftHash: childHash(left(node)),
    rightHash: childHash(right(node)),
  })
}
