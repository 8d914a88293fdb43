/**
 * PublicMessage (RFC 9420 §6.2): signed, not encrypted; members add a membership tag.
 * Layer: framing.
 */
import { concat, constantTimeEqual, encode, type Secret } from '@famichat/base'
import type { CipherSuite } from '../crypto/cipher-suite.js'
import { mac } from '../crypto/labels.js'
import { check } from '../errors.js'
import { FramedContent, type PublicMessage } from '../wire/message.js'
import { ContentType, SenderType, WireFormat } from '../wire/registries.js'
import { encodeAuthData, framedContentTBS, type SignedContent } from './signed-content.js'

/** What proves membership in an epoch. */
export interface MembershipKeys {
  readonly membershipKey: Secret
  /** The encoded GroupContext of the epoch. */
  readonly groupContext: Uint8Array
}

/** Frames a signed content (§6.2). Without keys for senders that are not members. */
export const protectPublic = (suite: CipherSuite, signed: SignedContent, keys?: MembershipKeys): PublicMessage => ({
  content: signed.content,
  auth: signed.auth,
  membershipTag: keys && membershipTag(suite, signed, keys),
})

/**
 * Checks the framing of a received PublicMessage (§6.2); its signature is not checked yet.
 * @throws MlsError `mls.message.wrong_content_type` | `mls.message.bad_membership_tag`
 */
export const unprotectPublic = (suite: CipherSuite, message: PublicMessage, keys: MembershipKeys): SignedContent => {
  const { content, auth } = message
  // §6: applications MUST use PrivateMessage for application data
  check(content.content.contentType !== ContentType.application, 'mls.message.wrong_content_type')
  const signed = { wireFormat: WireFormat.publicMessage, content, contentBytes: encode(FramedContent, content), auth }
  if (content.sender.senderType === SenderType.member) {
    const { membershipTag: found } = message
    check(found !== undefined && constantTimeEqual(found, membershipTag(suite, signed, keys)), 'mls.message.bad_membership_tag')
  }
  return signed
}

/** membership_tag over AuthenticatedContentTBM (§6.2). */
const membershipTag = (suite: CipherSuite, signed: SignedContent, { membershipKey, groupContext }: MembershipKeys): Uint8Array => {
  const tbs = framedContentTBS(signed.wireFormat, signed.content, { content: signed.contentBytes, groupContext })
  return mac(suite, membershipKey, concat(...tbs, encodeAuthData(signed)))
}
