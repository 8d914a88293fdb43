/**
 * Nodes of the ratchet tree (RFC 9420 §7.1, §7.2, §7.8) and what a leaf signs.
 * Layer: wire.
 */
import { concat, encode, type Infer, optional, remembered, struct, uint32, uint64, uint8, variant, vector } from '@famichat/base'
import { limits } from '../limits.js'
import { Credential } from './credential.js'
import { Capabilities, Extensions } from './extension.js'
import { groupId, hashBytes, keyBytes, leafIndex, type LeafIndex, LeafNodeSource, NodeType } from './registries.js'

/** Seconds since 1970; both ends included. */
export const Lifetime = struct({ notBefore: uint64, notAfter: uint64 })
export type Lifetime = Infer<typeof Lifetime>

const leafNodeFields = {
  encryptionKey: keyBytes,
  signatureKey: keyBytes,
  credential: Credential,
  capabilities: Capabilities,
  /** `select (LeafNode.leaf_node_source)`. */
  source: variant('leafNodeSource', uint8, {
    [LeafNodeSource.keyPackage]: { lifetime: Lifetime },
    [LeafNodeSource.update]: {},
    [LeafNodeSource.commit]: { parentHash: hashBytes },
  }),
  extensions: Extensions,
}

/** §7.2 */
export const LeafNode = remembered(struct({ ...leafNodeFields, signature: keyBytes }))
export type LeafNode = Infer<typeof LeafNode>
export type UnsignedLeafNode = Omit<LeafNode, 'signature'>
const UnsignedLeafNode = struct(leafNodeFields)

/** §7.1; `unmergedLeaves` strictly increasing. */
export const ParentNode = struct({
  encryptionKey: keyBytes,
  parentHash: hashBytes,
  unmergedLeaves: vector(leafIndex, { max: limits.maxLeaves }),
})
export type ParentNode = Infer<typeof ParentNode>

/** §12.4.3.3 */
export const Node = variant('nodeType', uint8, {
  [NodeType.leaf]: { leafNode: LeafNode },
  [NodeType.parent]: { parentNode: ParentNode },
})
export type Node = Infer<typeof Node>

/** §12.4.3.3: the nodes from left to right, without trailing blanks. */
export const RatchetTreeNodes = vector(optional(Node), { max: 2 * limits.maxLeaves })
export type RatchetTreeNodes = Infer<typeof RatchetTreeNodes>

const LeafPosition = struct({ groupId, leafIndex: uint32 })

/** Where a leaf of source update or commit stands; part of what it signs. */
export interface LeafPosition {
  readonly groupId: Uint8Array
  readonly leafIndex: LeafIndex
}

/** LeafNodeTBS (§7.2). A leaf in a KeyPackage is signed without a position. */
export const encodeLeafNodeTBS = (leaf: UnsignedLeafNode, position: LeafPosition): Uint8Array => {
  const fields = encode(UnsignedLeafNode, leaf)
  return leaf.source.leafNodeSource === LeafNodeSource.keyPackage ? fields : concat(fields, encode(LeafPosition, position))
}

const hashedLeafFields = { leafIndex, leafNode: optional(LeafNode) }
const hashedParentFields = { parentNode: optional(ParentNode), leftHash: hashBytes, rightHash: hashBytes }

/** §7.8 */
export const TreeHashInput = variant('nodeType', uint8, { [NodeType.leaf]: hashedLeafFields, [NodeType.parent]: hashedParentFields })

/** §7.9 */
export const ParentHashInput = struct({ encryptionKey: keyBytes, parentHash: hashBytes, originalSiblingTreeHash: hashBytes })
