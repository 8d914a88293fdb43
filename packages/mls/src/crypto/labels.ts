/**
 * The labelled functions of RFC 9420: ExpandWithLabel, DeriveSecret, RefHash, SignWithLabel, EncryptWithLabel.
 * Layer: crypto.
 */
import { type Codec, concat, EMPTY, encode, opaque, Secret, struct, utf8, vectorPrefix, withEncoding } from '@famichat/base'
import type { KeyPair, MaybePromise } from './backend.js'
import type { CipherSuite } from './cipher-suite.js'
import type { Sealed } from './hpke.js'
import type { BegunEncapsulations } from './batch.js'
import { hkdfExpand, hkdfExtract } from './kdf.js'
import type { Signer } from './signer.js'

const LabelAndContent = struct({ label: opaque(), content: opaque() })

const prefixedLabels = new Map<string, Uint8Array>()

/** "MLS 1.0 " + label, in UTF-8. */
const mlsLabel = (label: string): Uint8Array => {
  let bytes = prefixedLabels.get(label)
  if (bytes === undefined) {
    bytes = utf8(`MLS 1.0 ${label}`)
    // exporter labels come from the application: keep the cache small
    if (prefixedLabels.size < 64) prefixedLabels.set(label, bytes)
  }
  return bytes
}

/** KDFLabel (§8) with one free byte at its end for HKDF-Expand's counter. */
const kdfLabel = (length: number, label: Uint8Array, context: Uint8Array): Uint8Array => {
  if (label.length >= 64 || context.length >= 64) {
    return concat(Uint8Array.of(length >>> 8, length & 0xff), encode(LabelAndContent, { label, content: context }), Uint8Array.of(0))
  }
  const info = new Uint8Array(5 + label.length + context.length)
  info[0] = length >>> 8
  info[1] = length & 0xff
  info[2] = label.length
  info.set(label, 3)
  info[3 + label.length] = context.length
  info.set(context, 4 + label.length)
  return info
}

/** KDF.Extract(salt, ikm). */
export const extract = (suite: CipherSuite, salt: Secret, ikm: Secret): Secret =>
  new Secret(hkdfExtract(suite.hash, salt.expose(), ikm.expose()))

/** ExpandWithLabel (§8). @param length bytes of output */
export const expandWithLabel = (suite: CipherSuite, secret: Secret, label: string, context: Uint8Array, length: number): Secret =>
  new Secret(hkdfExpand(suite.hash, secret.expose(), kdfLabel(length, mlsLabel(label), context), length))

/** DeriveSecret (§8). */
export const deriveSecret = (suite: CipherSuite, secret: Secret, label: string): Secret =>
  expandWithLabel(suite, secret, label, EMPTY, suite.hashLength)

/** DeriveTreeSecret (§9.1). */
export const deriveTreeSecret = (suite: CipherSuite, secret: Secret, label: string, generation: number, length: number): Secret =>
  expandWithLabel(suite, secret, label, Uint8Array.of(generation >>> 24, generation >>> 16, generation >>> 8, generation), length)

/** The all-zero secret of KDF.Nh bytes (§8). */
export const zeroSecret = (suite: CipherSuite): Secret => new Secret(new Uint8Array(suite.hashLength))

/** A key and nonce for one AEAD call. */
export interface AeadKeys {
  readonly key: Secret
  readonly nonce: Secret
}

/** AEAD.Seal with keys that stay the caller's to wipe. */
export const sealWithKeys = (suite: CipherSuite, { key, nonce }: AeadKeys, aad: Uint8Array, plaintext: Uint8Array): Uint8Array =>
  suite.aead.seal(key.expose(), nonce.expose(), aad, plaintext)

/** AEAD.Open. @throws MlsError `mls.crypto.open_failed` */
export const openWithKeys = (suite: CipherSuite, { key, nonce }: AeadKeys, aad: Uint8Array, ciphertext: Uint8Array): Uint8Array =>
  suite.aead.open(key.expose(), nonce.expose(), aad, ciphertext)

