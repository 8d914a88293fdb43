/**
 * Processing a received commit (RFC 9420 §12.4.2): everything is checked, the next epoch is staged.
 * Layer: group. The epoch it belongs to is not changed, whatever the commit holds.
 */
import { constantTimeEqual, encode, equal, present, type Secret } from '@famichat/base'
import { check, MlsError } from '../errors.js'
import type { SignedContent } from '../framing/signed-content.js'
import { deriveExternalKeys, receiveExternalInit } from '../schedule/key-schedule.js'
import type { PreSharedKey } from '../schedule/psk.js'
import { leafToNode, type NodeIndex } from '../tree/math.js'
import { type ClimbedPath, mergeUpdatePath, openUpdatePath, type PrivateKeys } from '../tree/treekem.js'
import type { Census } from '../validate/census.js'
import { type GroupRules, validateLeafNode } from '../validate/leaf-node.js'
import { proposalsOf, type SentProposal, validateProposalList } from '../validate/proposal-list.js'
import { GroupContext } from '../wire/group-info.js'
import type { LeafNode } from '../wire/leaf-node.js'
import type { Commit, UpdatePath } from '../wire/proposal.js'
import { type LeafIndex, LeafNodeSource, ProposalType, ResumptionPSKUsage } from '../wire/registries.js'
import { advance, provisionalContext } from './advance.js'
import { type Applied, applyProposals, countPath, validateReplacement } from './apply-proposals.js'
import { type Epoch, wipeEpoch, wipeKeys } from './epoch.js'
import type { StagedCommit, StagedEpoch } from './staged-commit.js'

/** A commit whose framing and signature are verified, and what is needed to judge it. */
export interface ReceivedCommit {
  readonly epoch: Epoch
  readonly census: Census
  readonly rules: GroupRules
  readonly signed: SignedContent
  readonly commit: Commit
  readonly proposals: readonly SentProposal[]
  /** The committer's leaf; undefined when it joins by this commit. */
  readonly committer: LeafIndex | undefined
  readonly findPsks: (applied: Applied) => Promise<readonly PreSharedKey[]>
  /** Private key for an Update proposal of this member, when this leaf is what it proposed. */
  readonly ownUpdateKey: (leaf: LeafNode) => Secret | undefined
}

/** @throws MlsError `mls.proposal.*` | `mls.psk.*` | `mls.leaf.*` | `mls.external.*` | `mls.commit.*` */
export const processCommit = async (received: ReceivedCommit): Promise<StagedCommit> => {
  const { epoch, signed, commit, proposals, committer } = received
  const { suite } = epoch
  validateProposalList(proposals, {
    tree: epoch.tree, hashLength: suite.hashLength, committer, pskUsage: ResumptionPSKUsage.application,
  })
  const applied = await applyProposals(epoch, proposals, received)
  // §12.4.2: the path is populated where a proposal needs it, and in an external commit always
  check(commit.path !== undefined || (committer !== undefined && !applied.isPathRequired), 'mls.commit.path_missing')
  const isOut = applied.removed.includes(epoch.ownLeaf)
  // who is put out need not know what the others share from now on
  const psks = isOut ? [] : await received.findPsks(applied)
  const sender = committer ?? applied.tree.claimLeaf()
  const pathContext = commit.path && await takePath(received, applied, { sender, path: commit.path })
  applied.census.validate(applied.extensions)

  const summary = {
    epoch: epoch.context.epoch + 1n,
    committer: sender,
    isOwn: false,
    isExternal: committer === undefined,
    proposals,
    added: applied.added,
    removed: applied.removed,
    authenticatedData: signed.content.authenticatedData,
    reinit: applied.reinit,
  }
  if (isOut) return { ...summary, next: undefined }
  const known = ownKeys(received, applied)
  let learned: ClimbedPath | undefined
  try {
    learned = commit.path && await openUpdatePath(suite, commit.path, {
      tree: applied.tree,
      sender,
      leafIndex: epoch.ownLeaf,
      privateKeys: known,
      newLeaves: newLeavesOf(applied),
      provisionalContext: present(pathContext, 'a path has its context'),
    })
    return { ...summary, next: await stageNext(received, applied, { psks, known, learned }) }
  } catch (error) {
    wipeKeys([...known.values(), ...(learned?.privateKeys.values() ?? [])], epoch)
    throw error
  } finally {
    for (const spent of [learned?.pathSecret, learned?.commitSecret]) spent?.wipe()
  }
}

