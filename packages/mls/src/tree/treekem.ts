/**
 * TreeKEM (RFC 9420 §7.4–7.6): making an UpdatePath, merging one, and learning its secrets.
 * Layer: tree. Changes the given tree, which the caller made with `edit()`; private keys are the caller's.
 */
import { decode, EMPTY, encode, equal, invariant, present, Secret } from '@famichat/base'
import type { KeyPair } from '../crypto/backend.js'
import type { CipherSuite } from '../crypto/cipher-suite.js'
import { beginEncapsulations } from '../crypto/batch.js'
import { decryptWithLabel, deriveSecret, encryptAllWithLabel, signWithLabel } from '../crypto/labels.js'
import type { Signer } from '../crypto/signer.js'
import { check, MlsError } from '../errors.js'
import { encodeLeafNodeTBS, LeafNode, type UnsignedLeafNode } from '../wire/leaf-node.js'
import type { UpdatePath, UpdatePathNode } from '../wire/proposal.js'
import { type LeafIndex, LeafNodeSource } from '../wire/registries.js'
import { isBelow, isLeaf, leafToNode, type NodeIndex, nodeToLeaf } from './math.js'
import type { PathStep, RatchetTree } from './ratchet-tree.js'
import { parentHash } from './tree-hash.js'

/** Private keys of one member by node: its leaf's and those of the ancestors it knows. */
export type PrivateKeys = ReadonlyMap<NodeIndex, Secret>

const LABEL = 'UpdatePathNode'

/** What may change in the committer's leaf besides its keys. */
export type LeafContents = Pick<LeafNode, 'signatureKey' | 'credential' | 'capabilities' | 'extensions'>

export interface NewPath {
  readonly path: UpdatePath
  /** By node of the filtered direct path; for the Welcome. Owned by the caller. */
  readonly pathSecrets: ReadonlyMap<NodeIndex, Secret>
  readonly commitSecret: Secret
  /** Fresh keys of the leaf and of the path. */
  readonly privateKeys: PrivateKeys
}

/** Where and for whom a path is made. */
export interface PathRequest {
  readonly tree: RatchetTree
  readonly leafIndex: LeafIndex
  readonly leaf: LeafContents
  readonly signer: Signer
  readonly groupId: Uint8Array
  /** Leaves added by the same commit: they get nothing here (§7.5). */
  readonly newLeaves: ReadonlySet<LeafIndex>
  /** The encoded provisional GroupContext, once the tree is final. */
  readonly provisionalContext: () => Uint8Array
}

/** Creates an UpdatePath (§7.5) and applies it to the tree. */
export const createUpdatePath = async (suite: CipherSuite, request: PathRequest): Promise<NewPath> => {
  const { tree, leafIndex, newLeaves } = request
  const steps = tree.filteredDirectPath(leafIndex)
  const recipients = steps.map(({ copath }) => receivers(tree, copath, newLeaves))
  const [firstSecret, leafSecret] = [new Secret(suite.random(suite.hashLength)), new Secret(suite.random(suite.hashLength))]
  // encapsulating needs no secret of the path: it goes on while the rest is worked out
  const work = beginEncapsulations(suite, recipients.flat().map((recipient) => tree.encryptionKey(recipient)))
  try {
    const { pathSecrets, commitSecret } = derivePathSecrets(suite, firstSecret, steps.length)
    const { publicKey: encryptionKey, privateKey } = await suite.hpke.kem.deriveKeyPair(leafSecret)
    const pairs = await Promise.all(pathSecrets.map((pathSecret) => deriveNodeKeys(suite, pathSecret)))
    const publicKeys = pairs.map((pair) => pair.publicKey)
    const hash = setPathKeys(suite, tree, leafIndex, { steps, publicKeys })
    const unsigned: UnsignedLeafNode = { ...request.leaf, encryptionKey, source: { leafNodeSource: LeafNodeSource.commit, parentHash: hash } }
    const leafNode = await signLeafNode(unsigned, request.signer, { groupId: request.groupId, leafIndex })
    tree.setLeaf(leafIndex, leafNode)

    const plaintexts = recipients.flatMap((nodes, step) => nodes.map(() => present(pathSecrets[step], 'every step has a path secret')))
    const sealed = await encryptAllWithLabel(suite, work, LABEL, { context: request.provisionalContext(), plaintexts })
    let at = 0
    const nodes = recipients.map(({ length }, step): UpdatePathNode => {
      const encryptedPathSecret = sealed.slice(at, at + length)
      at += length
      return { encryptionKey: present(publicKeys[step], 'every step has a key'), encryptedPathSecret }
    })
    return {
      path: { leafNode, nodes },
      pathSecrets: new Map(steps.map(({ node }, step) => [node, present(pathSecrets[step], 'every step has a path secret')])),
      commitSecret,
      privateKeys: new Map([
        [leafToNode(leafIndex), privateKey],
        ...steps.map(({ node }, step) => [node, present(pairs[step], 'every step has a key pair').privateKey] as const),
      ]),
    }
  } finally {
    work.end()
    leafSecret.wipe()
  }
}

