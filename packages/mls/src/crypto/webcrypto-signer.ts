/**
 * A Signer whose private key is a CryptoKey that cannot be taken out: a page can sign with it and store it in
 * IndexedDB, but no script can read its bytes.
 * Layer: crypto.
 */
import type { webcrypto } from 'node:crypto'
import { MlsError } from '../errors.js'
import type { NistName } from './algorithm-sizes.js'
import type { Signer } from './signer.js'
import { importAlgorithm } from './webcrypto-keys.js'
import { signWithPlatform } from './webcrypto-primitives.js'

type CryptoKeyPair = webcrypto.CryptoKeyPair
type SubtleCrypto = webcrypto.SubtleCrypto
type PlatformSignatureName = 'ed25519' | NistName

/** A Signer and the pair behind it, which is the caller's to store (IndexedDB takes it as it is). */
export interface WebCryptoSigner extends Signer {
  readonly keyPair: CryptoKeyPair
}

/** Which key to make, and by which WebCrypto. */
export interface WebCryptoSignerOptions {
  /** The signature algorithm of the group's cipher suite; Ed25519 when not given. */
  readonly name?: PlatformSignatureName
  readonly subtle?: SubtleCrypto
}

/** A fresh, non-extractable signature key. @throws MlsError `mls.crypto.unsupported_suite` where the platform lacks the algorithm */
export const generateWebCryptoSigner = async (
  { name = 'ed25519', subtle = globalThis.crypto.subtle }: WebCryptoSignerOptions = {},
): Promise<WebCryptoSigner> => {
  let keyPair: CryptoKeyPair
  try {
    keyPair = await generate(subtle, name)
  } catch (error) {
    throw new MlsError('mls.crypto.unsupported_suite', {}, { cause: error })
  }
  return signerFromCryptoKeyPair(keyPair, { subtle })
}

/** The Signer of a stored pair. @throws MlsError `mls.crypto.bad_private_key` for keys that cannot sign in MLS */
export const signerFromCryptoKeyPair = async (
  keyPair: CryptoKeyPair, { subtle = globalThis.crypto.subtle }: Pick<WebCryptoSignerOptions, 'subtle'> = {},
): Promise<WebCryptoSigner> => {
  const { privateKey, publicKey } = keyPair
  const name = signatureNameOf(privateKey.algorithm)
  if (name === undefined || !privateKey.usages.includes('sign')) throw new MlsError('mls.crypto.bad_private_key')
  return {
    keyPair,
    publicKey: new Uint8Array(await subtle.exportKey('raw', publicKey)),
    sign: (message) => signWithPlatform(subtle, name, privateKey, message),
  }
}

// non-extractable concerns the private key only: public keys can always be exported
const generate = async (subtle: SubtleCrypto, name: PlatformSignatureName): Promise<CryptoKeyPair> => {
  const pair = await subtle.generateKey(importAlgorithm({ use: 'sign', name }), false, ['sign', 'verify'])
  if ('privateKey' in pair) return pair
  throw new TypeError('a signature algorithm yields a key pair')
}

const signatureNameOf = (algorithm: webcrypto.KeyAlgorithm & { readonly namedCurve?: string }): PlatformSignatureName | undefined =>
  (['ed25519', 'p256', 'p384', 'p521'] as const).find((name) => {
    const { name: wanted, namedCurve } = importAlgorithm({ use: 'sign', name })
    return algorithm.name === wanted && algorithm.namedCurve === namedCurve
  })
