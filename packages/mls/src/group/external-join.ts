/**
 * Joining by external commit (RFC 9420 §12.4.3.2): a newcomer, or a member that lost its state, adds itself.
 * Layer: group.
 */
import { EMPTY, encode, equal } from '@famichat/base'
import { makeCipherSuite } from '../crypto/cipher-suite.js'
import { zeroSecret } from '../crypto/labels.js'
import type { Signer } from '../crypto/signer.js'
import { check } from '../errors.js'
import { protectPublic } from '../framing/public-message.js'
import { proposalRefOf, verifySignedContent } from '../framing/signed-content.js'
import { makeEpochSecrets, sendExternalInit } from '../schedule/key-schedule.js'
import { ExporterTree } from '../schedule/exporter-tree.js'
import { SecretTree } from '../schedule/secret-tree.js'
import { interimTranscriptHash } from '../schedule/transcript.js'
import { toLeafIndex } from '../tree/math.js'
import type { SentProposal } from '../validate/proposal-list.js'
import { validateExtensions } from '../validate/extensions.js'
import { validateTree } from '../validate/tree.js'
import { ExternalPub, readExtension } from '../wire/extension.js'
import { decodeMessage, encodeMessage, FramedContent } from '../wire/message.js'
import type { PreSharedKeyID, Proposal } from '../wire/proposal.js'
import { ContentType, ExtensionType, type LeafIndex, ProposalType, SenderType, WireFormat } from '../wire/registries.js'
import { type GroupConfig, type ResolvedConfig, sendingTime } from './config.js'
import { createCommit } from './create-commit.js'
import { type Epoch, withBytes } from './epoch.js'
import { verifyGroupInfo } from './group-info.js'
import { GroupState } from './group-state.js'
import { rulesFor, supportsExtensions, takeTree } from './join.js'
import type { LeafParameters } from './key-package-bundle.js'
import { makeSelfRemove } from './proposals.js'
import { lookUpPsks } from './psks.js'

/** What a newcomer needs to add itself. */
export interface ExternalJoinRequest {
  readonly config: GroupConfig
  readonly signer: Signer
  /** The MLSMessage with a GroupInfo that has external_pub. */
  readonly groupInfo: Uint8Array
  readonly leaf: LeafParameters
  /** The encoded ratchet tree, when the GroupInfo does not carry it. */
  readonly ratchetTree?: Uint8Array
  /** An old appearance of this client to remove in the same commit (resync). */
  readonly removes?: LeafIndex
  readonly psks?: readonly PreSharedKeyID[]
  /** MLSMessages of this epoch in which members leave: they MUST be taken along (extensions draft §6.3). */
  readonly selfRemoves?: readonly Uint8Array[]
  readonly authenticatedData?: Uint8Array
}

