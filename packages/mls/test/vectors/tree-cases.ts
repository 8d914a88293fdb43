/**
 * Verifiers: tree-operations, tree-validation, treekem.
 */
import { decode, encode, equal, present, Secret } from '@famichat/base'
import type { CipherSuite } from '../../dist/crypto/cipher-suite.js'
import { makeSigner } from '../../dist/crypto/signer.js'
import { leafToNode, type NodeIndex, nodeToLeaf, toLeafIndex, toNodeIndex } from '../../dist/tree/math.js'
import { verifyParentHashes } from '../../dist/tree/parent-hash-chains.js'
import { RatchetTree } from '../../dist/tree/ratchet-tree.js'
import { treeHash } from '../../dist/tree/tree-hash.js'
import { createUpdatePath, deriveNodeKeys, mergeUpdatePath, openUpdatePath } from '../../dist/tree/treekem.js'
import { leafSignature } from '../../dist/validate/leaf-node.js'
import { SignatureBatch } from '../../dist/validate/signature-batch.js'
import { GroupContext } from '../../dist/wire/group-info.js'
import { RatchetTreeNodes } from '../../dist/wire/leaf-node.js'
import { Proposal, UpdatePath } from '../../dist/wire/proposal.js'
import { ProposalType, ProtocolVersion } from '../../dist/wire/registries.js'
import { bytes, type Case, expect, list, number, objects, suiteOf } from './vector-file.js'

const treeAt = (from: Case, key: string): RatchetTree => RatchetTree.fromNodes(decode(RatchetTreeNodes, bytes(from, key)))
const NO_LEAVES = new Set<never>()

export const treeOperations = (given: Case): void => {
  const suite = suiteOf(given)
  const before = treeAt(given, 'tree_before')
  expect(equal(treeHash(suite, before), bytes(given, 'tree_hash_before')), 'tree_hash_before')
  const tree = before.edit()
  const proposal = decode(Proposal, bytes(given, 'proposal'))
  switch (proposal.proposalType) {
    case ProposalType.add:
      tree.add(proposal.keyPackage.leafNode)
      break
    case ProposalType.update:
      tree.update(toLeafIndex(number(given, 'proposal_sender')), proposal.leafNode)
      break
    case ProposalType.remove:
      tree.remove(proposal.removed)
      tree.truncate()
      break
    default:
      expect(false, 'a proposal that changes the tree')
  }
  expect(equal(encode(RatchetTreeNodes, tree.toNodes()), bytes(given, 'tree_after')), 'tree_after')
  expect(equal(treeHash(suite, tree), bytes(given, 'tree_hash_after')), 'tree_hash_after')
}

export const treeValidation = async (given: Case): Promise<void> => {
  const suite = suiteOf(given)
  const tree = treeAt(given, 'tree')
  const hashes = list(given, 'tree_hashes')
  const resolutions = list(given, 'resolutions')
  expect(hashes.length === 2 * tree.leafCount - 1, 'number of nodes')
  hashes.forEach((_, index) => {
    const node = toNodeIndex(index)
    expect(equal(treeHash(suite, tree, node), bytes({ hash: hashes[index] }, 'hash')), `tree_hashes[${index.toString()}]`)
    expect(JSON.stringify(tree.resolution(node)) === JSON.stringify(resolutions[index]), `resolutions[${index.toString()}]`)
  })
  verifyParentHashes(suite, tree)
  const groupId = bytes(given, 'group_id')
  const signatures = new SignatureBatch()
  for (const [leafIndex, leaf] of tree.members()) signatures.add(leafSignature(leaf, { groupId, leafIndex }))
  await signatures.verify(suite)
  expect(equal(encode(RatchetTreeNodes, tree.toNodes()), bytes(given, 'tree')), 'tree')
}

interface PrivateLeaf {
  readonly leaf: Case
  readonly keys: ReadonlyMap<NodeIndex, Secret>
}

const privateLeaves = async (suite: CipherSuite, given: Case, tree: RatchetTree): Promise<ReadonlyMap<number, PrivateLeaf>> => {
  const leaves = new Map<number, PrivateLeaf>()
  for (const leaf of objects(given, 'leaves_private')) {
    const own = leafToNode(toLeafIndex(number(leaf, 'index')))
    const keys = new Map([[own, new Secret(bytes(leaf, 'encryption_priv'))]])
    for (const entry of objects(leaf, 'path_secrets')) {
      const node = toNodeIndex(number(entry, 'node'))
      const pair = await deriveNodeKeys(suite, new Secret(bytes(entry, 'path_secret')))
      expect(equal(pair.publicKey, tree.encryptionKey(node)), 'path_secret leads to the key in the tree')
      keys.set(node, pair.privateKey)
    }
    leaves.set(nodeToLeaf(own), { leaf, keys })
  }
  return leaves
}

export const treeKem = async (given: Case): Promise<void> => {
  const suite = suiteOf(given)
  const tree = treeAt(given, 'ratchet_tree')
  const leaves = await privateLeaves(suite, given, tree)
  const groupId = bytes(given, 'group_id')
  const contextOf = (after: RatchetTree): Uint8Array => encode(GroupContext, {
    version: ProtocolVersion.mls10,
    cipherSuite: suite.id,
    groupId,
    epoch: BigInt(number(given, 'epoch')),
    treeHash: treeHash(suite, after),
    confirmedTranscriptHash: bytes(given, 'confirmed_transcript_hash'),
    extensions: [],
  })
  for (const update of objects(given, 'update_paths')) {
    const sender = toLeafIndex(number(update, 'sender'))
    const path = decode(UpdatePath, bytes(update, 'update_path'))
    const after = tree.edit()
    mergeUpdatePath(suite, after, sender, { path, newLeaves: NO_LEAVES })
    expect(equal(treeHash(suite, after), bytes(update, 'tree_hash_after')), 'tree_hash_after')
    const receive = async (received: UpdatePath, merged: RatchetTree, index: number, keys: PrivateLeaf['keys']) =>
      openUpdatePath(suite, received, {
        tree: merged, sender, leafIndex: toLeafIndex(index), privateKeys: keys, newLeaves: NO_LEAVES, provisionalContext: contextOf(merged),
      })
    for (const [index, { keys }] of leaves) {
      if (index === sender) continue
      const learned = await receive(path, after, index, keys)
      const secrets = list(update, 'path_secrets')
      expect(equal(learned.pathSecret.expose(), bytes({ secret: secrets[index] }, 'secret')), `path_secrets[${index.toString()}]`)
      expect(equal(learned.commitSecret.expose(), bytes(update, 'commit_secret')), 'commit_secret')
    }
    const own = tree.edit()
    const signer = await makeSigner(suite, new Secret(bytes(present(leaves.get(sender), 'the sender has keys').leaf, 'signature_priv')))
    const made = await createUpdatePath(suite, {
      tree: own, leafIndex: sender, leaf: present(tree.leaf(sender), 'the sender is in the tree'), signer, groupId,
      newLeaves: NO_LEAVES, provisionalContext: () => contextOf(own),
    })
    for (const [index, { keys }] of leaves) {
      if (index === sender) continue
      const merged = tree.edit()
      mergeUpdatePath(suite, merged, sender, { path: made.path, newLeaves: NO_LEAVES })
      const learned = await receive(made.path, merged, index, keys)
      expect(equal(learned.commitSecret.expose(), made.commitSecret.expose()), 'own commit_secret')
    }
  }
}
