/**
 * The seam to the engine: what the server may read of MLS bytes.
 * Until @famichat/mls/inspect is there it is done here; then this file becomes one line.
 */
import {
  closed, decode, opaque, Reader, struct, uint16, uint64, uint8, vector,
} from '@famichat/base'

/** What the clear header of an MLSMessage says. */
export type InspectedMessage =
  | { readonly kind: 'private' | 'public'; readonly groupId: Uint8Array; readonly epoch: bigint; readonly contentType: 'application' | 'proposal' | 'commit' }
  | { readonly kind: 'welcome' | 'groupInfo' | 'keyPackage' }

/** What a KeyPackage says in clear. */
export interface InspectedKeyPackage {
  readonly cipherSuite: number
  readonly signatureKey: Uint8Array
  readonly notBefore: bigint
  readonly notAfter: bigint
  readonly isLastResort: boolean
}

const version = closed(uint16, { mls10: 1 }, 'protocol version')
const wireFormat = closed(uint16, { public: 1, private: 2, welcome: 3, groupInfo: 4, keyPackage: 5 }, 'wire format')
const contentType = closed(uint8, { application: 1, proposal: 2, commit: 3 }, 'content type')
const CONTENT = { 1: 'application', 2: 'proposal', 3: 'commit' } as const
const bytes = opaque()

const privateMessage = struct({
  version, wireFormat, groupId: bytes, epoch: uint64, contentType, authenticatedData: bytes, encryptedSenderData: bytes,
  ciphertext: bytes,
})

/** Reads the clear header. @throws CodedError for what is not an MLSMessage */
export const inspectMessage = (message: Uint8Array): InspectedMessage => {
  const reader = new Reader(message)
  version.decodeFrom(reader)
  switch (wireFormat.decodeFrom(reader)) {
    case 2: {
      const header = decode(privateMessage, message)
      return { kind: 'private', groupId: header.groupId, epoch: header.epoch, contentType: CONTENT[header.contentType] }
    }
    case 3:
      return { kind: 'welcome' }
    case 4:
      return { kind: 'groupInfo' }
    case 5:
      return { kind: 'keyPackage' }
    default:
      return { kind: 'public', groupId: bytes.decodeFrom(reader), epoch: uint64.decodeFrom(reader), contentType: 'application' }
  }
}

const LAST_RESORT = 0x000a
const extension = struct({ type: uint16, data: bytes })
const keyPackageMessage = struct({
  version, wireFormat: closed(uint16, { keyPackage: 5 }, 'wire format'),
  keyPackageVersion: version, cipherSuite: uint16, initKey: bytes, encryptionKey: bytes, signatureKey: bytes,
  credentialType: closed(uint16, { basic: 1 }, 'credential type'), identity: bytes,
  versions: bytes, cipherSuites: bytes, extensionTypes: bytes, proposals: bytes, credentials: bytes,
  source: closed(uint8, { keyPackage: 1 }, 'leaf node source'), notBefore: uint64, notAfter: uint64,
  leafExtensions: vector(extension), leafSignature: bytes, extensions: vector(extension), signature: bytes,
})

/** Reads a KeyPackage's clear fields; checks no signature. @throws CodedError for what is not a KeyPackage */
export const inspectKeyPackage = (message: Uint8Array): InspectedKeyPackage => {
  const { cipherSuite, signatureKey, notBefore, notAfter, extensions } = decode(keyPackageMessage, message)
  return { cipherSuite, signatureKey, notBefore, notAfter, isLastResort: extensions.some(({ type }) => type === LAST_RESORT) }
}

