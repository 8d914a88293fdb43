/**
 * LeafNode validation (RFC 9420 §7.3): one validator for leaves that are received, created, or found in a tree.
 * Layer: validate. Rules that compare members with each other are in census.ts.
 */
import type { CipherSuite } from '../crypto/cipher-suite.js'
import { check } from '../errors.js'
import { limits } from '../limits.js'
import { type Extension, requiredCapabilitiesOf } from '../wire/extension.js'
import { encodeLeafNodeTBS, type LeafNode, type LeafPosition, type Lifetime } from '../wire/leaf-node.js'
import { isDefaultExtension, isDefaultProposal, LeafNodeSource, ProtocolVersion } from '../wire/registries.js'
import type { AuthenticationService } from './authentication.js'
import { nonDefaultTypes, validateExtensions } from './extensions.js'
import { SignatureBatch, type SignedThing } from './signature-batch.js'

/** What every leaf of a group is measured by. */
export interface GroupRules {
  readonly suite: CipherSuite
  /** The extensions of the GroupContext the leaf will live under. */
  readonly extensions: readonly Extension[]
  readonly authentication: AuthenticationService
  /** Seconds since 1970; lifetimes are checked against it. Undefined where §7.3 only recommends it and policy says no. */
  readonly nowSeconds: bigint | undefined
  /** The longest lifetime accepted (§7.2 MUST define one), in seconds; undefined for recordings that know none. */
  readonly maxLifetimeSeconds: bigint | undefined
}

/**
 * Validates a leaf on its own (§7.3), signature and credential included.
 * @throws MlsError `mls.leaf.*` | `mls.extension.*` | `mls.crypto.bad_public_key`
 */
export const validateLeafNode = async (rules: GroupRules, leaf: LeafNode, place: LeafPlace): Promise<void> => {
  const signatures = new SignatureBatch()
  examineLeafNode(rules, leaf, { ...place, signatures })
  await acceptCredentials(rules, [leaf])
  await signatures.verify(rules.suite)
}

/** Where a leaf was found, and so what it must say of itself. */
export interface LeafPlace {
  /** Undefined in a tree, where every source may stand. */
  readonly source: LeafNodeSource | undefined
  readonly position: LeafPosition
}

/** As {@link validateLeafNode}, but the credential and the signature are left to the caller; `signatures` are undefined where they are known to be genuine. */
export const examineLeafNode = (
  rules: GroupRules, leaf: LeafNode, { source, position, signatures }: LeafPlace & { readonly signatures: SignatureBatch | undefined },
): void => {
  const { leafNodeSource } = leaf.source
  check(source === undefined || leafNodeSource === source, 'mls.leaf.wrong_source', { leafNodeSource })
  validateLeafContents(rules, leaf)
  signatures?.add(leafSignature(leaf, position))
}

/** Asks for the application's word on every leaf. @throws MlsError `mls.leaf.credential_rejected` */
export const acceptCredentials = async ({ authentication }: GroupRules, leaves: readonly LeafNode[]): Promise<void> => {
  const accepted = await Promise.all(leaves.map(async (leaf) => authentication.isValid(leaf)))
  check(accepted.every((isValid) => isValid), 'mls.leaf.credential_rejected')
}

/** What needs no word of the application. */
export type ContentRules = Omit<GroupRules, 'authentication'>

/** The parts of §7.3 that need no cryptography. @throws MlsError `mls.leaf.*` | `mls.extension.*` | `mls.crypto.bad_public_key` */
export const validateLeafContents = (rules: ContentRules, leaf: LeafNode): void => {
  const { suite } = rules
  const { capabilities } = leaf
  check(suite.hpke.kem.isPublicKey(leaf.encryptionKey), 'mls.crypto.bad_public_key')
  validateExtensions(leaf.extensions, 'leafNode')
  check(
    capabilities.versions.includes(ProtocolVersion.mls10) && capabilities.cipherSuites.includes(suite.id),
    'mls.leaf.unsupported_version_or_suite',
  )
  check(capabilities.credentials.includes(leaf.credential.credentialType), 'mls.leaf.own_credential_unsupported')
  requireListed(leaf, leaf.extensions)
  for (const type of nonDefaultTypes(rules.extensions)) {
    check(capabilities.extensions.includes(type), 'mls.leaf.lacks_group_extension', { extensionType: type })
  }
  validateRequiredCapabilities(rules, leaf)
  if (leaf.source.leafNodeSource === LeafNodeSource.keyPackage) validateLifetime(leaf.source.lifetime, rules)
}

/** Whoever sends an extension says in its capabilities that it knows it. @throws MlsError `mls.leaf.extension_unsupported` */
export const requireListed = ({ capabilities }: Pick<LeafNode, 'capabilities'>, extensions: readonly Extension[]): void => {
  for (const type of nonDefaultTypes(extensions)) {
    check(capabilities.extensions.includes(type), 'mls.leaf.extension_unsupported', { extensionType: type })
  }
}

const validateRequiredCapabilities = (rules: ContentRules, { capabilities }: LeafNode): void => {
  const required = requiredCapabilitiesOf(rules.extensions)
  if (required === undefined) return
  const lacking = [
    ...required.extensionTypes.filter((type) => !isDefaultExtension(type) && !capabilities.extensions.includes(type)),
    ...required.proposalTypes.filter((type) => !isDefaultProposal(type) && !capabilities.proposals.includes(type)),
    ...required.credentialTypes.filter((type) => !capabilities.credentials.includes(type)),
  ]
  check(lacking.length === 0, 'mls.leaf.lacks_required_capability', { lacking: lacking.length })
}

/** @throws MlsError `mls.leaf.expired` | `mls.leaf.lifetime_too_long` */
const validateLifetime = ({ notBefore, notAfter }: Lifetime, { nowSeconds, maxLifetimeSeconds }: ContentRules): void => {
  // §7.2: applications MUST define a maximum total lifetime
  check(maxLifetimeSeconds === undefined || notAfter - notBefore <= maxLifetimeSeconds, 'mls.leaf.lifetime_too_long')
  if (nowSeconds === undefined) return
  const skew = limits.maxClockSkewSeconds
  check(notBefore <= nowSeconds + skew && nowSeconds <= notAfter + skew, 'mls.leaf.expired')
}

/** The signature of a leaf (§7.2), for a batch. */
export const leafSignature = (leaf: LeafNode, position: LeafPosition): SignedThing => ({
  publicKey: leaf.signatureKey,
  label: 'LeafNodeTBS',
  content: encodeLeafNodeTBS(leaf, position),
  signature: leaf.signature,
  code: 'mls.leaf.bad_signature',
})
