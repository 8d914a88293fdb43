/**
 * @famichat/mls/x509: an AuthenticationService for X.509 credentials (RFC 9420 §5.3, RFC 5280 §6).
 * pkijs reads the certificates and checks their signatures; the path is walked here, in the order RFC 9420 demands.
 * Not looked at: revocation. Refused rather than guessed: critical extensions and name constraints.
 */
import { type Clock, equal, systemClock } from '@famichat/base'
import { BitString, fromBER } from 'asn1js'
import {
  type AlgorithmIdentifier, AltName, BasicConstraints, Certificate, CryptoEngine, type Extension, type GeneralName, type PublicKeyInfo,
} from 'pkijs'
import type { CryptoBackend, SignatureName } from './crypto/backend.js'
import { check, MlsError } from './errors.js'
import type { AuthenticationService, Claim } from './validate/authentication.js'
import type { Credential, X509Credential } from './wire/credential.js'
import { CredentialType } from './wire/registries.js'

/** Who is trusted, by whose clock, and what makes two certificates one client. */
export interface X509Options {
  /** DER certificates of the authorities; their own validity is checked like everybody's. */
  readonly roots: readonly Uint8Array[]
  /** Verifies Ed25519 and Ed448 signatures on certificates; others are verified by WebCrypto. */
  readonly backend: CryptoBackend
  readonly clock?: Clock
  /** Whether `next` may replace `previous` in a leaf (§5.3.1); unless said otherwise when subject and alternative names are equal. */
  readonly isSameClient?: (previous: X509Identity, next: X509Identity) => boolean
}

/** What an end-entity certificate says of its holder. */
export interface X509Identity {
  /** The DER of the subject's Name. */
  readonly subject: Uint8Array
  /** Subject alternative names as `email:`, `dns:` and `uri:` strings, in their order. */
  readonly altNames: readonly string[]
}

/** A credential from DER certificates, the client's own first, each followed by the one that certifies it. */
export const makeX509Credential = (certificates: readonly Uint8Array[]): X509Credential => ({ credentialType: CredentialType.x509, certificates })

/** Reads who a credential speaks of; nothing is verified. @throws MlsError `mls.x509.malformed` */
export const readX509Identity = (credential: Credential): X509Identity => identityOf(endEntityOf(credential))

/**
 * Accepts a leaf when its chain leads to a trusted root now, and its first certificate holds the leaf's signature key.
 * @throws MlsError `mls.x509.malformed` when a root is not a certificate
 */
export const makeX509AuthenticationService = (options: X509Options): AuthenticationService => {
  const roots = options.roots.map(parseCertificate)
  const clock = options.clock ?? systemClock
  const engine = new BackendEngine(options.backend)
  const isSameClient = options.isSameClient ?? hasSameNames
  return {
    isValid: (claim) => refusedIsFalse(async () => {
      const chain = chainOf(claim.credential)
      validateEndEntity(chain[0], claim)
      await validatePath(chain, { roots, engine, now: new Date(clock.nowMs()) })
    }),
    isSuccessor: (previous, next) => refusedIsFalse(() => {
      check(isSameClient(readX509Identity(previous.credential), readX509Identity(next.credential)), 'mls.leaf.not_successor')
    }),
  }
}

const EXTENSIONS = { keyUsage: '2.5.29.15', altNames: '2.5.29.17', basicConstraints: '2.5.29.19', nameConstraints: '2.5.29.30' } as const

/** The extensions that are acted upon: others must not be critical. */
const CONTENTS: ReadonlyMap<string, typeof BitString | typeof AltName | typeof BasicConstraints> = new Map<string, typeof BitString | typeof AltName | typeof BasicConstraints>([
  [EXTENSIONS.keyUsage, BitString], [EXTENSIONS.altNames, AltName], [EXTENSIONS.basicConstraints, BasicConstraints],
])

type Chain = readonly [Certificate, ...Certificate[]]

/** The service answers yes or no; why not is nobody's business but a bug's. */
const refusedIsFalse = async (work: () => void | Promise<void>): Promise<boolean> => {
  try {
    await work()
    return true
  } catch (error) {
    if (error instanceof MlsError) return false
    throw error
  }
}

/** Whatever a hostile certificate makes the library throw is one refusal. */
const refusingMalformed = <T>(work: () => T): T => {
  try {
    return work()
  } catch (error) {
    throw error instanceof MlsError ? error : new MlsError('mls.x509.malformed', {}, { cause: error })
  }
}