/** Path secrets from the given one up, and the commit secret above the last (§7.4). */
const derivePathSecrets = (suite: CipherSuite, first: Secret, steps: number): { readonly pathSecrets: readonly Secret[]; readonly commitSecret: Secret } => {
  const pathSecrets: Secret[] = []
  let next = first
  for (let step = 0; step < steps; step++) {
    pathSecrets.push(next)
    next = deriveSecret(suite, next, 'path')
  }
  return { pathSecrets, commitSecret: next }
}

/**
 * Merges a received UpdatePath into the tree (§7.5) and checks its shape and parent hash.
 * @throws MlsError `mls.commit.path_wrong_length` | `mls.commit.wrong_ciphertext_count` | `mls.commit.bad_parent_hash` | `mls.crypto.bad_public_key`
 */
export const mergeUpdatePath = (
  suite: CipherSuite, tree: RatchetTree, sender: LeafIndex, { path, newLeaves }: { readonly path: UpdatePath; readonly newLeaves: ReadonlySet<LeafIndex> },
): void => {
  const steps = tree.filteredDirectPath(sender)
  check(path.nodes.length === steps.length, 'mls.commit.path_wrong_length', { nodes: path.nodes.length, expected: steps.length })
  steps.forEach(({ copath }, step) => {
    const expected = receivers(tree, copath, newLeaves).length
    const found = path.nodes[step]?.encryptedPathSecret.length
    check(found === expected, 'mls.commit.wrong_ciphertext_count', { step, found: found ?? 0, expected })
  })
  // a key nobody can encrypt to would stop every later commit
  check(path.nodes.every(({ encryptionKey }) => suite.hpke.kem.isPublicKey(encryptionKey)), 'mls.crypto.bad_public_key')
  const hash = setPathKeys(suite, tree, sender, { steps, publicKeys: path.nodes.map((node) => node.encryptionKey) })
  const { source } = path.leafNode
  const claimed = source.leafNodeSource === LeafNodeSource.commit ? source.parentHash : undefined
  check(claimed !== undefined && equal(claimed, hash), 'mls.commit.bad_parent_hash')
  tree.setLeaf(sender, path.leafNode)
}

/** What a receiver of a path needs: its place, its keys, and the context the secrets were sealed in. */
export interface PathReceiver {
  readonly tree: RatchetTree
  readonly sender: LeafIndex
  readonly leafIndex: LeafIndex
  readonly privateKeys: PrivateKeys
  readonly newLeaves: ReadonlySet<LeafIndex>
  readonly provisionalContext: Uint8Array
}

/**
 * Opens the path secret meant for this member and climbs to the root (§7.5).
 * @throws MlsError `mls.commit.path_secret_undecryptable` | `mls.commit.path_key_mismatch`
 */
export const openUpdatePath = async (suite: CipherSuite, path: UpdatePath, receiver: PathReceiver): Promise<ClimbedPath> => {
  const { tree, leafIndex, privateKeys } = receiver
  const steps = tree.filteredDirectPath(receiver.sender)
  const step = steps.findIndex(({ copath }) => isBelow(leafIndex, copath))
  const { copath } = present(steps[step], 'the sender of a path is somebody else')
  const resolution = receivers(tree, copath, receiver.newLeaves)
  const position = resolution.findIndex((node) => privateKeys.has(node))
  const node = resolution[position]
  const sealed = path.nodes[step]?.encryptedPathSecret[position]
  if (node === undefined || sealed === undefined) throw new MlsError('mls.commit.path_secret_undecryptable')
  const recipient: KeyPair = {
    publicKey: tree.encryptionKey(node), privateKey: present(privateKeys.get(node), 'the position was found by its key'),
  }
  let pathSecret: Secret
  try {
    pathSecret = await decryptWithLabel(suite, recipient, LABEL, { context: receiver.provisionalContext, sealed })
  } catch (error) {
    throw new MlsError('mls.commit.path_secret_undecryptable', {}, { cause: error })
  }
  check(pathSecret.length === suite.hashLength, 'mls.commit.path_secret_undecryptable')
  return climb(suite, tree, steps.slice(step), pathSecret)
}

