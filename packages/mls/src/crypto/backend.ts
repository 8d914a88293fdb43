/**
 * What the engine asks of a platform: primitives only, one object per algorithm.
 * Layer: crypto. Hash and AEAD are synchronous; signatures and key agreement may return promises.
 */
import type { RandomBytes, Secret } from '@famichat/base'

/** A value now, or a promise of it: asymmetric operations on platforms that only have asynchronous ones. */
export type MaybePromise<T> = T | Promise<T>

export type HashName = 'sha256' | 'sha384' | 'sha512'
export type AeadName = 'aes128gcm' | 'aes256gcm' | 'chacha20poly1305'
export type CurveName = 'x25519' | 'x448' | 'p256' | 'p384' | 'p521'
export type SignatureName = 'ed25519' | 'ed448' | 'p256' | 'p384' | 'p521'

/** A hash and its HMAC (RFC 2104). */
export interface Hash {
  readonly name: HashName
  /** Output length in bytes (Nh). */
  readonly outputLength: number
  digest(data: Uint8Array): Uint8Array
  hmac(key: Uint8Array, data: Uint8Array): Uint8Array
}

/** An AEAD (RFC 5116); the 16-byte tag is at the end of the ciphertext. */
export interface Aead {
  readonly name: AeadName
  /** Key length in bytes (Nk). */
  readonly keyLength: number
  /** Nonce length in bytes (Nn). */
  readonly nonceLength: number
  seal(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Uint8Array
  /** @throws MlsError `mls.crypto.open_failed` */
  open(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, ciphertext: Uint8Array): Uint8Array
}

/** A public key and the private key that belongs to it, serialized as RFC 9180 §7.1 says. */
export interface KeyPair {
  readonly publicKey: Uint8Array
  readonly privateKey: Secret
}

/** A Diffie-Hellman group (RFC 9180 §4.1). */
export interface Curve {
  readonly name: CurveName
  /** Length of a serialized private key in bytes (Nsk). */
  readonly privateKeyLength: number
  /** Length of a serialized public key in bytes (Npk). */
  readonly publicKeyLength: number
  /** The public key of a private key. @throws MlsError `mls.crypto.bad_private_key` */
  publicKeyOf(privateKey: Secret): MaybePromise<Uint8Array>
  /** The shared secret. @throws MlsError `mls.crypto.bad_public_key` (off the curve, low order, wrong length) */
  agree(privateKey: Secret, publicKey: Uint8Array): MaybePromise<Secret>
  /** `agree` with a fresh key pair of the platform's own generator, where that is faster. @throws MlsError `mls.crypto.bad_public_key` */
  agreeFresh?(publicKey: Uint8Array): MaybePromise<FreshAgreement>
}

/** A Diffie-Hellman with a key pair that exists for this one use. */
export interface FreshAgreement {
  readonly publicKey: Uint8Array
  readonly sharedSecret: Secret
}

/** A signature algorithm; keys and signatures as RFC 9420 §5.1.2 serializes them. */
export interface SignatureScheme {
  readonly name: SignatureName
  generateKeyPair(random: RandomBytes): MaybePromise<KeyPair>
  publicKeyOf(privateKey: Secret): MaybePromise<Uint8Array>
  sign(privateKey: Secret, publicKey: Uint8Array, message: Uint8Array): MaybePromise<Uint8Array>
  /** False for anything that is not a valid signature, a malformed key included. */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): MaybePromise<boolean>
}

/** A key encapsulation mechanism (RFC 9180 §4). */
export interface Kem {
  /** Length of a serialized public key in bytes (Npk). */
  readonly publicKeyLength: number
  /** False for keys nobody can encrypt to: another length, off the curve, of low order. Needs no private key. */
  isPublicKey(publicKey: Uint8Array): boolean
  /** DeriveKeyPair: the same `ikm` gives the same pair. */
  deriveKeyPair(ikm: Secret): MaybePromise<KeyPair>
  /** Encap to `publicKey`. @throws MlsError `mls.crypto.bad_public_key` */
  encapsulate(publicKey: Uint8Array, random: RandomBytes): MaybePromise<Encapsulated>
  /** Decap with the recipient's pair. @throws MlsError `mls.crypto.open_failed` */
  decapsulate(kemOutput: Uint8Array, recipient: KeyPair): MaybePromise<Secret>
}

export interface Encapsulated {
  readonly kemOutput: Uint8Array
  readonly sharedSecret: Secret
}

/** Threads that take over jobs (jobs.ts). */
export interface CryptoThreads {
  /**
   * Begins jobs and returns at once; undefined when they are too few to be worth it, or the threads are at other work.
   * @param count of the jobs
   * @param make makes them, where they are to be shared
   * @param maxResultBytes room for one result
   */
  share(count: number, make: () => readonly Uint8Array[], maxResultBytes: number): SharedJobs | undefined
}

/** Jobs under way: begun in their order, which is also the order to ask for results in. */
export interface SharedJobs {
  /** The result of one job, each asked for once; the calling thread does jobs while it waits. */
  result(index: number): Uint8Array
  /** Gives up what nobody asked for and wipes everything, the jobs included. Must be called. */
  end(): void
}

/** A cipher suite with a KEM that RFC 9420 does not register. */
export interface ExtraSuite {
  readonly kem: Kem
  /** RFC 9180 §7.1. */
  readonly kemId: number
  readonly hash: HashName
  readonly aead: AeadName
  readonly signature: SignatureName
}

/** A platform's primitives. */
export interface CryptoBackend {
  readonly name: string
  /** By suite number, which is of the private-use range (RFC 9420 §17.1). */
  readonly extraSuites?: ReadonlyMap<number, ExtraSuite>
  /** Absent where there are no threads, or none that are worth it. */
  readonly threads?: CryptoThreads
  hash(name: HashName): Hash
  aead(name: AeadName): Aead
  curve(name: CurveName): Curve
  signature(name: SignatureName): SignatureScheme
}
