/**
 * The backend of browsers: WebCrypto where it has the curve, noble where it has not, noble for hash and AEAD.
 * Whether WebCrypto has a curve is found out by using it, once; noble's curves are loaded only when one is missing.
 * Layer: crypto.
 */
import type { webcrypto } from 'node:crypto'
import { Secret } from '@famichat/base'
import { check } from '../errors.js'
import { CURVE_BYTES, isNist, publicKeyBytes } from './algorithm-sizes.js'
import type { Aead, AeadName, CryptoBackend, Curve, CurveName, SignatureName, SignatureScheme } from './backend.js'
import { nobleChaCha, nobleHash } from './noble-symmetric.js'
import { webCryptoCurve, webCryptoSignature } from './webcrypto-primitives.js'

type SubtleCrypto = webcrypto.SubtleCrypto

/** What to build the backend on. */
export interface WebCryptoBackendOptions {
  /** The platform's `crypto.subtle` unless another is given. */
  readonly subtle?: SubtleCrypto
  /** False: suites with AES-GCM (1, 2, 4, 5, 7) are not to be had, and it is not loaded. */
  readonly withAesGcm?: boolean
}

/**
 * The backend for browsers, with the curves of the default suite already tried. Needs a secure context. Setting up a suite whose AEAD was
 * left out throws MlsError `mls.crypto.unsupported_suite`.
 */
export const makeWebCryptoBackend = async (
  { subtle = globalThis.crypto.subtle, withAesGcm = true }: WebCryptoBackendOptions = {},
): Promise<CryptoBackend> => {
  const gcm = withAesGcm ? (await import('./noble-gcm.js')).nobleGcm : undefined
  const aead = (name: AeadName): Aead => {
    if (name === 'chacha20poly1305') return nobleChaCha()
    check(gcm !== undefined, 'mls.crypto.unsupported_suite')
    return gcm(name)
  }
  const curves = new Map<CurveName, Curve>()
  const signatures = new Map<SignatureName, SignatureScheme>()
  const curve = (name: CurveName): Curve => remembered(curves, name, () => chosenCurve(subtle, name))
  const signature = (name: SignatureName): SignatureScheme => remembered(signatures, name, () => chosenSignature(subtle, name))
  await Promise.all([curveWorks(curve('x25519')), signatureWorks(signature('ed25519'))])
  return { name: 'webcrypto', hash: nobleHash, aead, curve, signature }
}

const chosenCurve = (subtle: SubtleCrypto, name: CurveName): Curve => {
  const choose = once(async () => {
    const platform = name === 'x448' ? undefined : webCryptoCurve(subtle, name)
    return platform !== undefined && await curveWorks(platform) ? platform : loadNobleCurve(name)
  })
  return {
    name,
    privateKeyLength: CURVE_BYTES[name],
    publicKeyLength: publicKeyBytes(name),
    publicKeyOf: async (privateKey) => (await choose()).publicKeyOf(privateKey),
    agree: async (privateKey, publicKey) => (await choose()).agree(privateKey, publicKey),
  }
}

const chosenSignature = (subtle: SubtleCrypto, name: SignatureName): SignatureScheme => {
  const choose = once(async () => {
    const platform = name === 'ed448' ? undefined : webCryptoSignature(subtle, name)
    return platform !== undefined && await signatureWorks(platform) ? platform : loadNobleSignature(name)
  })
  return {
    name,
    generateKeyPair: async (random) => (await choose()).generateKeyPair(random),
    publicKeyOf: async (privateKey) => (await choose()).publicKeyOf(privateKey),
    sign: async (privateKey, publicKey, message) => (await choose()).sign(privateKey, publicKey, message),
    verify: async (publicKey, message, signature) => (await choose()).verify(publicKey, message, signature),
  }
}

// two files, so that a browser loads only the kind it lacks
const loadNobleCurve = async (name: CurveName): Promise<Curve> =>
  isNist(name) ? (await import('./noble-nist.js')).nobleNistCurve(name) : (await import('./noble-edwards.js')).nobleMontgomeryCurve(name)

const loadNobleSignature = async (name: SignatureName): Promise<SignatureScheme> =>
  isNist(name) ? (await import('./noble-nist.js')).nobleNistSignature(name) : (await import('./noble-edwards.js')).nobleEdwardsSignature(name)

/** A private key nobody uses, to try an algorithm with: 0…01 is one on every curve. */
const trialKey = (length: number): Secret => {
  const key = new Uint8Array(length)
  key[length - 1] = 1
  return new Secret(key)
}

const curveWorks = async (curve: Curve): Promise<boolean> => {
  const key = trialKey(curve.privateKeyLength)
  try {
    await curve.agree(key, await curve.publicKeyOf(key))
    return true
  } catch {
    return false
  }
}

const signatureWorks = async (scheme: SignatureScheme): Promise<boolean> => {
  const message = new Uint8Array(1)
  try {
    const { publicKey, privateKey } = await scheme.generateKeyPair((length) => trialKey(length).expose())
    return await scheme.verify(publicKey, message, await scheme.sign(privateKey, publicKey, message))
  } catch {
    return false
  }
}

const once = <T>(make: () => Promise<T>): (() => Promise<T>) => {
  let made: Promise<T> | undefined
  return () => (made ??= make())
}

const remembered = <Name, T>(known: Map<Name, T>, name: Name, make: () => T): T => {
  const found = known.get(name) ?? make()
  known.set(name, found)
  return found
}
