/**
 * A large group whose tree is warm: every parent node has a key, as after everybody has committed once.
 * Built from the engine's own parts in O(n log n), so that 10,000 members take seconds; seats are restored from rows.
 */
import { EMPTY, present, Secret, systemRandom, utf8 } from '@famichat/base'
import { insecureSeededRandom, manualClock } from '@famichat/base/testing'
import {
  type CipherSuite, generateSignatureKey, Group, type GroupConfig, type LeafNode, makeBasicCredential, makeCapabilities, makeCipherSuite,
  makeLifetime, type Signer, type StateRow,
} from '@famichat/mls'
import { nodeBackend } from '@famichat/mls/node'
import { deriveSecret, zeroSecret } from '../../dist/crypto/labels.js'
import { withBytes } from '../../dist/group/epoch.js'
import { GroupState } from '../../dist/group/group-state.js'
import { confirmationTag, deriveFromEpochSecret } from '../../dist/schedule/key-schedule.js'
import { ExporterTree } from '../../dist/schedule/exporter-tree.js'
import { SecretTree } from '../../dist/schedule/secret-tree.js'
import { interimTranscriptHash } from '../../dist/schedule/transcript.js'
import { directPath, leafToNode, type NodeIndex, toLeafIndex } from '../../dist/tree/math.js'
import { RatchetTree } from '../../dist/tree/ratchet-tree.js'
import { parentHash, treeHash } from '../../dist/tree/tree-hash.js'
import { deriveNodeKeys, freshKeyPair, signLeafNode } from '../../dist/tree/treekem.js'
import { Census } from '../../dist/validate/census.js'
import { LeafNodeSource, ProtocolVersion } from '../../dist/wire/registries.js'
import { START_MS } from '../builders.js'

/** A group of which any member can be seated. */
export interface WarmGroup {
  readonly suite: CipherSuite
  readonly seat: (leaf: number) => Group
  readonly rows: (leaf: number) => readonly StateRow[]
}

const GROUP_ID = utf8('warm group')

/** Accepts everybody: what an application decides about people is not measured here. */
export const benchConfig = (): GroupConfig => ({
  backend: nodeBackend,
  clock: manualClock(START_MS),
  random: systemRandom,
  authentication: { isValid: () => true, isSuccessor: () => true },
})

/** Builds the group. @param size members, at least 2 */
export const buildWarmGroup = async (size: number, suiteId = 1): Promise<WarmGroup> => {
  const config = benchConfig()
  const suite = makeCipherSuite(suiteId, nodeBackend, insecureSeededRandom(size))
  const signers: Signer[] = []
  const keys = new Map<NodeIndex, Secret>()
  let tree: RatchetTree | undefined
  for (let index = 0; index < size; index++) {
    const { signer } = await generateSignatureKey(suite)
    const pair = await freshKeyPair(suite)
    signers.push(signer)
    keys.set(leafToNode(toLeafIndex(index)), pair.privateKey)
    const leaf = await signLeafNode({
      ...contentsOf(suite, `member ${index.toString()}`, signer),
      encryptionKey: pair.publicKey,
      source: { leafNodeSource: LeafNodeSource.keyPackage, lifetime: makeLifetime(BigInt(START_MS / 1000), 1000n) },
    }, signer, { groupId: GROUP_ID, leafIndex: toLeafIndex(index) })
    if (tree === undefined) tree = RatchetTree.ofOne(leaf)
    else tree.add(leaf)
  }
  const warm = present(tree, 'there is a first member')
  for (let index = 0; index < size; index += 2) await commitPath(suite, warm, { leaf: index, signer: present(signers[index], 'seated'), keys })
  warm.freeze()
  treeHash(suite, warm)
  const rows = (leaf: number): readonly StateRow[] => rowsOf(suite, warm, { leaf, keys })
  return {
    suite,
    rows,
    seat: (leaf) => Group.restore({ config, signer: present(signers[leaf], 'seated'), rows: rows(leaf) }),
  }
}

const contentsOf = (suite: CipherSuite, name: string, signer: Signer): Pick<LeafNode, 'signatureKey' | 'credential' | 'capabilities' | 'extensions'> => ({
  signatureKey: signer.publicKey,
  credential: makeBasicCredential(utf8(name)),
  capabilities: makeCapabilities(suite.random),
  extensions: [],
})

/** What an UpdatePath does to a tree, without sealing its secrets to anybody. */
const commitPath = async (
  suite: CipherSuite, tree: RatchetTree, { leaf, signer, keys }: { readonly leaf: number; readonly signer: Signer; readonly keys: Map<NodeIndex, Secret> },
): Promise<void> => {
  const leafIndex = toLeafIndex(leaf)
  const steps = tree.filteredDirectPath(leafIndex)
  tree.blankPath(leafIndex)
  let secret = new Secret(suite.random(suite.hashLength))
  const publicKeys = new Map<NodeIndex, Uint8Array>()
  for (const { node } of steps) {
    const pair = await deriveNodeKeys(suite, secret)
    publicKeys.set(node, pair.publicKey)
    keys.set(node, pair.privateKey)
    secret = deriveSecret(suite, secret, 'path')
  }
  let hash = EMPTY
  for (const { node, copath } of [...steps].reverse()) {
    const value = { encryptionKey: present(publicKeys.get(node), 'each step has a key'), parentHash: hash, unmergedLeaves: [] }
    tree.setParent(node, value)
    hash = parentHash(suite, tree, value, copath)
  }
  const pair = await freshKeyPair(suite)
  keys.set(leafToNode(leafIndex), pair.privateKey)
  const before = present(tree.leaf(leafIndex), 'the committer is a member')
  tree.setLeaf(leafIndex, await signLeafNode(
    { ...before, encryptionKey: pair.publicKey, source: { leafNodeSource: LeafNodeSource.commit, parentHash: hash } },
    signer, { groupId: GROUP_ID, leafIndex },
  ))
}

const rowsOf = (
  suite: CipherSuite, tree: RatchetTree, { leaf, keys }: { readonly leaf: number; readonly keys: ReadonlyMap<NodeIndex, Secret> },
): readonly StateRow[] => {
  const ownLeaf = toLeafIndex(leaf)
  const { context, contextBytes } = withBytes({
    version: ProtocolVersion.mls10, cipherSuite: suite.id, groupId: GROUP_ID, epoch: 7n, treeHash: treeHash(suite, tree),
    confirmedTranscriptHash: suite.hash.digest(GROUP_ID), extensions: [],
  })
  const { secrets, encryptionSecret, applicationExportSecret } = deriveFromEpochSecret(suite, zeroSecret(suite))
  const tag = confirmationTag(suite, secrets.confirmationKey, context.confirmedTranscriptHash)
  const own = [leafToNode(ownLeaf), ...directPath(ownLeaf, tree.leafCount)].filter((node) => !tree.isBlank(node))
  const state = new GroupState({
    epoch: {
      suite, context, contextBytes, tree, confirmationTag: tag, secrets, ownLeaf,
      interimTranscriptHash: interimTranscriptHash(suite, context.confirmedTranscriptHash, tag),
      secretTree: SecretTree.fromEncryptionSecret(suite, encryptionSecret, tree.leafCount),
      exporterTree: ExporterTree.fromRoot(suite, applicationExportSecret),
      privateKeys: new Map(own.map((node) => [node, present(keys.get(node), 'a node with a key')])),
    },
    census: Census.of(tree),
  })
  state.recordWhole()
  return state.takeChanges()
}
