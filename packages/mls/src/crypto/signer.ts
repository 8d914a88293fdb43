/**
 * Signer: the device's signature key, which the caller holds and the engine never sees.
 * Layer: crypto.
 */
import type { RandomBytes, Secret } from '@famichat/base'
import type { MaybePromise } from './backend.js'
import type { CipherSuite } from './cipher-suite.js'

/** Signs with one key. In browsers the key behind it is a non-extractable CryptoKey. */
export interface Signer {
  /** The serialized public key (RFC 9420 §5.1.1). */
  readonly publicKey: Uint8Array
  /** The raw signature over `message`; labels are the engine's work. */
  sign(message: Uint8Array): MaybePromise<Uint8Array>
}

/** A Signer over a private key held in memory; the Secret stays the caller's to wipe. */
export const makeSigner = async (suite: CipherSuite, privateKey: Secret): Promise<Signer> => {
  const publicKey = await suite.signature.publicKeyOf(privateKey)
  return { publicKey, sign: (message) => suite.signature.sign(privateKey, publicKey, message) }
}

/** A fresh signature key. The private key is the caller's to store and to wipe. */
export const generateSignatureKey = async (
  suite: CipherSuite, random: RandomBytes = suite.random,
): Promise<{ readonly signer: Signer; readonly privateKey: Secret }> => {
  const { publicKey, privateKey } = await suite.signature.generateKeyPair(random)
  return { signer: { publicKey, sign: (message) => suite.signature.sign(privateKey, publicKey, message) }, privateKey }
}
