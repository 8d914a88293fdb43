/**
 * What a delivery server may know of a message: the header that MLS leaves in clear, and public KeyPackages.
 * No secret, no key schedule, no group: nothing here can decrypt.
 */
import { decodeMessage } from './wire/message.js'
import { isLastResort } from './wire/key-package.js'
import { ContentType, LeafNodeSource, WireFormat } from './wire/registries.js'
import { check } from './errors.js'

/** The clear part of an MLSMessage. */
export type InspectedMessage =
  | {
    readonly kind: 'private'
    readonly groupId: Uint8Array
    readonly epoch: bigint
    readonly contentType: keyof typeof ContentType
    /** Visible to everybody; authentic only once the message is opened. */
    readonly authenticatedData: Uint8Array
  }
  | {
    readonly kind: 'public'
    readonly groupId: Uint8Array
    readonly epoch: bigint
    readonly contentType: keyof typeof ContentType
  }
  | { readonly kind: 'welcome' | 'groupInfo' | 'keyPackage' }

const CONTENT_NAMES: Readonly<Record<ContentType, keyof typeof ContentType>> = {
  [ContentType.application]: 'application',
  [ContentType.proposal]: 'proposal',
  [ContentType.commit]: 'commit',
}

/**
 * Reads the clear header of an MLSMessage (RFC 9420 §6); byte strings view `message`.
 * @throws MlsError `mls.message.too_large` | BaseError `base.codec.*`
 */
export const inspectMessage = (message: Uint8Array): InspectedMessage => {
  const decoded = decodeMessage(message)
  switch (decoded.wireFormat) {
    case WireFormat.privateMessage: {
      const { groupId, epoch, contentType, authenticatedData } = decoded.privateMessage
      return { kind: 'private', groupId, epoch, contentType: CONTENT_NAMES[contentType], authenticatedData }
    }
    case WireFormat.publicMessage: {
      const { groupId, epoch, content } = decoded.publicMessage.content
      return { kind: 'public', groupId, epoch, contentType: CONTENT_NAMES[content.contentType] }
    }
    case WireFormat.welcome:
      return { kind: 'welcome' }
    case WireFormat.groupInfo:
      return { kind: 'groupInfo' }
    case WireFormat.keyPackage:
      return { kind: 'keyPackage' }
  }
}

/** What a KeyPackage says of itself; nothing of it is verified. */
export interface InspectedKeyPackage {
  readonly cipherSuite: number
  readonly signatureKey: Uint8Array
  /** Seconds since 1970. */
  readonly notBefore: bigint
  readonly notAfter: bigint
  readonly isLastResort: boolean
}

/** @throws MlsError `mls.message.unexpected_kind` | `mls.leaf.wrong_source` | BaseError `base.codec.*` */
export const inspectKeyPackage = (message: Uint8Array): InspectedKeyPackage => {
  const decoded = decodeMessage(message)
  check(decoded.wireFormat === WireFormat.keyPackage, 'mls.message.unexpected_kind')
  const { cipherSuite, leafNode, extensions } = decoded.keyPackage
  check(leafNode.source.leafNodeSource === LeafNodeSource.keyPackage, 'mls.leaf.wrong_source')
  const { notBefore, notAfter } = leafNode.source.lifetime
  return { cipherSuite, signatureKey: leafNode.signatureKey, notBefore, notAfter, isLastResort: isLastResort({ extensions }) }
}