/** @throws MlsError `mls.external.*` | `mls.group_info.*` | `mls.tree.*` | `mls.leaf.*` | `mls.psk.*` */
export const joinExternally = async (
  config: ResolvedConfig, request: ExternalJoinRequest,
): Promise<{ readonly state: GroupState; readonly commit: Uint8Array }> => {
  const message = decodeMessage(request.groupInfo.slice())
  check(message.wireFormat === WireFormat.groupInfo, 'mls.message.unexpected_kind')
  const { groupInfo } = message
  const { context, contextBytes } = withBytes(groupInfo.groupContext)
  const suite = makeCipherSuite(context.cipherSuite, config.backend, config.random)
  validateExtensions(groupInfo.extensions, 'groupInfo')
  validateExtensions(context.extensions, 'groupContext')
  const external = readExtension(groupInfo.extensions, ExtensionType.externalPub, ExternalPub)
  check(external !== undefined, 'mls.external.no_external_pub')
  const tree = takeTree(groupInfo, request.ratchetTree).freeze()
  const signerLeaf = tree.leaf(groupInfo.signer)
  check(signerLeaf !== undefined, 'mls.group_info.bad_signature')
  await verifyGroupInfo(suite, groupInfo, signerLeaf.signatureKey)
  const census = await validateTree(rulesFor(config, suite, groupInfo), tree, context)
  supportsExtensions(request.leaf, groupInfo)

  const { kemOutput, secret: initSecret } = await sendExternalInit(suite, external.externalPub)
  const outside: Epoch = {
    suite,
    context,
    contextBytes,
    tree,
    interimTranscriptHash: interimTranscriptHash(suite, context.confirmedTranscriptHash, groupInfo.confirmationTag),
    confirmationTag: groupInfo.confirmationTag,
    // a newcomer knows no secret of the epoch it joins from: zeros stand where nothing reads
    secrets: makeEpochSecrets(() => zeroSecret(suite)),
    secretTree: SecretTree.fromEncryptionSecret(suite, zeroSecret(suite), tree.leafCount),
    exporterTree: ExporterTree.fromRoot(suite, zeroSecret(suite)),
    privateKeys: new Map(),
    ownLeaf: toLeafIndex(0),
  }
  const proposals: readonly Proposal[] = [
    { proposalType: ProposalType.externalInit, kemOutput },
    ...(request.removes === undefined ? [] : [{ proposalType: ProposalType.remove, removed: request.removes } as const]),
    ...(request.psks ?? []).map((psk) => ({ proposalType: ProposalType.psk, psk }) as const),
  ]
  const leaving = await Promise.all((request.selfRemoves ?? []).map((encoded) => openSelfRemove(outside, encoded)))
  const { signed, staged } = await createCommit({
    epoch: outside,
    census,
    rules: { ...rulesFor(config, suite, groupInfo), nowSeconds: sendingTime(config) },
    signer: request.signer,
    proposals: [...leaving, ...proposals.map((proposal): SentProposal =>
      ({ proposal, sender: { senderType: SenderType.newMemberCommit }, reference: undefined }))],
    authenticatedData: request.authenticatedData ?? EMPTY,
    wireFormat: WireFormat.publicMessage,
    withPath: true,
    leaf: { ...request.leaf, signatureKey: request.signer.publicKey, extensions: request.leaf.extensions ?? [] },
    withTree: false,
    groupInfoExtensions: [],
    findPsks: (applied) => lookUpPsks(applied.psks, config.psks),
    externalInitSecret: initSecret,
  })
  const state = new GroupState({ epoch: staged.next.epoch, census: staged.next.census.merge() })
  state.recordWhole()
  return { state, commit: encodeMessage({ wireFormat: WireFormat.publicMessage, publicMessage: protectPublic(suite, signed) }) }
}

/** A SelfRemove as a newcomer can check it: everything but the membership tag (extensions draft §6.3). @throws MlsError `mls.message.*` */
const openSelfRemove = async ({ suite, context, contextBytes, tree }: Epoch, encoded: Uint8Array): Promise<SentProposal> => {
  const message = decodeMessage(encoded.slice())
  check(message.wireFormat === WireFormat.publicMessage, 'mls.message.unexpected_kind')
  const { content, auth } = message.publicMessage
  check(equal(content.groupId, context.groupId), 'mls.message.wrong_group')
  check(content.epoch === context.epoch, 'mls.message.wrong_epoch', { epoch: content.epoch, current: context.epoch })
  const isSelfRemove = content.content.contentType === ContentType.proposal && content.content.proposal.proposalType === ProposalType.selfRemove
  check(isSelfRemove, 'mls.message.wrong_content_type')
  const { sender } = content
  const leaf = sender.senderType === SenderType.member ? tree.leaf(sender.leafIndex) : undefined
  check(leaf !== undefined, 'mls.message.unknown_sender')
  const signed = { wireFormat: WireFormat.publicMessage, content, contentBytes: encode(FramedContent, content), auth }
  await verifySignedContent(suite, signed, { signatureKey: leaf.signatureKey, groupContext: contextBytes })
  return { proposal: makeSelfRemove(), sender, reference: proposalRefOf(suite, signed) }
}
