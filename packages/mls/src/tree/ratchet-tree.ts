/**
 * The ratchet tree (RFC 9420 §4.1, §7.7): shared immutable nodes, and the changes a commit makes.
 * Layer: tree. A frozen tree never changes; only the copy that `edit()` makes can be changed.
 */
import { decode, invariant, withEncoding } from '@famichat/base'
import { check } from '../errors.js'
import { limits } from '../limits.js'
import { LeafNode, type ParentNode, type RatchetTreeNodes } from '../wire/leaf-node.js'
import { type LeafIndex, NodeType } from '../wire/registries.js'
import {
  directPath, fullLeafCount, isLeaf, left, leafToNode, nodeCountOf, type NodeIndex, nodeToLeaf, right, root, toLeafIndex, toNodeIndex,
} from './math.js'
import { SharedArray } from './shared-array.js'

/** A full binary tree of nodes, some blank. */
export class RatchetTree {
  readonly #leaves: SharedArray<LeafNode>
  /** Parent `i` is the node with index `2 i + 1`. */
  readonly #parents: SharedArray<ParentNode>
  /** Tree hashes by node index, kept while nothing below changes; filled by tree-hash.ts. */
  readonly #hashes: SharedArray<Uint8Array>
  #frozen = false
  #firstMaybeBlank = 0
  #changed: Set<NodeIndex> | undefined

  private constructor(leaves: SharedArray<LeafNode>, parents: SharedArray<ParentNode>, hashes: SharedArray<Uint8Array>) {
    this.#leaves = leaves
    this.#parents = parents
    this.#hashes = hashes
  }

  /** A tree with one leaf, open for changes. */
  static ofOne(leaf: LeafNode): RatchetTree {
    const tree = RatchetTree.#blank(1)
    tree.#leaves.set(0, leaf)
    return tree
  }

  /**
   * Reads the ratchet_tree extension (§12.4.3.3): shape only, contents are for validate/.
   * @throws MlsError `mls.tree.malformed` | `mls.tree.too_large`
   */
  static fromNodes(nodes: RatchetTreeNodes): RatchetTree {
    const last = nodes.at(-1)
    // §12.4.3.3: the last node MUST be non-blank
    check(last !== undefined, 'mls.tree.malformed', { nodes: nodes.length })
    const leafCount = fullLeafCount(Math.floor(nodes.length / 2) + 1)
    check(leafCount <= limits.maxLeaves, 'mls.tree.too_large', { leaves: leafCount, max: limits.maxLeaves })
    const tree = RatchetTree.#blank(leafCount)
    nodes.forEach((node, index) => {
      if (node === undefined) return
      check((node.nodeType === NodeType.leaf) === (index % 2 === 0), 'mls.tree.malformed', { node: index })
      if (node.nodeType === NodeType.leaf) tree.#leaves.set(index / 2, node.leafNode)
      else tree.#parents.set((index - 1) / 2, node.parentNode)
    })
    // a tree is as small as its rightmost member allows (§7.7)
    check(leafCount === fullLeafCount(tree.#rightmostLeaf() + 1), 'mls.tree.malformed', { leaves: leafCount })
    return tree
  }

  static #blank(leafCount: number): RatchetTree {
    return new RatchetTree(SharedArray.ofLength(leafCount), SharedArray.ofLength(leafCount - 1), SharedArray.ofLength(nodeCountOf(leafCount)))
  }

  /** Leaves, blank ones included: a power of two. */
  get leafCount(): number {
    return this.#leaves.length
  }

  get root(): NodeIndex {
    return root(this.leafCount)
  }

  /** The leaf at an index, undefined when it is blank or outside of the tree. */
  leaf(index: LeafIndex): LeafNode | undefined {
    return this.#leaves.get(index)
  }

  /** The parent node at a node index, undefined when it is blank. */
  parent(node: NodeIndex): ParentNode | undefined {
    return this.#parents.get((node - 1) / 2)
  }

  /** True when the node holds no value. */
  isBlank(node: NodeIndex): boolean {
    return (isLeaf(node) ? this.leaf(nodeToLeaf(node)) : this.parent(node)) === undefined
  }

  /** The HPKE key of a node that is not blank. */
  encryptionKey(node: NodeIndex): Uint8Array {
    const key = (isLeaf(node) ? this.leaf(nodeToLeaf(node)) : this.parent(node))?.encryptionKey
    invariant(key !== undefined, 'a node of a resolution is not blank')
    return key
  }

  /** Members in leaf order. */
  * members(): Generator<readonly [LeafIndex, LeafNode]> {
    for (let index = 0; index < this.#leaves.length; index++) {
      const leaf = this.#leaves.get(index)
      if (leaf !== undefined) yield [toLeafIndex(index), leaf]
    }
  }

  /** Parent nodes that are not blank, by node index. */
  * parents(): Generator<readonly [NodeIndex, ParentNode]> {
    for (let index = 0; index < this.#parents.length; index++) {
      const node = this.#parents.get(index)
      if (node !== undefined) yield [toNodeIndex(2 * index + 1), node]
    }
  }

  /** The resolution of a node (§4.1.1): the keys that together reach everybody below it. */
  resolution(node: NodeIndex): readonly NodeIndex[] {
    const found: NodeIndex[] = []
    const open: NodeIndex[] = [node]
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      if (isLeaf(next)) {
        if (!this.isBlank(next)) found.push(next)
        continue
      }
      const value = this.parent(next)
      if (value === undefined) open.push(right(next), left(next))
      else {
        found.push(next)
        for (const leaf of value.unmergedLeaves) found.push(leafToNode(leaf))
      }
    }
    return found
  }

