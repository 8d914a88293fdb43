/**
 * Arithmetic on the array form of a full binary tree (RFC 9420 appendix C): leaves at even indexes.
 * Layer: tree. Pure; leaf counts are powers of two, indexes stay below 2^25.
 */
import { type Branded, invariant } from '@famichat/base'
import type { LeafIndex } from '../wire/registries.js'

/** A position in the array form of the tree. */
export type NodeIndex = Branded<number, 'NodeIndex'>

export const toNodeIndex = (index: number): NodeIndex => index as NodeIndex
export const toLeafIndex = (index: number): LeafIndex => index as LeafIndex
export const leafToNode = (leaf: LeafIndex): NodeIndex => (leaf * 2) as NodeIndex
export const nodeToLeaf = (node: NodeIndex): LeafIndex => (node / 2) as LeafIndex
export const isLeaf = (node: NodeIndex): boolean => (node & 1) === 0

/** Number of nodes of a tree with `leafCount` leaves. */
export const nodeCountOf = (leafCount: number): number => 2 * leafCount - 1

/** The smallest power of two that holds `leaves` leaves (at least 1). */
export const fullLeafCount = (leaves: number): number => {
  let count = 1
  while (count < leaves) count *= 2
  return count
}

/** Distance from the leaves: the number of low one-bits. */
const level = (node: NodeIndex): number => 31 - Math.clz32(~node & (node + 1))

/** The root of a full tree. */
export const root = (leafCount: number): NodeIndex => (leafCount - 1) as NodeIndex

/** The left child of a parent node. */
export const left = (node: NodeIndex): NodeIndex => {
  invariant(!isLeaf(node), 'a leaf has no children')
  return (node ^ (1 << (level(node) - 1))) as NodeIndex
}

/** The right child of a parent node. */
export const right = (node: NodeIndex): NodeIndex => {
  invariant(!isLeaf(node), 'a leaf has no children')
  return (node ^ (3 << (level(node) - 1))) as NodeIndex
}

/** The parent of a node that is not the root. */
export const parent = (node: NodeIndex, leafCount: number): NodeIndex => {
  invariant(node !== root(leafCount), 'the root has no parent')
  const k = level(node)
  return ((node | (1 << k)) & ~(1 << (k + 1))) as NodeIndex
}

/** The other child of the node's parent. */
export const sibling = (node: NodeIndex, leafCount: number): NodeIndex => {
  const above = parent(node, leafCount)
  return node < above ? right(above) : left(above)
}

/** The ancestors of a leaf, from its parent to the root. */
export const directPath = (leaf: LeafIndex, leafCount: number): readonly NodeIndex[] => {
  const path: NodeIndex[] = []
  const top = root(leafCount)
  for (let node = leafToNode(leaf); node !== top;) {
    node = parent(node, leafCount)
    path.push(node)
  }
  return path
}

/** The leaves below a node: `first` to `last`, both included. */
const leavesBelow = (node: NodeIndex): { readonly first: number; readonly last: number } => {
  const half = (1 << level(node)) - 1
  return { first: (node - half) / 2, last: (node + half) / 2 }
}

/** True when `leaf` is below `node`, or is it. */
export const isBelow = (leaf: LeafIndex, node: NodeIndex): boolean => {
  const { first, last } = leavesBelow(node)
  return leaf >= first && leaf <= last
}

/** The lowest node above both leaves. */
export const commonAncestor = (a: LeafIndex, b: LeafIndex, leafCount: number): NodeIndex => {
  for (const node of directPath(a, leafCount)) if (isBelow(b, node)) return node
  invariant(a === b, 'two leaves of a tree have a common ancestor')
  return leafToNode(a)
}