/** MAC(key, data) (§6.1). */
export const mac = (suite: CipherSuite, key: Secret, data: Uint8Array): Uint8Array => suite.hash.hmac(key.expose(), data)

/** Hash of a value's encoding, of which no copy is made. */
export const hashOf = <T>(suite: CipherSuite, codec: Codec<T>, value: T): Uint8Array =>
  withEncoding(codec, value, (encoding) => suite.hash.digest(encoding))

/** RefHash (§5.2); `label` is used as given. */
export const refHash = (suite: CipherSuite, label: string, value: Uint8Array): Uint8Array =>
  hashOf(suite, LabelAndContent, { label: utf8(label), content: value })

/** MakeKeyPackageRef (§5.2) of an encoded KeyPackage. */
export const makeKeyPackageRef = (suite: CipherSuite, keyPackage: Uint8Array): Uint8Array =>
  refHash(suite, 'MLS 1.0 KeyPackage Reference', keyPackage)

/** MakeProposalRef (§5.2) of an encoded AuthenticatedContent. */
export const makeProposalRef = (suite: CipherSuite, authenticatedContent: Uint8Array): Uint8Array =>
  refHash(suite, 'MLS 1.0 Proposal Reference', authenticatedContent)

/** SignWithLabel (§5.1.2), over the parts of the content joined. */
export const signWithLabel = (signer: Signer, label: string, ...content: readonly Uint8Array[]): MaybePromise<Uint8Array> =>
  signer.sign(signContentOf(label, ...content))

/** SignContent (§5.1.2); the content may come in parts, which are joined once. */
export const signContentOf = (label: string, ...content: readonly Uint8Array[]): Uint8Array => {
  const prefix = encode(opaque(), mlsLabel(label))
  const length = content.reduce((sum, part) => sum + part.length, 0)
  return concat(prefix, vectorPrefix(length), ...content)
}

/** VerifyWithLabel (§5.1.2). */
export const verifyWithLabel = (
  suite: CipherSuite, publicKey: Uint8Array, label: string, signed: { readonly content: Uint8Array | readonly Uint8Array[]; readonly signature: Uint8Array },
): MaybePromise<boolean> =>
  suite.signature.verify(publicKey, signContentOf(label, ...(signed.content instanceof Uint8Array ? [signed.content] : signed.content)), signed.signature)

/** EncryptWithLabel (§5.1.3). @throws MlsError `mls.crypto.bad_public_key` */
export const encryptWithLabel = (
  suite: CipherSuite, publicKey: Uint8Array, label: string, message: { readonly context: Uint8Array; readonly plaintext: Secret },
): Promise<Sealed> =>
  suite.hpke.seal(publicKey, suite.hpke.scheduleContext(encryptContext(label, message.context)), message.plaintext.expose(), suite.random)

/** EncryptWithLabel of many plaintexts in one context, the first to the first recipient of the work. @throws MlsError `mls.crypto.bad_public_key` */
export const encryptAllWithLabel = async (
  suite: CipherSuite, work: BegunEncapsulations, label: string, { context, plaintexts }: { readonly context: Uint8Array; readonly plaintexts: readonly Secret[] },
): Promise<readonly Sealed[]> => {
  const scheduled = suite.hpke.scheduleContext(encryptContext(label, context))
  const sealed: Sealed[] = []
  for (const [index, plaintext] of plaintexts.entries()) {
    const encapsulated = work.encapsulated(index)
    sealed.push(suite.hpke.sealWith(encapsulated instanceof Promise ? await encapsulated : encapsulated, scheduled, plaintext.expose()))
  }
  return sealed
}

/** DecryptWithLabel (§5.1.3). @throws MlsError `mls.crypto.open_failed` */
export const decryptWithLabel = async (
  suite: CipherSuite, recipient: KeyPair, label: string, message: { readonly context: Uint8Array; readonly sealed: Sealed },
): Promise<Secret> =>
  new Secret(await suite.hpke.open(recipient, suite.hpke.scheduleContext(encryptContext(label, message.context)), message.sealed))

const encryptContext = (label: string, context: Uint8Array): Uint8Array =>
  encode(LabelAndContent, { label: mlsLabel(label), content: context })