  /** True when there is nobody below a node: its resolution is empty. */
  isEmptyBelow(node: NodeIndex): boolean {
    const open: NodeIndex[] = [node]
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      if (!this.isBlank(next)) return false
      if (!isLeaf(next)) open.push(right(next), left(next))
    }
    return true
  }

  /**
   * The filtered direct path of a leaf (§4.1.2): its ancestors, without those that have nobody below the other child.
   * Each comes with that other child, on the copath.
   */
  filteredDirectPath(leaf: LeafIndex): readonly PathStep[] {
    const steps: PathStep[] = []
    let below = leafToNode(leaf)
    for (const node of directPath(leaf, this.leafCount)) {
      const copath = below < node ? right(node) : left(node)
      if (!this.isEmptyBelow(copath)) steps.push({ node, copath })
      below = node
    }
    return steps
  }

  /** The nodes in the form of the ratchet_tree extension (§12.4.3.3): no trailing blanks. */
  toNodes(): RatchetTreeNodes {
    const nodes: RatchetTreeNodes[number][] = []
    const end = this.#lastNode() + 1
    for (let index = 0; index < end; index++) {
      const node = toNodeIndex(index)
      if (isLeaf(node)) {
        const leafNode = this.leaf(nodeToLeaf(node))
        nodes.push(leafNode && { nodeType: NodeType.leaf, leafNode })
      } else {
        const parentNode = this.parent(node)
        nodes.push(parentNode && { nodeType: NodeType.parent, parentNode })
      }
    }
    return nodes
  }

  /** A copy that can be changed; this tree is frozen from now on. */
  edit(): RatchetTree {
    this.freeze()
    const copy = new RatchetTree(this.#leaves.copy(), this.#parents.copy(), this.#hashes.copy())
    copy.#firstMaybeBlank = this.#firstMaybeBlank
    copy.#changed = new Set()
    return copy
  }

  /** Ends the time of changes. */
  freeze(): this {
    this.#frozen = true
    return this
  }

  /** The nodes changed since `edit()`: what a snapshot has to write again. */
  changedNodes(): readonly NodeIndex[] {
    return [...(this.#changed ?? [])]
  }

  /** The leftmost blank leaf; the first one of a doubled tree when there is none. */
  firstBlankLeaf(): LeafIndex {
    let index = this.#firstMaybeBlank
    while (index < this.#leaves.length && this.#leaves.get(index) !== undefined) index++
    this.#firstMaybeBlank = index
    return toLeafIndex(index)
  }

  /** Adds a leaf at the leftmost blank place (§12.1.1). @throws MlsError `mls.tree.too_large` */
  add(leafNode: LeafNode): LeafIndex {
    const index = this.claimLeaf()
    for (const node of directPath(index, this.leafCount)) {
      const value = this.parent(node)
      if (value === undefined) continue
      // §7.1: sorted in increasing order
      const unmergedLeaves = [...value.unmergedLeaves.filter((leaf) => leaf < index), index, ...value.unmergedLeaves.filter((leaf) => leaf > index)]
      this.setParent(node, { ...value, unmergedLeaves })
    }
    this.setLeaf(index, leafNode)
    return index
  }

  /** Makes room at the leftmost blank place, doubling the tree when needed. @throws MlsError `mls.tree.too_large` */
  claimLeaf(): LeafIndex {
    const index = this.firstBlankLeaf()
    if (index >= this.leafCount) {
      check(2 * this.leafCount <= limits.maxLeaves, 'mls.tree.too_large', { leaves: 2 * this.leafCount, max: limits.maxLeaves })
      this.resize(2 * this.leafCount)
    }
    return index
  }

  /** Replaces a leaf and blanks its path (§12.1.2). */
  update(index: LeafIndex, leafNode: LeafNode): void {
    this.setLeaf(index, leafNode)
    this.blankPath(index)
  }

  /** Blanks a leaf and its path (§12.1.3); `truncate()` follows once all removals are done. */
  remove(index: LeafIndex): void {
    this.setLeaf(index, undefined)
    this.blankPath(index)
    this.#firstMaybeBlank = Math.min(this.#firstMaybeBlank, index)
  }

  /** Halves the tree while its right half has no member (§7.7). */
  truncate(): void {
    const leafCount = fullLeafCount(this.#rightmostLeaf() + 1)
    if (leafCount < this.leafCount) this.resize(leafCount)
  }

  setLeaf(index: LeafIndex, leafNode: LeafNode | undefined): void {
    this.#mark(leafToNode(index))
    this.#leaves.set(index, leafNode && ownLeaf(leafNode))
    for (const node of directPath(index, this.leafCount)) this.#hashes.set(node, undefined)
  }

  /** Sets or blanks a parent; the caller also changes a leaf below it, which drops the hashes above. */
  setParent(node: NodeIndex, value: ParentNode | undefined): void {
    this.#mark(node)
    this.#parents.set((node - 1) / 2, value)
  }

  blankPath(index: LeafIndex): void {
    for (const node of directPath(index, this.leafCount)) {
      if (this.parent(node) !== undefined) this.setParent(node, undefined)
      this.#hashes.set(node, undefined)
    }
  }

  /** A remembered tree hash of tree-hash.ts. */
  cachedHash(node: NodeIndex): Uint8Array | undefined {
    return this.#hashes.get(node)
  }

  /** Remembers a tree hash; not a change of the tree. */
  cacheHash(node: NodeIndex, hash: Uint8Array): void {
    this.#hashes.set(node, hash)
  }

  #mark(node: NodeIndex): void {
    invariant(!this.#frozen, 'a frozen tree is not changed')
    this.#changed?.add(node)
    this.#hashes.set(node, undefined)
  }

  /** Honest members leave no parent behind the rightmost leaf, but a tree that was received may have one. */
  #lastNode(): NodeIndex {
    return toNodeIndex(Math.max(2 * this.#rightmostLeaf(), 2 * this.#parents.lastUsed() + 1))
  }

  #rightmostLeaf(): number {
    return Math.max(0, this.#leaves.lastUsed())
  }

  /** Cuts or extends the tree at its right edge (§7.7). @param leafCount a power of two */
  resize(leafCount: number): void {
    invariant(!this.#frozen, 'a frozen tree is not changed')
    // what is cut off has changed too: a store has to delete it
    for (let leaf = leafCount; leaf < this.leafCount; leaf++) if (this.#leaves.get(leaf) !== undefined) this.#mark(leafToNode(toLeafIndex(leaf)))
    for (let parent = leafCount - 1; parent < this.leafCount - 1; parent++) {
      if (this.#parents.get(parent) !== undefined) this.#mark(toNodeIndex(2 * parent + 1))
    }
    this.#leaves.resize(leafCount)
    this.#parents.resize(leafCount - 1)
    this.#hashes.resize(nodeCountOf(leafCount))
  }
}

/** A node of a filtered direct path, and its child on the copath. */
export interface PathStep {
  readonly node: NodeIndex
  readonly copath: NodeIndex
}

/** A decoded leaf views the message it came in: the tree keeps a copy where that would keep more than the leaf's KeyPackage. */
const ownLeaf = (leafNode: LeafNode): LeafNode => withEncoding(LeafNode, leafNode, (bytes) =>
  (leafNode.encryptionKey.buffer.byteLength <= 2 * bytes.length ? leafNode : decode(LeafNode, bytes.slice())))