const parseCertificate = (der: Uint8Array): Certificate => refusingMalformed(() => {
  const bytes = der.slice()
  const certificate = new Certificate({ schema: fromBER(bytes).result })
  // nothing follows it, and what the signature does not cover has one encoding too: the credential is compared by its bytes elsewhere
  check(equal(new Uint8Array(certificate.toSchema().toBER()), bytes), 'mls.x509.malformed')
  check((certificate.extensions ?? []).every(isReadable), 'mls.x509.malformed')
  return certificate
})

/** The library keeps an extension it cannot read, without its content. */
const isReadable = ({ extnID, parsedValue }: Extension): boolean => {
  const expected = CONTENTS.get(extnID)
  const content: unknown = parsedValue
  return expected === undefined || (content instanceof expected && !('parsingError' in content && content.parsingError !== undefined))
}

const chainOf = (credential: Credential): Chain => {
  check('certificates' in credential, 'mls.x509.malformed')
  const [first, ...others] = credential.certificates.map(parseCertificate)
  check(first !== undefined, 'mls.x509.malformed')
  return [first, ...others]
}

const endEntityOf = (credential: Credential): Certificate => chainOf(credential)[0]

/** Public key algorithms by the length of a serialized MLS key, which differs for all of them. */
const KEY_KINDS: ReadonlyMap<number, { readonly algorithm: string; readonly curve?: string }> = new Map([
  [32, { algorithm: '1.3.101.112' }],
  [57, { algorithm: '1.3.101.113' }],
  [65, { algorithm: '1.2.840.10045.2.1', curve: '1.2.840.10045.3.1.7' }],
  [97, { algorithm: '1.2.840.10045.2.1', curve: '1.3.132.0.34' }],
  [133, { algorithm: '1.2.840.10045.2.1', curve: '1.3.132.0.35' }],
])

const DIGITAL_SIGNATURE = 0x80
const KEY_CERT_SIGN = 0x04

/** §5.3: the certificate's key is the leaf's signature key, of the same algorithm, and may sign. */
const validateEndEntity = (certificate: Certificate, { signatureKey }: Claim): void => {
  const { algorithm, subjectPublicKey } = certificate.subjectPublicKeyInfo
  const kind = KEY_KINDS.get(signatureKey.length)
  check(kind !== undefined, 'mls.leaf.credential_rejected')
  check(algorithm.algorithmId === kind.algorithm, 'mls.leaf.credential_rejected')
  check(kind.curve === undefined || curveOf(algorithm.algorithmParams) === kind.curve, 'mls.leaf.credential_rejected')
  check(equal(subjectPublicKey.valueBlock.valueHexView, signatureKey), 'mls.leaf.credential_rejected')
  check(allowsUse(certificate, DIGITAL_SIGNATURE), 'mls.leaf.credential_rejected')
}

const curveOf = (parameters: unknown): string | undefined => {
  const { valueBlock } = (parameters ?? {}) as { readonly valueBlock?: { toString(): string } }
  return valueBlock?.toString()
}

interface Trust {
  readonly roots: readonly Certificate[]
  readonly engine: BackendEngine
  readonly now: Date
}

/** RFC 5280 §6.1, on a path that is given: each certificate certifies the one before, a root the last. @throws MlsError `mls.leaf.credential_rejected` */
const validatePath = async (chain: Chain, { roots, engine, now }: Trust): Promise<void> => {
  const last = chain[chain.length - 1] ?? chain[0]
  const root = await findRoot(last, roots, engine)
  check(root !== undefined, 'mls.leaf.credential_rejected')
  const path = isSame(root, last) ? chain : [...chain, root]
  // a certificate that is trusted itself has nobody who vouches for its key
  check(path.length >= 2, 'mls.leaf.credential_rejected')
  for (const [depth, certificate] of path.entries()) {
    check(certificate.notBefore.value <= now && now <= certificate.notAfter.value, 'mls.leaf.credential_rejected')
    check(hasKnownExtensions(certificate), 'mls.leaf.credential_rejected')
    const issuer = path[depth + 1]
    if (depth > 0) check(isAuthority(certificate, depth - 1), 'mls.leaf.credential_rejected')
    if (issuer !== undefined) check(await certifies(issuer, certificate, engine), 'mls.leaf.credential_rejected')
  }
}

const findRoot = async (last: Certificate, roots: readonly Certificate[], engine: BackendEngine): Promise<Certificate | undefined> => {
  for (const root of roots) if (isSame(root, last) || await certifies(root, last, engine)) return root
  return undefined
}

const isSame = (one: Certificate, other: Certificate): boolean => equal(one.tbsView, other.tbsView) && equal(signatureOf(one), signatureOf(other))

