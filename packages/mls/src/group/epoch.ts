/**
 * Epoch: everything one member knows while an epoch lasts, and what it keeps when it is past.
 * Layer: group. Public parts are values; secrets are owned here and wiped here.
 */
import { decode, encode, type Secret } from '@famichat/base'
import type { CipherSuite } from '../crypto/cipher-suite.js'
import { type EpochSecrets, wipeEpochSecrets } from '../schedule/key-schedule.js'
import type { ExporterTree } from '../schedule/exporter-tree.js'
import type { SecretTree } from '../schedule/secret-tree.js'
import { isLeaf, leafToNode, nodeToLeaf } from '../tree/math.js'
import type { RatchetTree } from '../tree/ratchet-tree.js'
import type { PrivateKeys } from '../tree/treekem.js'
import { GroupContext } from '../wire/group-info.js'
import type { LeafNode } from '../wire/leaf-node.js'
import type { LeafIndex } from '../wire/registries.js'

/** The state of a member within one epoch. */
export interface Epoch {
  readonly suite: CipherSuite
  readonly context: GroupContext
  /** The encoded GroupContext: signed and hashed many times, encoded once. */
  readonly contextBytes: Uint8Array
  readonly tree: RatchetTree
  readonly interimTranscriptHash: Uint8Array
  readonly confirmationTag: Uint8Array
  readonly secrets: EpochSecrets
  readonly secretTree: SecretTree
  /** Exported secrets of application components, each to be had once. */
  readonly exporterTree: ExporterTree
  readonly privateKeys: PrivateKeys
  readonly ownLeaf: LeafIndex
}

/** What stays readable of an epoch that is over: its application messages (§15.3). */
export interface PastEpoch {
  readonly epoch: bigint
  readonly contextBytes: Uint8Array
  readonly leafCount: number
  readonly senderDataSecret: Secret
  readonly secretTree: SecretTree
  /** Leaves as they were, where the next epoch changed them. */
  readonly changedLeaves: ReadonlyMap<LeafIndex, LeafNode | undefined>
  readonly leftAtMs: number
}

/** Encodes a context once for all its uses, and reads it back: it keeps no buffer of whoever gave its extensions. */
export const withBytes = (context: GroupContext): Pick<Epoch, 'context' | 'contextBytes'> => {
  const contextBytes = encode(GroupContext, context)
  return { context: decode(GroupContext, contextBytes), contextBytes }
}

/** Turns the epoch that ends into a past one; wipes what only a current epoch may use. resumption_psk stays the caller's. */
export const retireEpoch = (before: Epoch, next: Epoch, nowMs: number): PastEpoch => {
  const { senderDataSecret, resumptionPsk } = before.secrets
  for (const secret of Object.values<Secret>({ ...before.secrets })) if (secret !== senderDataSecret && secret !== resumptionPsk) secret.wipe()
  before.exporterTree.wipe()
  wipeKeys(before.privateKeys.values(), next)
  return {
    epoch: before.context.epoch,
    contextBytes: before.contextBytes,
    leafCount: before.tree.leafCount,
    senderDataSecret,
    secretTree: before.secretTree,
    changedLeaves: changedLeaves(before.tree, next.tree),
    leftAtMs: nowMs,
  }
}

/** Deletes a past epoch's keys. */
export const wipePastEpoch = (past: PastEpoch): void => {
  past.senderDataSecret.wipe()
  past.secretTree.wipe()
}

/** Deletes everything secret of an epoch; keys shared with `survivor` stay. */
export const wipeEpoch = (epoch: Epoch, survivor?: Epoch): void => {
  wipeEpochSecrets(epoch.secrets)
  epoch.secretTree.wipe()
  epoch.exporterTree.wipe()
  wipeKeys(epoch.privateKeys.values(), survivor)
}

/** Deletes private keys, but those that `survivor` has too. */
export const wipeKeys = (keys: Iterable<Secret>, survivor: Epoch | undefined): void => {
  const kept = new Set(survivor?.privateKeys.values())
  for (const key of keys) if (!kept.has(key)) key.wipe()
}

/** The old values of the leaves a commit changed. */
const changedLeaves = (before: RatchetTree, after: RatchetTree): ReadonlyMap<LeafIndex, LeafNode | undefined> => {
  const changed = new Map<LeafIndex, LeafNode | undefined>()
  for (const node of after.changedNodes()) {
    if (!isLeaf(node)) continue
    const leaf = nodeToLeaf(node)
    if (before.leaf(leaf) !== after.leaf(leaf)) changed.set(leaf, before.leaf(leaf))
  }
  return changed
}

/** The private keys that still belong to a node of the tree: the own leaf's and those of its non-blank ancestors. */
export const livePrivateKeys = (tree: RatchetTree, keys: PrivateKeys, ownLeaf: LeafIndex): PrivateKeys => {
  const own = leafToNode(ownLeaf)
  return new Map([...keys].filter(([node]) => node === own || (node < 2 * tree.leafCount - 1 && tree.parent(node) !== undefined)))
}
