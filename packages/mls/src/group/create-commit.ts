/**
 * Creating a commit (RFC 9420 §12.4.1): the next epoch is staged, nothing of the current one changes.
 * Layer: group.
 */
import { encode, type Secret } from '@famichat/base'
import { beginEncapsulations, type BegunEncapsulations } from '../crypto/batch.js'
import type { Signer } from '../crypto/signer.js'
import { check } from '../errors.js'
import { type SignedContent, signContent, withConfirmationTag } from '../framing/signed-content.js'
import type { PreSharedKey } from '../schedule/psk.js'
import type { NodeIndex } from '../tree/math.js'
import { createUpdatePath, type LeafContents, type NewPath } from '../tree/treekem.js'
import type { Census } from '../validate/census.js'
import { type GroupRules, validateLeafContents } from '../validate/leaf-node.js'
import { proposalsOf, type SentProposal, validateProposalList } from '../validate/proposal-list.js'
import type { Extension } from '../wire/extension.js'
import { GroupContext, type Welcome } from '../wire/group-info.js'
import type { LeafNode } from '../wire/leaf-node.js'
import type { Sender } from '../wire/message.js'
import type { ProposalOrRef } from '../wire/proposal.js'
import {
  ContentType, type LeafIndex, ProposalOrRefType, ProposalType, ResumptionPSKUsage, SenderType, type WireFormat,
} from '../wire/registries.js'
import { advance, type Advanced, provisionalContext } from './advance.js'
import { type Applied, applyProposals, countPath } from './apply-proposals.js'
import { type Epoch, wipeEpoch } from './epoch.js'
import { makeGroupInfo, makeWelcome } from './group-info.js'
import type { StagedCommit } from './staged-commit.js'

/** What a commit is made from. */
export interface CommitPlan {
  readonly epoch: Epoch
  readonly census: Census
  readonly rules: GroupRules
  readonly signer: Signer
  readonly proposals: readonly SentProposal[]
  readonly authenticatedData: Uint8Array
  readonly wireFormat: WireFormat
  /** False: leave the path out where §12.4 allows it. */
  readonly withPath: boolean
  readonly leaf: LeafContents
  /** Whether the Welcome carries the ratchet tree (§12.4.3.3). */
  readonly withTree: boolean
  readonly groupInfoExtensions: readonly Extension[]
  readonly findPsks: (applied: Applied) => Promise<readonly PreSharedKey[]>
  /** Set for an external commit: the newcomer's init_secret; its leaf is claimed here. */
  readonly externalInitSecret?: Secret
  /** resumption PSK usage allowed in this commit: application, but for the first commit of a reinit or branch. */
  readonly pskUsage?: ResumptionPSKUsage
}

/** A commit ready to be framed, its Welcome, and the epoch it leads to. */
export interface CreatedCommit {
  readonly signed: SignedContent
  readonly welcome: Welcome | undefined
  readonly staged: StagedCommit & { readonly next: NonNullable<StagedCommit['next']> }
}

/** A commit without a path has none for newcomers. */
const NO_SECRETS: ReadonlyMap<NodeIndex, Secret> = new Map()

/** @throws MlsError `mls.proposal.*` | `mls.psk.*` | `mls.leaf.*` | `mls.key_package.*` | `mls.commit.*` */
export const createCommit = async (plan: CommitPlan): Promise<CreatedCommit> => {
  const { epoch, proposals } = plan
  const { suite } = epoch
  const isExternal = plan.externalInitSecret !== undefined
  validateProposalList(proposals, {
    tree: epoch.tree,
    hashLength: suite.hashLength,
    committer: isExternal ? undefined : epoch.ownLeaf,
    pskUsage: plan.pskUsage ?? ResumptionPSKUsage.application,
  })
  // encapsulating to newcomers needs nothing of the new epoch: it begins before that is worked out
  const work = beginEncapsulations(suite, proposalsOf(proposals, ProposalType.add).map(({ keyPackage }) => keyPackage.initKey))
  try {
    return await commitApplied(plan, await applyProposals(epoch, proposals, plan), work)
  } finally {
    work.end()
  }
}

const commitApplied = async (plan: CommitPlan, applied: Applied, work: BegunEncapsulations): Promise<CreatedCommit> => {
  const { epoch } = plan
  const psks = await plan.findPsks(applied)
  const ownLeaf = plan.externalInitSecret !== undefined ? applied.tree.claimLeaf() : epoch.ownLeaf
  const path = plan.withPath || applied.isPathRequired
    ? await makePath(plan, applied, ownLeaf)
    : undefined
  try {
    return await commitPath(plan, applied, { ownLeaf, path, psks, work })
  } catch (error) {
    for (const key of path?.privateKeys.values() ?? []) key.wipe()
    throw error
  } finally {
    for (const secret of [...(path?.pathSecrets.values() ?? []), path?.commitSecret]) secret?.wipe()
  }
}