const signatureOf = ({ signatureValue }: Certificate): Uint8Array => signatureValue.valueBlock.valueHexView

/** SHA-1 and older are not among them. */
const SIGNATURES: ReadonlySet<string> = new Set([
  '1.2.840.10045.4.3.2', '1.2.840.10045.4.3.3', '1.2.840.10045.4.3.4',
  '1.2.840.113549.1.1.11', '1.2.840.113549.1.1.12', '1.2.840.113549.1.1.13',
  '1.3.101.112', '1.3.101.113',
])

const certifies = async (issuer: Certificate, certificate: Certificate, engine: BackendEngine): Promise<boolean> => {
  const { algorithmId } = certificate.signatureAlgorithm
  // RFC 5280 §4.1.1.2: the algorithm that is signed is the one that is used
  if (!SIGNATURES.has(algorithmId) || certificate.signature.algorithmId !== algorithmId) return false
  try {
    return certificate.issuer.isEqual(issuer.subject) && await certificate.verify(issuer, engine)
  } catch {
    return false
  }
}


const hasKnownExtensions = ({ extensions = [] }: Certificate): boolean =>
  new Set(extensions.map(({ extnID }) => extnID)).size === extensions.length
  && extensions.every(({ critical, extnID }) => (!critical || CONTENTS.has(extnID)) && extnID !== EXTENSIONS.nameConstraints)

/** @param below certificates between this one and the end entity */
const isAuthority = (certificate: Certificate, below: number): boolean => {
  const constraints = extensionOf(certificate, EXTENSIONS.basicConstraints)?.parsedValue as unknown
  if (!(constraints instanceof BasicConstraints) || !constraints.cA || !allowsUse(certificate, KEY_CERT_SIGN)) return false
  const { pathLenConstraint } = constraints
  return pathLenConstraint === undefined || (typeof pathLenConstraint === 'number' && below <= pathLenConstraint)
}

/** True when the certificate names this use of its key, or none at all (RFC 5280 §4.2.1.3). */
const allowsUse = (certificate: Certificate, use: number): boolean => {
  const keyUsage = extensionOf(certificate, EXTENSIONS.keyUsage)
  if (keyUsage === undefined) return true
  const { valueBlock } = keyUsage.parsedValue as { readonly valueBlock: { readonly valueHexView: Uint8Array } }
  return ((valueBlock.valueHexView[0] ?? 0) & use) === use
}

const extensionOf = ({ extensions = [] }: Certificate, id: string): Extension | undefined => extensions.find(({ extnID }) => extnID === id)

/** GeneralName choices (RFC 5280 §4.2.1.6) that are plain strings. */
const NAME_KINDS: ReadonlyMap<number, string> = new Map([[1, 'email'], [2, 'dns'], [6, 'uri']])

const identityOf = (certificate: Certificate): X509Identity => refusingMalformed(() => {
  const names = (extensionOf(certificate, EXTENSIONS.altNames)?.parsedValue as AltName | undefined)?.altNames ?? []
  return { subject: new Uint8Array(certificate.subject.toSchema().toBER()), altNames: names.map(nameText) }
})

const nameText = ({ type, value }: GeneralName): string => {
  const kind = NAME_KINDS.get(type)
  check(kind !== undefined && typeof value === 'string', 'mls.x509.malformed', { type })
  return `${kind}:${value}`
}

const hasSameNames = (previous: X509Identity, next: X509Identity): boolean =>
  equal(previous.subject, next.subject) && previous.altNames.join('\n') === next.altNames.join('\n')

/** Edwards signatures by the backend, which every platform has; the rest by WebCrypto, as pkijs does. */
class BackendEngine extends CryptoEngine {
  readonly #backend: CryptoBackend

  constructor(backend: CryptoBackend) {
    super({ name: 'famichat', crypto: globalThis.crypto })
    this.#backend = backend
  }

  override async verifyWithPublicKey(
    data: Uint8Array<ArrayBuffer>, signature: BitString, key: PublicKeyInfo, algorithm: AlgorithmIdentifier, hash?: string,
  ): Promise<boolean> {
    const { algorithmId } = algorithm
    const scheme = EDWARDS.get(algorithmId)
    if (scheme === undefined) return super.verifyWithPublicKey(data, signature, key, algorithm, hash)
    if (key.algorithm.algorithmId !== algorithmId) return false
    return this.#backend.signature(scheme).verify(key.subjectPublicKey.valueBlock.valueHexView, data, signature.valueBlock.valueHexView)
  }
}

const EDWARDS: ReadonlyMap<string, SignatureName> = new Map([['1.3.101.112', 'ed25519'], ['1.3.101.113', 'ed448']])
