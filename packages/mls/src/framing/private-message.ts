/**
 * PrivateMessage (RFC 9420 §6.3): signed, padded and encrypted; the sender is hidden.
 * Layer: framing.
 */
import { BaseError, decode, encode, type Secret } from '@famichat/base'
import type { CipherSuite } from '../crypto/cipher-suite.js'
import { type AeadKeys, expandWithLabel, openWithKeys, sealWithKeys } from '../crypto/labels.js'
import { check, MlsError } from '../errors.js'
import { guardedNonce, type MessageKey } from '../schedule/ratchet.js'
import {
  encodePrivateContent, FramedContent, PrivateContentAAD, type PrivateMessage, readPrivateContent, SenderData, SenderDataAAD,
} from '../wire/message.js'
import { type LeafIndex, SenderType, WireFormat } from '../wire/registries.js'
import type { SignedContent } from './signed-content.js'

/** What sealing a message takes besides its content. */
export interface SealingKeys {
  readonly senderDataSecret: Secret
  /** The sender's next key; consumed by the caller. */
  readonly messageKey: MessageKey
  readonly leafIndex: LeafIndex
  /** Zero bytes to add after the content (§15.1). */
  readonly paddingBytes: number
}

/** Encrypts a signed content (§6.3). */
export const protectPrivate = (suite: CipherSuite, signed: SignedContent, keys: SealingKeys): PrivateMessage => {
  const { groupId, epoch, authenticatedData, content } = signed.content
  const { contentType } = content
  const reuseGuard = suite.random(4)
  const plaintext = encodePrivateContent(signed, keys.paddingBytes)
  const aad = encode(PrivateContentAAD, { groupId, epoch, contentType, authenticatedData })
  const { key, nonce, generation } = keys.messageKey
  const ciphertext = sealWithKeys(suite, { key, nonce: guardedNonce(nonce, reuseGuard) }, aad, plaintext)
  plaintext.fill(0)

  const senderData = encode(SenderData, { leafIndex: keys.leafIndex, generation, reuseGuard })
  const senderKeys = senderDataKeys(suite, keys.senderDataSecret, ciphertext)
  const encryptedSenderData = sealWithKeys(suite, senderKeys, encode(SenderDataAAD, { groupId, epoch, contentType }), senderData)
  senderKeys.key.wipe()
  return { groupId, epoch, contentType, authenticatedData, encryptedSenderData, ciphertext }
}

/** Opens the sender data (§6.3.2): who sent, and with which key. @throws MlsError `mls.message.decrypt_failed` */
export const openSenderData = (suite: CipherSuite, message: PrivateMessage, senderDataSecret: Secret): SenderData => {
  const { groupId, epoch, contentType } = message
  const keys = senderDataKeys(suite, senderDataSecret, message.ciphertext)
  const aad = encode(SenderDataAAD, { groupId, epoch, contentType })
  return oneFailure(() => decode(SenderData, openWithKeys(suite, keys, aad, message.encryptedSenderData)))
}

/**
 * Opens the content (§6.3.1) with a key that is consumed only once the signature holds.
 * @throws MlsError `mls.message.decrypt_failed` | `mls.message.bad_padding` | BaseError `base.codec.*`
 */
export const unprotectPrivate = (
  suite: CipherSuite, message: PrivateMessage, { senderData, messageKey }: { readonly senderData: SenderData; readonly messageKey: MessageKey },
): SignedContent => {
  const { groupId, epoch, contentType, authenticatedData } = message
  const nonce = guardedNonce(messageKey.nonce, senderData.reuseGuard)
  const aad = encode(PrivateContentAAD, { groupId, epoch, contentType, authenticatedData })
  const plaintext = oneFailure(() => openWithKeys(suite, { key: messageKey.key, nonce }, aad, message.ciphertext))
  const { content, auth, padding } = readPrivateContent(contentType, plaintext)
  // §6.3.1: the padding MUST be all zero
  check(padding.every((byte) => byte === 0), 'mls.message.bad_padding')
  const framed: FramedContent = {
    groupId, epoch, sender: { senderType: SenderType.member, leafIndex: senderData.leafIndex }, authenticatedData, content,
  }
  return { wireFormat: WireFormat.privateMessage, content: framed, contentBytes: encode(FramedContent, framed), auth }
}

/** sender_data_key and sender_data_nonce (§6.3.2), from the first Nh bytes of the ciphertext. */
const senderDataKeys = (suite: CipherSuite, senderDataSecret: Secret, ciphertext: Uint8Array): AeadKeys => {
  const sample = ciphertext.subarray(0, suite.hashLength)
  return {
    key: expandWithLabel(suite, senderDataSecret, 'key', sample, suite.aead.keyLength),
    nonce: expandWithLabel(suite, senderDataSecret, 'nonce', sample, suite.aead.nonceLength),
  }
}

/** One code for every way in which opening can fail: no oracle. */
const oneFailure = <T>(open: () => T): T => {
  try {
    return open()
  } catch (error) {
    if (error instanceof MlsError || error instanceof BaseError) throw new MlsError('mls.message.decrypt_failed', {}, { cause: error })
    throw error
  }
}
