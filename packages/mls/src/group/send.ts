/**
 * Sending (RFC 9420 §6): sign, frame, and remember what was proposed.
 * Layer: group. A message key is taken before anything is awaited: no failure can make it serve twice.
 */
import { CodedError, EMPTY, present, type Secret } from '@famichat/base'
import type { KeyPair } from '../crypto/backend.js'
import { check, MlsError } from '../errors.js'
import { protectPrivate } from '../framing/private-message.js'
import { protectPublic } from '../framing/public-message.js'
import { proposalRefOf, type SignedContent, signContent } from '../framing/signed-content.js'
import { limits } from '../limits.js'
import { freshKeyPair, signLeafNode } from '../tree/treekem.js'
import { validateKeyPackages } from '../validate/key-package.js'
import { isSelfRemoveOf, type ListContext, type SentProposal, validateProposal } from '../validate/proposal-list.js'
import type { KeyPackage } from '../wire/key-package.js'
import { type Content, encodeMessage, type MLSMessage } from '../wire/message.js'
import type { Proposal } from '../wire/proposal.js'
import { ContentType, LeafNodeSource, ProposalType, ResumptionPSKUsage, SenderType, WireFormat } from '../wire/registries.js'
import { choosePending } from './choose-proposals.js'
import { sendingTime } from './config.js'
import { type CommitPlan, createCommit } from './create-commit.js'
import { type Epoch, wipeEpoch } from './epoch.js'
import { currentRules, type Membership, requireActive } from './membership.js'
import type { CommitBundle, CommitRequest } from './outcomes.js'
import { lookUpPsks, type OwnResumptionPsks } from './psks.js'

/** @throws MlsError `mls.proposal.pending` | `mls.message.too_large` | `mls.group.*` */
export const sendApplicationData = async (membership: Membership, applicationData: Uint8Array, authenticatedData: Uint8Array): Promise<Uint8Array> => {
  requireActive(membership)
  // §12.4: what was proposed must be committed first
  const proposals = membership.state.proposals.length
  check(proposals === 0, 'mls.proposal.pending', { proposals })
  const max = limits.maxApplicationBytes
  check(applicationData.length <= max, 'mls.message.too_large', { bytes: applicationData.length, max })
  checkAuthenticatedData(authenticatedData)
  const { message } = await signAndFrame(membership, { contentType: ContentType.application, applicationData }, authenticatedData)
  return message
}

/** @throws MlsError `mls.proposal.*` | `mls.psk.*` | `mls.extension.*` | `mls.key_package.*` | `mls.leaf.*` | `mls.group.*` */
export const sendProposal = async (
  membership: Membership, proposal: Proposal, authenticatedData: Uint8Array, updateKey?: KeyPair,
): Promise<Uint8Array> => {
  requireActive(membership)
  checkAuthenticatedData(authenticatedData)
  const { state } = membership
  check(state.proposals.length < limits.maxCachedProposals, 'mls.proposal.too_many')
  if (proposal.proposalType === ProposalType.selfRemove) checkSelfRemove(membership)
  const { epoch } = state
  validateProposal({ proposal, sender: { senderType: SenderType.member, leafIndex: epoch.ownLeaf }, reference: undefined }, runningGroup(epoch))
  if (proposal.proposalType === ProposalType.add) await validateOwnAdd(membership, proposal.keyPackage)
  checkStillIn(membership, epoch)
  const { message, signed } = await signAndFrame(membership, { contentType: ContentType.proposal, proposal }, authenticatedData)
  state.cacheProposal({ proposal, sender: signed.content.sender, reference: proposalRefOf(epoch.suite, signed) }, updateKey)
  return message
}

/** §10.1, and §7.3 MUST: its lifetime, before it is sent. Whether it fits the group's extensions is known when it is committed (§12.3). */
const validateOwnAdd = (membership: Membership, keyPackage: KeyPackage): Promise<void> =>
  validateKeyPackages({ ...currentRules(membership, sendingTime(membership.config)), extensions: [] }, [keyPackage])