export interface ClimbedPath {
  readonly commitSecret: Secret
  /** Keys of the nodes on the way up. */
  readonly privateKeys: PrivateKeys
  /** The path secret as received: for tests of the protocol's vectors; wiped by the group. */
  readonly pathSecret: Secret
}

/**
 * Derives the keys of the given nodes from the path secret of the first, and the commit secret.
 * @throws MlsError `mls.commit.path_key_mismatch`
 */
export const climb = async (
  suite: CipherSuite, tree: RatchetTree, steps: readonly PathStep[], pathSecret: Secret,
): Promise<ClimbedPath> => {
  const { pathSecrets, commitSecret } = derivePathSecrets(suite, pathSecret, steps.length)
  const pairs = await Promise.all(pathSecrets.map((pathSecret) => deriveNodeKeys(suite, pathSecret)))
  for (const secret of pathSecrets.slice(1)) secret.wipe()
  const privateKeys = new Map<NodeIndex, Secret>()
  steps.forEach(({ node }, step) => {
    const { publicKey, privateKey } = present(pairs[step], 'every step has a key pair')
    // §7.5: the derived public keys are the same as those sent
    check(equal(publicKey, tree.encryptionKey(node)), 'mls.commit.path_key_mismatch', { node })
    privateKeys.set(node, privateKey)
  })
  return { commitSecret, privateKeys, pathSecret }
}

/** Signs a leaf node (§7.2 LeafNodeTBS); what comes back keeps no buffer of what was given. */
export const signLeafNode = async (
  unsigned: UnsignedLeafNode, signer: Signer, position: { readonly groupId: Uint8Array; readonly leafIndex: LeafIndex },
): Promise<LeafNode> =>
  decode(LeafNode, encode(LeafNode, { ...unsigned, signature: await signWithLabel(signer, 'LeafNodeTBS', encodeLeafNodeTBS(unsigned, position)) }))

/** A fresh HPKE key pair. */
export const freshKeyPair = async (suite: CipherSuite): Promise<KeyPair> => {
  const ikm = new Secret(suite.random(suite.hashLength))
  const pair = await suite.hpke.kem.deriveKeyPair(ikm)
  ikm.wipe()
  return pair
}

/** node_secret and the key pair it gives (§7.4). */
export const deriveNodeKeys = async (suite: CipherSuite, pathSecret: Secret): Promise<KeyPair> => {
  const nodeSecret = deriveSecret(suite, pathSecret, 'node')
  const pair = await suite.hpke.kem.deriveKeyPair(nodeSecret)
  nodeSecret.wipe()
  return pair
}

/** The nodes a path secret is sealed to: the copath's resolution without leaves that are new in this commit. */
const receivers = (tree: RatchetTree, copath: NodeIndex, newLeaves: ReadonlySet<LeafIndex>): readonly NodeIndex[] => {
  const resolution = tree.resolution(copath)
  return newLeaves.size === 0 ? resolution : resolution.filter((node) => !isLeaf(node) || !newLeaves.has(nodeToLeaf(node)))
}

/** Blanks the direct path, sets the new keys from the root down, and returns the parent hash of the leaf (§7.9). */
const setPathKeys = (
  suite: CipherSuite, tree: RatchetTree, leaf: LeafIndex,
  { steps, publicKeys }: { readonly steps: readonly PathStep[]; readonly publicKeys: readonly Uint8Array[] },
): Uint8Array => {
  invariant(steps.length === publicKeys.length, 'each step has one key')
  tree.blankPath(leaf)
  let hash = EMPTY
  for (let step = steps.length - 1; step >= 0; step--) {
    const { node, copath } = present(steps[step], 'step is on the path')
    const value = { encryptionKey: present(publicKeys[step], 'each step has one key').slice(), parentHash: hash, unmergedLeaves: [] }
    tree.setParent(node, value)
    hash = parentHash(suite, tree, value, copath)
  }
  return hash
}
