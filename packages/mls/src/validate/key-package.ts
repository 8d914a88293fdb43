/**
 * KeyPackage validation (RFC 9420 §10.1).
 * Layer: validate.
 */
import { equal } from '@famichat/base'
import { check } from '../errors.js'
import { encodeKeyPackageTBS, type KeyPackage, validateLastResort } from '../wire/key-package.js'
import { LeafNodeSource } from '../wire/registries.js'
import { toLeafIndex } from '../tree/math.js'
import { validateExtensions } from './extensions.js'
import { acceptCredentials, examineLeafNode, type GroupRules } from './leaf-node.js'
import { SignatureBatch } from './signature-batch.js'

const NO_POSITION = { groupId: new Uint8Array(0), leafIndex: toLeafIndex(0) }

/** KeyPackages whose signatures were verified: one that is checked when it is downloaded is not verified again when it is used. */
const genuine = new WeakSet<KeyPackage>()

/**
 * Validates KeyPackages for a group: when they are downloaded, and when they are added.
 * @throws MlsError `mls.key_package.*` | `mls.leaf.*` | `mls.extension.*` | `mls.crypto.bad_public_key` | BaseError `base.codec.trailing_bytes`
 */
export const validateKeyPackages = async (rules: GroupRules, keyPackages: readonly KeyPackage[]): Promise<void> => {
  const signatures = new SignatureBatch()
  for (const keyPackage of keyPackages) examineKeyPackage(rules, keyPackage, genuine.has(keyPackage) ? undefined : signatures)
  await acceptCredentials(rules, keyPackages.map(({ leafNode }) => leafNode))
  await signatures.verify(rules.suite)
  for (const keyPackage of keyPackages) genuine.add(keyPackage)
}

/** @param signatures undefined when they are known to be genuine */
const examineKeyPackage = (rules: GroupRules, keyPackage: KeyPackage, signatures: SignatureBatch | undefined): void => {
  const { suite } = rules
  check(keyPackage.cipherSuite === suite.id, 'mls.key_package.wrong_version_or_suite', { cipherSuite: keyPackage.cipherSuite })
  check(suite.hpke.kem.isPublicKey(keyPackage.initKey), 'mls.crypto.bad_public_key')
  check(!equal(keyPackage.initKey, keyPackage.leafNode.encryptionKey), 'mls.key_package.init_key_reused')
  validateExtensions(keyPackage.extensions, 'keyPackage')
  validateLastResort(keyPackage)
  const { signature, leafNode } = keyPackage
  examineLeafNode(rules, leafNode, { source: LeafNodeSource.keyPackage, position: NO_POSITION, signatures })
  signatures?.add({
    publicKey: leafNode.signatureKey,
    label: 'KeyPackageTBS',
    content: encodeKeyPackageTBS(keyPackage),
    signature,
    code: 'mls.key_package.bad_signature',
  })
}
