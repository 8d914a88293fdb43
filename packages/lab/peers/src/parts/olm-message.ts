/**
 * What is inside Olm's and Megolm's ciphertexts, byte by byte.
 */
import { type AuthorshipReport, verifiesAlone } from '@famichat/lab'
import { fieldsOf } from './tlv.js'

const OLM_MAC_BYTES = 8
const MEGOLM_MAC_BYTES = 8
const SIGNATURE_BYTES = 64

/** An Olm message: version, ratchet key, index, ciphertext, MAC. */
export const olmAuthorship = (base64: string): AuthorshipReport => {
  const bytes = Buffer.from(base64, 'base64')
  const sizes = fieldsOf(bytes.subarray(1, -OLM_MAC_BYTES)).map(({ number, value }) => `field ${number.toString()}: ${value.length.toString()}`).join(', ')
  return {
    signedBy: 'nobody',
    how: `every byte is accounted for: version 1, ${sizes}, MAC ${OLM_MAC_BYTES.toString()}. No signature is among them; the MAC's key is known to both sides, so the receiver could have made the message himself`,
  }
}

/** A Megolm message: version, index, ciphertext, MAC, and a signature by the key that is the session's id. */
export const megolmAuthorship = (base64: string, sessionId: string): AuthorshipReport => {
  const bytes = Buffer.from(base64, 'base64')
  const message = bytes.subarray(0, -SIGNATURE_BYTES)
  fieldsOf(message.subarray(1, -MEGOLM_MAC_BYTES))
  const isSigned = verifiesAlone({ publicKey: Buffer.from(sessionId, 'base64'), message, signature: bytes.subarray(-SIGNATURE_BYTES) })
  return {
    signedBy: isSigned ? 'session key' : 'nobody',
    how: isSigned
      ? 'each message ends with an Ed25519 signature that node:crypto alone verifies under the session id, which is the public key; that the session is the sender\'s was said over Olm only, which proves it to its receiver and to nobody else'
      : 'the signature does not verify',
  }
}
