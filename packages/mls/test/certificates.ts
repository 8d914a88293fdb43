/**
 * Certificates for tests: authorities and end entities with seeded Ed25519 or P-256 keys, made with pkijs.
 */
import { BitString, Integer, ObjectIdentifier, PrintableString, Utf8String } from 'asn1js'
import {
  AlgorithmIdentifier, AltName, AttributeTypeAndValue, BasicConstraints, Certificate, Extension, GeneralName, PublicKeyInfo, RelativeDistinguishedNames,
} from 'pkijs'
import { nodeBackend } from '@famichat/mls/node'
import { insecureSeededRandom } from '@famichat/base/testing'
import type { Secret } from '@famichat/base'
import { START_MS } from './builders.js'

/** Which keys certify: both are of RFC 9420's suites. */
export type KeyKind = 'ed25519' | 'p256'

interface KeyForm {
  readonly key: string
  readonly curve?: string
  readonly signature: string
}

const FORMS: Readonly<Record<KeyKind, KeyForm>> = {
  ed25519: { key: '1.3.101.112', signature: '1.3.101.112' },
  p256: { key: '1.2.840.10045.2.1', curve: '1.2.840.10045.3.1.7', signature: '1.2.840.10045.4.3.2' },
}

/** A name with a key, and the certificate somebody made for it. */
export interface Authority {
  readonly name: string
  readonly kind: KeyKind
  readonly publicKey: Uint8Array
  readonly privateKey: Secret
  readonly der: Uint8Array
}

export interface CertificateOptions {
  readonly kind?: KeyKind
  readonly isAuthority?: boolean
  readonly pathLength?: number
  /** First byte of the KeyUsage bits. */
  readonly keyUsage?: number
  readonly notBeforeMs?: number
  readonly notAfterMs?: number
  readonly altNames?: readonly string[]
  readonly extensions?: readonly Extension[]
  /** The key to certify, when it is not a fresh one. */
  readonly publicKey?: Uint8Array
  /** The curve the key claims to be on. */
  readonly claimedCurve?: string
  /** The algorithm the signature claims to be. */
  readonly claimedSignature?: string
}

const DAY_MS = 24 * 3600 * 1000
const HOLDER_KEYS = insecureSeededRandom(509)

/** A certificate for `name` by `issuer`; self-signed without one. */
export const certify = async (name: string, issuer: Authority | undefined, options: CertificateOptions = {}): Promise<Authority> => {
  const kind = options.kind ?? 'ed25519'
  const fresh = await nodeBackend.signature(kind).generateKeyPair(HOLDER_KEYS)
  const publicKey = options.publicKey ?? fresh.publicKey
  const signer = issuer ?? { name, kind, publicKey, privateKey: fresh.privateKey }
  const certificate = new Certificate()
  certificate.version = 2
  certificate.serialNumber = new Integer({ value: 1 + name.length })
  certificate.subject = nameOf(name)
  certificate.issuer = nameOf(signer.name)
  certificate.notBefore.value = new Date(options.notBeforeMs ?? START_MS - DAY_MS)
  certificate.notAfter.value = new Date(options.notAfterMs ?? START_MS + 365 * DAY_MS)
  certificate.subjectPublicKeyInfo = keyInfo(kind, publicKey, options.claimedCurve)
  certificate.extensions = extensionsOf(options)
  const algorithm = new AlgorithmIdentifier({ algorithmId: FORMS[signer.kind].signature })
  certificate.signature = algorithm
  const tbs = new Uint8Array(certificate.encodeTBS().toBER())
  const signature = await nodeBackend.signature(signer.kind).sign(signer.privateKey, signer.publicKey, tbs)
  certificate.signatureAlgorithm = new AlgorithmIdentifier({ algorithmId: options.claimedSignature ?? FORMS[signer.kind].signature })
  certificate.signatureValue = new BitString({ valueHex: signature.slice().buffer })
  const der = new Uint8Array(certificate.toSchema(true).toBER())
  return { name, kind, publicKey, privateKey: fresh.privateKey, der }
}

/** A self-signed authority. */
export const makeRoot = (name: string, options: CertificateOptions = {}): Promise<Authority> => certify(name, undefined, { isAuthority: true, ...options })

/** An extension with the given content. */
export const makeCertificateExtension = (extnID: string, critical: boolean, content: Uint8Array): Extension =>
  new Extension({ extnID, critical, extnValue: content.slice().buffer })

const nameOf = (name: string): RelativeDistinguishedNames => new RelativeDistinguishedNames({
  typesAndValues: [
    new AttributeTypeAndValue({ type: '2.5.4.6', value: new PrintableString({ value: 'DE' }) }),
    new AttributeTypeAndValue({ type: '2.5.4.3', value: new Utf8String({ value: name }) }),
  ],
})

const keyInfo = (kind: KeyKind, publicKey: Uint8Array, curve = FORMS[kind].curve): PublicKeyInfo => {
  const { key } = FORMS[kind]
  const algorithm = new AlgorithmIdentifier({ algorithmId: key, ...(curve ? { algorithmParams: new ObjectIdentifier({ value: curve }) } : {}) })
  return new PublicKeyInfo({ algorithm, subjectPublicKey: new BitString({ valueHex: publicKey.slice().buffer }) })
}

const extensionsOf = ({ isAuthority = false, pathLength, keyUsage, altNames = [], extensions = [] }: CertificateOptions): Extension[] => {
  const constraints = new BasicConstraints({ cA: isAuthority, ...(pathLength === undefined ? {} : { pathLenConstraint: pathLength }) })
  const made = isAuthority ? [encoded('2.5.29.19', constraints.toSchema().toBER(), true)] : []
  if (keyUsage !== undefined) made.push(encoded('2.5.29.15', new BitString({ valueHex: Uint8Array.of(keyUsage).buffer }).toBER(), true))
  const names = altNames.map((value) => new GeneralName({ type: value.includes('@') ? 1 : 6, value }))
  if (names.length > 0) made.push(encoded('2.5.29.17', new AltName({ altNames: names }).toSchema().toBER(), false))
  return [...made, ...extensions]
}

const encoded = (extnID: string, content: ArrayBuffer, critical: boolean): Extension => new Extension({ extnID, critical, extnValue: content })
