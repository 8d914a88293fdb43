/**
 * Making KeyPackages (RFC 9420 §10) and keeping their private keys until a Welcome comes.
 * Layer: group.
 */
import { decodeSecret, EMPTY, encode, encodeSecret, type RandomBytes, type Secret, secretBytes, struct } from '@famichat/base'
import { type CipherSuite, supportedCipherSuites } from '../crypto/cipher-suite.js'
import { makeKeyPackageRef, signWithLabel } from '../crypto/labels.js'
import type { Signer } from '../crypto/signer.js'
import { toLeafIndex } from '../tree/math.js'
import { freshKeyPair, signLeafNode } from '../tree/treekem.js'
import { validateExtensions } from '../validate/extensions.js'
import { requireListed, validateLeafContents } from '../validate/leaf-node.js'
import type { Credential } from '../wire/credential.js'
import type { Capabilities, Extension } from '../wire/extension.js'
import { encodeKeyPackageTBS, isLastResort, KeyPackage } from '../wire/key-package.js'
import type { Lifetime } from '../wire/leaf-node.js'
import { encodeMessage } from '../wire/message.js'
import { CredentialType, ExtensionType, LeafNodeSource, ProtocolVersion, WireFormat } from '../wire/registries.js'
import { greaseValue } from './grease.js'

/** A KeyPackage with its private keys. The bundle owns them. */
export interface KeyPackageBundle {
  readonly keyPackage: KeyPackage
  /** KeyPackageRef (§5.2): how a Welcome names it. */
  readonly ref: Uint8Array
  /** True when it may be used more than once (extensions draft §6.4): whoever joins with it updates its keys at once (§16.8). */
  readonly isLastResort: boolean
  /** The MLSMessage to publish. */
  readonly message: Uint8Array
  readonly initPrivateKey: Secret
  readonly encryptionPrivateKey: Secret
}

/** What a client says of itself in a leaf. */
export interface LeafParameters {
  readonly credential: Credential
  readonly capabilities: Capabilities
  readonly extensions?: readonly Extension[]
}

/** Capabilities (§7.2) of this engine, with types of the application's own and a GREASE value in each list. */
export const makeCapabilities = (random: RandomBytes, { cipherSuites = [], extensions = [], proposals = [] }: {
  /** Besides those of RFC 9420: the backend must offer them. */
  readonly cipherSuites?: readonly number[]
  readonly extensions?: readonly number[]
  readonly proposals?: readonly number[]
} = {}): Capabilities => ({
  versions: [ProtocolVersion.mls10],
  cipherSuites: [...supportedCipherSuites, ...cipherSuites, greaseValue(random)],
  extensions: [...extensions, ExtensionType.lastResort, greaseValue(random)],
  proposals: [...proposals, greaseValue(random)],
  credentials: [CredentialType.basic, CredentialType.x509, greaseValue(random)],
})

/** A lifetime (§7.2) that starts an hour ago, for clocks that differ. @param seconds from now */
export const makeLifetime = (nowSeconds: bigint, seconds: bigint): Lifetime =>
  ({ notBefore: nowSeconds - 3600n, notAfter: nowSeconds + seconds })

/**
 * Creates a KeyPackage (§10), and refuses one that every group would refuse.
 * @throws MlsError `mls.leaf.unsupported_version_or_suite` | `mls.leaf.own_credential_unsupported` | `mls.leaf.extension_unsupported` | `mls.extension.*`
 */
export const makeKeyPackage = async (suite: CipherSuite, signer: Signer, parameters: LeafParameters & {
  readonly lifetime: Lifetime
  /** May be handed out more than once, when no other is left (§16.8). */
  readonly isLastResort?: boolean
  /** Extensions of the KeyPackage itself; those of its leaf are `extensions`. */
  readonly keyPackageExtensions?: readonly Extension[]
}): Promise<KeyPackageBundle> => {
  const initKeys = await freshKeyPair(suite)
  const leafKeys = await freshKeyPair(suite)
  const leafNode = await signLeafNode({
    encryptionKey: leafKeys.publicKey,
    signatureKey: signer.publicKey,
    credential: parameters.credential,
    capabilities: parameters.capabilities,
    source: { leafNodeSource: LeafNodeSource.keyPackage, lifetime: parameters.lifetime },
    extensions: parameters.extensions ?? [],
  }, signer, { groupId: new Uint8Array(0), leafIndex: toLeafIndex(0) })
  const unsigned = {
    version: ProtocolVersion.mls10,
    cipherSuite: suite.id,
    initKey: initKeys.publicKey,
    leafNode,
    extensions: [
      ...(parameters.isLastResort === true ? [{ extensionType: ExtensionType.lastResort, extensionData: EMPTY }] : []),
      ...(parameters.keyPackageExtensions ?? []),
    ],
  }
  validateLeafContents({ suite, extensions: [], nowSeconds: undefined, maxLifetimeSeconds: undefined }, leafNode)
  validateExtensions(unsigned.extensions, 'keyPackage')
  // §10: a MUST for whoever makes one; who receives one ignores what it does not know
  requireListed(leafNode, unsigned.extensions)
  const keyPackage: KeyPackage = { ...unsigned, signature: await signWithLabel(signer, 'KeyPackageTBS', encodeKeyPackageTBS(unsigned)) }
  return bundleOf(suite, keyPackage, { initPrivateKey: initKeys.privateKey, encryptionPrivateKey: leafKeys.privateKey })
}

/** A bundle from its parts, as a test vector or another store gives them; takes ownership of the keys. */
export const bundleOf = (
  suite: CipherSuite, keyPackage: KeyPackage, keys: Pick<KeyPackageBundle, 'initPrivateKey' | 'encryptionPrivateKey'>,
): KeyPackageBundle => ({
  keyPackage,
  ref: makeKeyPackageRef(suite, encode(KeyPackage, keyPackage)),
  isLastResort: isLastResort(keyPackage),
  message: encodeMessage({ wireFormat: WireFormat.keyPackage, keyPackage }),
  ...keys,
})

const StoredBundle = struct({ keyPackage: KeyPackage, initPrivateKey: secretBytes(), encryptionPrivateKey: secretBytes() })

/** The stored form of a bundle; its bytes are secret. */
export const encodeKeyPackageBundle = ({ keyPackage, initPrivateKey, encryptionPrivateKey }: KeyPackageBundle): Secret =>
  encodeSecret(StoredBundle, { keyPackage, initPrivateKey, encryptionPrivateKey })

/** Reads a stored bundle. @throws BaseError `base.codec.*` */
export const decodeKeyPackageBundle = (suite: CipherSuite, stored: Secret): KeyPackageBundle => {
  const { keyPackage, ...keys } = decodeSecret(StoredBundle, stored)
  return bundleOf(suite, keyPackage, keys)
}