/** Extensions draft §6.3: in groups of which all members support it, once per epoch. @throws MlsError `mls.proposal.unsupported_type` | `mls.proposal.same_leaf_twice` */
const checkSelfRemove = ({ state }: Membership): void => {
  const { ownLeaf } = state.epoch
  check(state.census.allSupportProposal(ProposalType.selfRemove), 'mls.proposal.unsupported_type', { proposalType: ProposalType.selfRemove })
  check(!state.proposals.some((sent) => isSelfRemoveOf(sent, ownLeaf)), 'mls.proposal.same_leaf_twice', { leaf: ownLeaf })
}

/** An Update proposal with a fresh key (§12.1.2). */
export const sendUpdate = async (membership: Membership, authenticatedData: Uint8Array): Promise<Uint8Array> => {
  requireActive(membership)
  const { epoch } = membership.state
  const { suite, ownLeaf, context, tree } = epoch
  const keys = await freshKeyPair(suite)
  const own = present(tree.leaf(ownLeaf), 'an active member has a leaf')
  const leafNode = await signLeafNode(
    { ...own, encryptionKey: keys.publicKey, source: { leafNodeSource: LeafNodeSource.update } },
    membership.signer, { groupId: context.groupId, leafIndex: ownLeaf },
  )
  checkStillIn(membership, epoch)
  return sendProposal(membership, { proposalType: ProposalType.update, leafNode }, authenticatedData, keys)
}

/** How the first commit of a group ties it to an older one (§11.2, §11.3). */
export interface GroupLink {
  readonly usage: ResumptionPSKUsage
  /** The older group's. */
  readonly psks: OwnResumptionPsks
}

/** @throws MlsError `mls.commit.pending` | `mls.proposal.*` | `mls.psk.*` | `mls.leaf.*` | `mls.key_package.*` */
export const sendCommit = async (membership: Membership, request: CommitRequest, link?: GroupLink): Promise<CommitBundle> => {
  requireActive(membership)
  const { state } = membership
  check(state.pending === undefined, 'mls.commit.pending')
  const { epoch } = state
  checkAuthenticatedData(request.authenticatedData ?? EMPTY)
  // the epoch may be left while the commit is made, and its secrets with it
  const isLeft = (): boolean => state.epoch !== epoch || state.status !== 'active'
  const refusal = (cause?: unknown): MlsError => new MlsError('mls.commit.epoch_left', { current: state.epoch.context.epoch }, { cause })
  const { signed, welcome, staged } = await createCommit(planOf(membership, request, link))
    .catch((error: unknown) => { throw isLeft() ? refusal(error) : error })
  try {
    if (isLeft()) throw refusal()
    const commit = encodeMessage(sealer(membership, signed.wireFormat, ContentType.commit)(signed))
    const bundle: CommitBundle = { commit, welcome: welcome && encodeMessage({ wireFormat: WireFormat.welcome, welcome }), staged }
    state.hold({ staged, messageHash: epoch.suite.hash.digest(commit) })
    return bundle
  } catch (error) {
    wipeEpoch(staged.next.epoch, epoch)
    throw error
  }
}

const planOf = (membership: Membership, request: CommitRequest, link?: GroupLink): CommitPlan => {
  const { config, signer, state } = membership
  const { epoch } = state
  const { ownLeaf, tree } = epoch
  const byValue = (request.proposals ?? []).map((proposal): SentProposal =>
    ({ proposal, sender: { senderType: SenderType.member, leafIndex: ownLeaf }, reference: undefined }))
  const { withPending = true } = request
  const isTaken = typeof withPending === 'function' ? withPending : () => withPending
  const pending = choosePending(state.proposals.filter((sent) => isTaken(sent) && isSound(epoch, sent)), ownLeaf, byValue)
  return {
    epoch,
    census: state.census,
    rules: currentRules(membership, sendingTime(config)),
    signer,
    proposals: [...pending, ...byValue],
    authenticatedData: request.authenticatedData ?? EMPTY,
    wireFormat: handshakeFormat(membership),
    // the own leaf travels in the path
    withPath: request.leaf !== undefined || (request.withPath ?? true),
    leaf: { ...present(tree.leaf(ownLeaf), 'an active member has a leaf'), ...request.leaf },
    withTree: request.withTree ?? true,
    groupInfoExtensions: request.groupInfoExtensions ?? [],
    findPsks: (applied) => lookUpPsks(applied.psks, config.psks, state.resumptionPsks, ...(link ? [link.psks] : [])),
    ...(link ? { pskUsage: link.usage } : {}),
  }
}