/** Checks the path's leaf and keys, and merges it into the tree (§12.4.2). Returns the encoded provisional context. */
const takePath = async (
  { epoch, rules, committer, proposals }: ReceivedCommit, applied: Applied, { sender, path }: { readonly sender: LeafIndex; readonly path: UpdatePath },
): Promise<Uint8Array> => {
  const rulesAfter: GroupRules = { ...rules, extensions: applied.extensions }
  const replaces = committer ?? proposalsOf(proposals, ProposalType.remove)[0]?.removed
  const leaf = path.leafNode
  if (replaces === undefined) {
    const position = { groupId: epoch.context.groupId, leafIndex: sender }
    await validateLeafNode(rulesAfter, leaf, { source: LeafNodeSource.commit, position })
  } else {
    await validateReplacement(rulesAfter, epoch, { leafIndex: sender, leaf, source: LeafNodeSource.commit, replaces })
  }
  // §12.4.2: none of the public keys in the UpdatePath appear in any node of the new ratchet tree
  const keys = [leaf.encryptionKey, ...path.nodes.map((node) => node.encryptionKey)]
  check(keys.every((key) => !applied.census.hasEncryptionKey(key)), 'mls.commit.path_key_reused')
  const { tree } = applied
  await countPath(applied, sender, () => { mergeUpdatePath(epoch.suite, tree, sender, { path, newLeaves: newLeavesOf(applied) }) })
  return encode(GroupContext, provisionalContext(epoch, tree, applied.extensions))
}

const stageNext = async (
  received: ReceivedCommit, applied: Applied,
  { psks, known, learned }: { readonly psks: readonly PreSharedKey[]; readonly known: PrivateKeys; readonly learned: ClimbedPath | undefined },
): Promise<StagedEpoch> => {
  const { epoch, signed } = received
  const { next, joinerSecret, welcomeSecret } = advance(epoch, {
    tree: applied.tree,
    extensions: applied.extensions,
    commit: { wireFormat: signed.wireFormat, content: signed.contentBytes, signature: signed.auth.signature },
    initSecret: await externalInitSecret(epoch, applied.kemOutput),
    commitSecret: learned?.commitSecret,
    psks,
    privateKeys: new Map([...known, ...(learned?.privateKeys ?? [])]),
    ownLeaf: epoch.ownLeaf,
  })
  for (const spent of [joinerSecret, welcomeSecret]) spent.wipe()
  const { confirmationTag } = signed.auth
  const confirmed = confirmationTag !== undefined && constantTimeEqual(confirmationTag, next.confirmationTag)
  if (!confirmed) {
    wipeEpoch(next, epoch)
    throw new MlsError('mls.commit.bad_confirmation_tag')
  }
  return { epoch: next, census: applied.census }
}

const externalInitSecret = async ({ suite, secrets }: Epoch, kemOutput: Uint8Array | undefined): Promise<Secret | undefined> => {
  if (kemOutput === undefined) return undefined
  const keys = await deriveExternalKeys(suite, secrets.externalSecret)
  try {
    return await receiveExternalInit(suite, kemOutput, keys)
  } finally {
    keys.privateKey.wipe()
  }
}

/** This member's keys after the proposals: with the new leaf key when its own Update is committed, without blanked nodes. */
const ownKeys = ({ epoch, ownUpdateKey }: ReceivedCommit, { tree, updated }: Applied): ReadonlyMap<NodeIndex, Secret> => {
  const keys = new Map([...epoch.privateKeys].filter(([node]) => {
    const before = epoch.tree.isBlank(node) ? undefined : epoch.tree.encryptionKey(node)
    if (node >= 2 * tree.leafCount - 1 || tree.isBlank(node) || before === undefined) return false
    return equal(before, tree.encryptionKey(node))
  }))
  const update = updated.get(epoch.ownLeaf)
  if (update !== undefined) {
    const key = ownUpdateKey(update)
    if (key === undefined) throw new MlsError('mls.proposal.unknown_reference')
    keys.set(leafToNode(epoch.ownLeaf), key)
  }
  return keys
}

const newLeavesOf = ({ added }: Applied): ReadonlySet<LeafIndex> => new Set(added.map(({ leafIndex }) => leafIndex))
