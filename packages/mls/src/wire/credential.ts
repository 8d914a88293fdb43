/**
 * Credentials (RFC 9420 §5.3). An unknown type is kept as bytes: every registered type starts with a vector.
 * Layer: wire.
 */
import { BaseError, type Codec, opaque, uint16, vector } from '@famichat/base'
import { limits } from '../limits.js'
import { CredentialType } from './registries.js'

export interface BasicCredential {
  readonly credentialType: typeof CredentialType.basic
  readonly identity: Uint8Array
}

export interface X509Credential {
  readonly credentialType: typeof CredentialType.x509
  /** DER certificates, the leaf's first. */
  readonly certificates: readonly Uint8Array[]
}

/** A credential of a type this engine does not know; validation decides whether it may be in use. */
export interface OpaqueCredential {
  readonly credentialType: number
  readonly content: Uint8Array
}

export type Credential = BasicCredential | X509Credential | OpaqueCredential

const identity = opaque({ max: limits.maxIdentityBytes })
const certificates = vector(opaque({ min: 1, max: limits.maxCertificateBytes }), { max: limits.maxCertificates })

const KNOWN: ReadonlySet<number> = new Set(Object.values(CredentialType))

export const Credential: Codec<Credential> = {
  encodeInto: (writer, credential) => {
    const { credentialType } = credential
    uint16.encodeInto(writer, credentialType)
    if (credentialType === CredentialType.basic && 'identity' in credential) identity.encodeInto(writer, credential.identity)
    else if (credentialType === CredentialType.x509 && 'certificates' in credential) certificates.encodeInto(writer, credential.certificates)
    else if (!KNOWN.has(credentialType) && 'content' in credential) identity.encodeInto(writer, credential.content)
    // nobody could read it
    else throw new BaseError('base.codec.unknown_value', { what: 'credentialType', value: credentialType })
  },
  decodeFrom: (reader) => {
    const credentialType = uint16.decodeFrom(reader)
    switch (credentialType) {
      case CredentialType.basic:
        return { credentialType, identity: identity.decodeFrom(reader) }
      case CredentialType.x509:
        return { credentialType, certificates: certificates.decodeFrom(reader) }
      default:
        return { credentialType, content: identity.decodeFrom(reader) }
    }
  },
}

/** A basic credential (§5.3). @param identity at most 2048 bytes */
export const makeBasicCredential = (identity: Uint8Array): BasicCredential => ({ credentialType: CredentialType.basic, identity })