interface MadePath {
  readonly ownLeaf: LeafIndex
  readonly path: NewPath | undefined
  readonly psks: readonly PreSharedKey[]
  readonly work: BegunEncapsulations
}

/** Signs the commit and derives the epoch it leads to. */
const commitPath = async (plan: CommitPlan, applied: Applied, { ownLeaf, path, psks, work }: MadePath): Promise<CreatedCommit> => {
  const { epoch, signer, proposals } = plan
  const { tree, extensions, census } = applied
  const isExternal = plan.externalInitSecret !== undefined
  if (path !== undefined) await validateOwnLeaf(plan, applied, path.path.leafNode)
  census.validate(extensions)

  const signed = await signContent(signer, plan.wireFormat, {
    groupId: epoch.context.groupId,
    epoch: epoch.context.epoch,
    sender: senderOf(isExternal, ownLeaf),
    authenticatedData: plan.authenticatedData,
    content: { contentType: ContentType.commit, commit: { proposals: proposals.map(byValueOrReference), path: path?.path } },
  }, epoch.contextBytes)
  const advanced = advance(epoch, {
    tree,
    extensions,
    commit: { wireFormat: signed.wireFormat, content: signed.contentBytes, signature: signed.auth.signature },
    initSecret: plan.externalInitSecret,
    commitSecret: path?.commitSecret,
    psks,
    privateKeys: new Map([...epoch.privateKeys, ...(path?.privateKeys ?? [])]),
    ownLeaf,
  })
  return {
    signed: withConfirmationTag(signed, advanced.next.confirmationTag),
    welcome: await welcomeOf(plan, applied, { advanced, pathSecrets: path?.pathSecrets ?? NO_SECRETS, work }),
    staged: {
      epoch: advanced.next.context.epoch,
      committer: ownLeaf,
      isOwn: true,
      isExternal,
      proposals,
      added: applied.added,
      removed: applied.removed,
      authenticatedData: plan.authenticatedData,
      reinit: applied.reinit,
      next: { epoch: advanced.next, census },
    },
  }
}

/**
 * The own new leaf is judged like everybody's, but for the signature just made: others would refuse the commit (§7.3).
 * @throws MlsError `mls.leaf.*` | `mls.extension.*`
 */
const validateOwnLeaf = async ({ epoch, rules, proposals, externalInitSecret }: CommitPlan, { extensions }: Applied, leaf: LeafNode): Promise<void> => {
  validateLeafContents({ ...rules, extensions }, leaf)
  check(await rules.authentication.isValid(leaf), 'mls.leaf.credential_rejected')
  const replaces = externalInitSecret === undefined ? epoch.ownLeaf : proposalsOf(proposals, ProposalType.remove)[0]?.removed
  const previous = replaces === undefined ? undefined : epoch.tree.leaf(replaces)
  check(previous === undefined || await rules.authentication.isSuccessor(previous, leaf), 'mls.leaf.not_successor')
}

const makePath = async (plan: CommitPlan, applied: Applied, ownLeaf: LeafIndex): Promise<NewPath> => {
  const { epoch, signer, leaf } = plan
  const { tree, extensions } = applied
  return countPath(applied, ownLeaf, () => createUpdatePath(epoch.suite, {
    tree,
    leafIndex: ownLeaf,
    leaf,
    signer,
    groupId: epoch.context.groupId,
    newLeaves: new Set(applied.added.map((added) => added.leafIndex)),
    provisionalContext: () => encode(GroupContext, provisionalContext(epoch, tree, extensions)),
  }))
}

/** For those who are added, if any are. Wipes what only newcomers learn, and the new epoch where it fails. */
const welcomeOf = async (
  { epoch, signer, withTree, groupInfoExtensions }: CommitPlan, { added, psks }: Applied,
  { advanced: { next, joinerSecret, welcomeSecret }, pathSecrets, work }: {
    readonly advanced: Advanced; readonly pathSecrets: ReadonlyMap<NodeIndex, Secret>; readonly work: BegunEncapsulations
  },
): Promise<Welcome | undefined> => {
  try {
    if (added.length === 0) return undefined
    const groupInfo = await makeGroupInfo(next, signer, { withTree, withExternalPub: false, extensions: groupInfoExtensions })
    return await makeWelcome(epoch.suite, {
      groupInfo, added, work, joinerSecret, welcomeSecret, pathSecrets, psks, committer: next.ownLeaf, leafCount: next.tree.leafCount,
    })
  } catch (error) {
    wipeEpoch(next, epoch)
    throw error
  } finally {
    joinerSecret.wipe()
    welcomeSecret.wipe()
  }
}

const senderOf = (isExternal: boolean, leafIndex: LeafIndex): Sender =>
  isExternal ? { senderType: SenderType.newMemberCommit } : { senderType: SenderType.member, leafIndex }

const byValueOrReference = ({ proposal, reference }: SentProposal): ProposalOrRef =>
  reference === undefined ? { type: ProposalOrRefType.proposal, proposal } : { type: ProposalOrRefType.reference, reference }
