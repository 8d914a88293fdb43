/**
 * The stored form of a member's state: one row for the epoch, one per node, one per ratchet (style: golden files).
 * Layer: group. Values are secret: they go to a sealed store and nowhere else.
 */
import { encode, type Infer, opaque, optional, Secret, secretBytes, struct, uint16, uint32, uint64, uint8, vector } from '@famichat/base'
import { EpochSecretNames, type EpochSecrets, makeEpochSecrets } from '../schedule/key-schedule.js'
import { isLeaf, type NodeIndex, nodeToLeaf } from '../tree/math.js'
import type { RatchetTree } from '../tree/ratchet-tree.js'
import { GroupContext } from '../wire/group-info.js'
import { LeafNode, Node } from '../wire/leaf-node.js'
import { Sender } from '../wire/message.js'
import { hashReference, Proposal } from '../wire/proposal.js'
import { hashBytes, leafIndex, NodeType } from '../wire/registries.js'
import type { Epoch, PastEpoch } from './epoch.js'
import type { CachedProposal, PendingCommit } from './group-state.js'

/** Whether the member can still use the group. */
export type GroupStatus = 'active' | 'removed' | 'reinitialised'
export const GROUP_STATUSES: readonly GroupStatus[] = ['active', 'removed', 'reinitialised']

/** Names of rows. The first letter is the kind. */
export const rowKey = {
  header: 'h',
  pending: 'c',
  reinit: 'i',
  version: 'v',
  node: (node: number) => `t${node.toString()}`,
  proposal: (reference: string) => `q${reference}`,
  past: (epoch: bigint) => `e${epoch.toString()}`,
  resumptionPsk: (epoch: bigint) => `o${epoch.toString()}`,
  secretTree: (epoch: bigint, key: string) => `s${epoch.toString()}.${key}`,
} as const

/** Version of the stored form; another one is refused. */
export const FORMAT = 1
const secret = secretBytes({ max: 4096 })

export const StoredHeader = struct({
  format: uint8,
  status: uint8,
  cipherSuite: uint16,
  context: GroupContext,
  interimTranscriptHash: hashBytes,
  confirmationTag: hashBytes,
  leafCount: uint32,
  ownLeaf: leafIndex,
  secrets: vector(secret, { max: 16 }),
  privateKeys: vector(struct({ node: uint32, key: secret }), { max: 64 }),
  /** What is left of the exporter tree. */
  exporterNodes: vector(struct({ node: uint32, key: secret }), { max: 2 ** 16 }),
})
export type StoredHeader = Infer<typeof StoredHeader>

export const StoredPast = struct({
  epoch: uint64,
  contextBytes: opaque(),
  leafCount: uint32,
  senderDataSecret: secret,
  leftAtMs: uint64,
  changedLeaves: vector(struct({ leafIndex, leafNode: optional(LeafNode) })),
})

export const StoredProposal = struct({
  /** Its place among the proposals of the epoch: of two Updates the later one counts (§12.2). */
  order: uint32,
  reference: hashReference,
  proposal: Proposal,
  sender: Sender,
  updateKey: optional(secret),
})

/** The ReInit a group was closed by (§11.2): what its successor must look like. */
export const StoredReInit = struct({ proposal: Proposal })

/** How often the state was written. */
export const StoredVersion = struct({ version: uint64 })

export const StoredPending = struct({
  messageHash: hashBytes,
  header: opaque(),
  encryptionSecret: secret,
  nodes: vector(struct({ node: uint32, value: optional(Node) })),
  committer: leafIndex,
  proposals: vector(struct({ proposal: Proposal, sender: Sender, reference: optional(hashReference) })),
  added: vector(leafIndex),
  removed: vector(leafIndex),
  authenticatedData: opaque(),
})

export const encodeHeader = (epoch: Epoch, status: GroupStatus): Uint8Array => encode(StoredHeader, {
  format: FORMAT,
  status: GROUP_STATUSES.indexOf(status),
  cipherSuite: epoch.suite.id,
  context: epoch.context,
  interimTranscriptHash: epoch.interimTranscriptHash,
  confirmationTag: epoch.confirmationTag,
  leafCount: epoch.tree.leafCount,
  ownLeaf: epoch.ownLeaf,
  secrets: status === 'removed' ? [] : EpochSecretNames.map((name) => epoch.secrets[name]),
  privateKeys: status === 'removed' ? [] : [...epoch.privateKeys].map(([node, key]) => ({ node, key })),
  exporterNodes: status === 'removed' ? [] : [...epoch.exporterTree.nodes].map(([node, key]) => ({ node, key })),
})

/** Undefined for a blank node: its row is deleted. */
export const encodeNode = (tree: RatchetTree, node: NodeIndex): Uint8Array | undefined => {
  const value = nodeValue(tree, node)
  return value && encode(Node, value)
}

const nodeValue = (tree: RatchetTree, node: NodeIndex): Infer<typeof Node> | undefined => {
  if (node >= 2 * tree.leafCount - 1) return undefined
  if (isLeaf(node)) {
    const leafNode = tree.leaf(nodeToLeaf(node))
    return leafNode && { nodeType: NodeType.leaf, leafNode }
  }
  const parentNode = tree.parent(node)
  return parentNode && { nodeType: NodeType.parent, parentNode }
}

/** A resumption PSK alone. */
export const StoredPsk = struct({ psk: secret })

export const encodeResumptionPsk = (psk: Secret): Uint8Array => encode(StoredPsk, { psk })

export const encodePast = (past: PastEpoch): Uint8Array => encode(StoredPast, {
  epoch: past.epoch,
  contextBytes: past.contextBytes,
  leafCount: past.leafCount,
  senderDataSecret: past.senderDataSecret,
  leftAtMs: BigInt(Math.floor(past.leftAtMs)),
  changedLeaves: [...past.changedLeaves].map(([index, leafNode]) => ({ leafIndex: index, leafNode })),
})

export const encodeProposal = ({ reference, proposal, sender }: CachedProposal, order: number, updateKey: Secret | undefined): Uint8Array =>
  encode(StoredProposal, { order, reference, proposal, sender, updateKey })

export const encodePending = ({ staged, messageHash }: PendingCommit): Uint8Array | undefined => {
  if (staged.next === undefined) return undefined
  const { epoch } = staged.next
  return encode(StoredPending, {
    messageHash,
    header: encodeHeader(epoch, staged.reinit === undefined ? 'active' : 'reinitialised'),
    encryptionSecret: epoch.secretTree.root,
    nodes: epoch.tree.changedNodes().map((node) => ({ node, value: nodeValue(epoch.tree, node) })),
    committer: staged.committer,
    proposals: staged.proposals,
    added: staged.added.map((added) => added.leafIndex),
    removed: staged.removed,
    authenticatedData: staged.authenticatedData,
  })
}

/** The secrets of a header, owned by the caller; a removed member's are gone, and zeros stand in for them. */
export const decodeEpochSecrets = (stored: readonly Secret[], hashLength: number): EpochSecrets | undefined => {
  if (stored.length !== 0 && stored.length !== EpochSecretNames.length) return undefined
  return makeEpochSecrets((_name, index) => stored[index] ?? new Secret(new Uint8Array(hashLength)))
}
