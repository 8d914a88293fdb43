/**
 * Content authentication (RFC 9420 §6.1): what a sender signs, and the forms it is hashed in.
 * Layer: framing.
 */
import { concat, encode } from '@famichat/base'
import type { CipherSuite } from '../crypto/cipher-suite.js'
import { uint16Bytes } from '../crypto/dhkem.js'
import { makeProposalRef, signWithLabel, verifyWithLabel } from '../crypto/labels.js'
import type { Signer } from '../crypto/signer.js'
import { check } from '../errors.js'
import { authDataOf, type AuthenticatedContent, FramedContent, type FramedContentAuthData } from '../wire/message.js'
import { ProtocolVersion, SenderType, type WireFormat } from '../wire/registries.js'

const LABEL = 'FramedContentTBS'

/** An AuthenticatedContent together with its encoded content, so that nothing is encoded twice. */
export interface SignedContent extends AuthenticatedContent {
  /** The encoded FramedContent. */
  readonly contentBytes: Uint8Array
}

/** FramedContentTBS (§6.1), in parts. @param groupContext the encoded GroupContext of the epoch the message is sent in */
export const framedContentTBS = (
  wireFormat: WireFormat, content: FramedContent, bytes: { readonly content: Uint8Array; readonly groupContext: Uint8Array },
): readonly Uint8Array[] => {
  const prefix = Uint8Array.of(0, ProtocolVersion.mls10, 0, wireFormat)
  const { senderType } = content.sender
  const coversContext = senderType === SenderType.member || senderType === SenderType.newMemberCommit
  return coversContext ? [prefix, bytes.content, bytes.groupContext] : [prefix, bytes.content]
}

/** Signs a content; a commit gets its confirmation tag later, by {@link withConfirmationTag}. */
export const signContent = async (
  signer: Signer, wireFormat: WireFormat, content: FramedContent, groupContext: Uint8Array,
): Promise<SignedContent> => {
  const contentBytes = encode(FramedContent, content)
  const tbs = framedContentTBS(wireFormat, content, { content: contentBytes, groupContext })
  const signature = await signWithLabel(signer, LABEL, ...tbs)
  return { wireFormat, content, contentBytes, auth: { signature, confirmationTag: undefined } }
}

/** The commit with its confirmation tag (§6.1). */
export const withConfirmationTag = (signed: SignedContent, confirmationTag: Uint8Array): SignedContent =>
  ({ ...signed, auth: { ...signed.auth, confirmationTag } })

/** Checks the sender's signature (§6.1). @throws MlsError `mls.message.bad_signature` */
export const verifySignedContent = async (
  suite: CipherSuite, signed: SignedContent, { signatureKey, groupContext }: { readonly signatureKey: Uint8Array; readonly groupContext: Uint8Array },
): Promise<void> => {
  const content = framedContentTBS(signed.wireFormat, signed.content, { content: signed.contentBytes, groupContext })
  check(await verifyWithLabel(suite, signatureKey, LABEL, { content, signature: signed.auth.signature }), 'mls.message.bad_signature')
}

/** The encoded FramedContentAuthData. */
export const encodeAuthData = (signed: SignedContent): Uint8Array =>
  encode<FramedContentAuthData>(authDataOf(signed.content.content.contentType), signed.auth)

/** MakeProposalRef (§5.2) of a proposal as it was framed. */
export const proposalRefOf = (suite: CipherSuite, signed: SignedContent): Uint8Array =>
  makeProposalRef(suite, concat(uint16Bytes(signed.wireFormat), signed.contentBytes, encodeAuthData(signed)))