/** False for a proposal that no commit may hold; without cryptography: a KeyPackage or a PSK can still be unusable. */
const isSound = (epoch: Epoch, sent: SentProposal): boolean => {
  try {
    validateProposal(sent, runningGroup(epoch))
    return true
  } catch (error) {
    if (error instanceof CodedError) return false
    throw error
  }
}

const runningGroup = ({ tree, suite }: Epoch): Omit<ListContext, 'committer'> =>
  ({ tree, hashLength: suite.hashLength, pskUsage: ResumptionPSKUsage.application })

const checkAuthenticatedData = (authenticatedData: Uint8Array): void => {
  const max = limits.maxAuthenticatedDataBytes
  check(authenticatedData.length <= max, 'mls.message.too_large', { bytes: authenticatedData.length, max })
}

const handshakeFormat = ({ config }: Membership): WireFormat =>
  config.policy.handshakes === 'private' ? WireFormat.privateMessage : WireFormat.publicMessage

const formatOf = (membership: Membership, content: Content): WireFormat => {
  if (content.contentType === ContentType.application) return WireFormat.privateMessage
  const isSelfRemove = content.contentType === ContentType.proposal && content.proposal.proposalType === ProposalType.selfRemove
  // extensions draft §6.3: newcomers must be able to read it
  return isSelfRemove ? WireFormat.publicMessage : handshakeFormat(membership)
}

const signAndFrame = async (
  membership: Membership, content: Content, authenticatedData: Uint8Array,
): Promise<{ readonly message: Uint8Array; readonly signed: SignedContent }> => {
  const { epoch } = membership.state
  const { context, contextBytes, ownLeaf } = epoch
  const { contentType } = content
  const format = formatOf(membership, content)
  const seal = sealer(membership, format, contentType)
  const signed = await signContent(membership.signer, format, {
    groupId: context.groupId,
    epoch: context.epoch,
    sender: { senderType: SenderType.member, leafIndex: ownLeaf },
    authenticatedData,
    content,
  }, contextBytes)
  // §15.2: a change of the group is applied before anything new is encrypted; compared after the await
  checkStillIn(membership, epoch)
  return { message: encodeMessage(seal(signed)), signed }
}

const checkStillIn = ({ state }: Membership, epoch: Epoch): void => {
  check(state.epoch === epoch, 'mls.message.wrong_epoch', { epoch: epoch.context.epoch, current: state.epoch.context.epoch })
}

/** Takes a message key now, for a content that is signed later. */
const sealer = ({ config, state }: Membership, format: WireFormat, contentType: ContentType): ((signed: SignedContent) => MLSMessage) => {
  const { suite, contextBytes, secrets, secretTree, ownLeaf } = state.epoch
  if (format === WireFormat.publicMessage) {
    const keys = { membershipKey: secrets.membershipKey, groupContext: contextBytes }
    return (signed) => ({ wireFormat: WireFormat.publicMessage, publicMessage: protectPublic(suite, signed, keys) })
  }
  const messageKey = secretTree.takeSendingKey(ownLeaf, contentType)
  return (signed) => {
    const { content } = signed.content
    const paddingBytes = content.contentType === ContentType.application ? config.policy.paddingFor(content.applicationData.length) : 0
    const senderDataSecret: Secret = secrets.senderDataSecret
    const privateMessage = protectPrivate(suite, signed, { senderDataSecret, messageKey, leafIndex: ownLeaf, paddingBytes })
    messageKey.key.wipe()
    messageKey.nonce.wipe()
    return { wireFormat: WireFormat.privateMessage, privateMessage }
  }
}
