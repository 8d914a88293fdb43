/**
 * Cipher suites of ts-mls, with its faster provider (noble where it has noble, WebCrypto for the curves).
 */
import { p256 } from '@noble/curves/nist.js'
import { type CiphersuiteImpl, type CiphersuiteName, ciphersuites, getCiphersuiteFromName, getCiphersuiteImpl, nobleCryptoProvider } from 'ts-mls'

const NAMES: ReadonlyMap<number, CiphersuiteName> = new Map([
  [1, 'MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519'],
  [2, 'MLS_128_DHKEMP256_AES128GCM_SHA256_P256'],
  [3, 'MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519'],
])
const made = new Map<number, Promise<CiphersuiteImpl>>()

/** @param suiteId 1, 2 or 3 */
export const tsMlsSuite = (suiteId: number): Promise<CiphersuiteImpl> => {
  const name = NAMES.get(suiteId)
  if (name === undefined || ciphersuites[name] !== suiteId) throw new RangeError(`suite ${suiteId} is not set up for ts-mls`)
  const suite = made.get(suiteId) ?? getCiphersuiteImpl(getCiphersuiteFromName(name), nobleCryptoProvider)
  made.set(suiteId, suite)
  return suite
}

const PREFIX_BYTES: ReadonlyMap<number, number> = new Map([[33, 1], [67, 2]])

/**
 * The suite, taking public keys with their length in front: ts-mls reads external_pub as if it were the bare key,
 * but ExternalPub is a struct with an HPKEPublicKey, an opaque<V> (§12.4.3.2).
 */
export const acceptingPrefixedKeys = (suite: CiphersuiteImpl): CiphersuiteImpl => ({
  ...suite,
  hpke: {
    ...suite.hpke,
    importPublicKey: (key) => suite.hpke.importPublicKey(key.subarray(PREFIX_BYTES.get(key.length) ?? 0)),
  },
})

/** A signature key pair of ts-mls. */
export type SignatureKeys = Awaited<ReturnType<CiphersuiteImpl['signature']['keygen']>>

/**
 * A signature key pair. ts-mls gives the public key of P-256 compressed (33 bytes), but §5.1.1 wants it to be
 * an UncompressedPointRepresentation; its own verification takes both.
 */
export const makeSignatureKeys = async ({ signature }: CiphersuiteImpl): Promise<SignatureKeys> => {
  const { signKey, publicKey } = await signature.keygen()
  const isCompressed = publicKey.length === 33
  return { signKey, publicKey: isCompressed ? p256.Point.fromBytes(publicKey).toBytes(false) : publicKey }
}
