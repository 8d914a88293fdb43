/**
 * KeyPackage (RFC 9420 §10).
 * Layer: wire.
 */
import { type Codec, encode, type Infer, remembered, struct, uint16 } from '@famichat/base'
import { Extensions, readExtension } from './extension.js'
import { LeafNode } from './leaf-node.js'
import { ExtensionType, keyBytes, protocolVersion } from './registries.js'

const keyPackageFields = {
  version: protocolVersion,
  cipherSuite: uint16,
  initKey: keyBytes,
  leafNode: LeafNode,
  extensions: Extensions,
}

export const KeyPackage = remembered(struct({ ...keyPackageFields, signature: keyBytes }))
export type KeyPackage = Infer<typeof KeyPackage>
export type UnsignedKeyPackage = Omit<KeyPackage, 'signature'>
const UnsignedKeyPackage: Codec<UnsignedKeyPackage> = struct(keyPackageFields)

/** KeyPackageTBS (§10). */
export const encodeKeyPackageTBS = (keyPackage: UnsignedKeyPackage): Uint8Array => encode(UnsignedKeyPackage, keyPackage)

const LastResort = struct({})

/** The mark is all there is to it (extensions draft §6.4). @throws BaseError `base.codec.trailing_bytes` */
export const validateLastResort = ({ extensions }: Pick<KeyPackage, 'extensions'>): void => {
  readExtension(extensions, ExtensionType.lastResort, LastResort)
}

/** True when the KeyPackage says that it may be used more than once. */
export const isLastResort = ({ extensions }: Pick<KeyPackage, 'extensions'>): boolean =>
  extensions.some(({ extensionType }) => extensionType === ExtensionType.lastResort)
