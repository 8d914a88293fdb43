/**
 * KeyPackage validation (RFC 9420 §10.1).
 * Layer: validate.
 */
import { equal } from '@famichat/base'
import { verifyWithLabel } from '../crypto/labels.js'
import { check } from '../errors.js'
import { encodeKeyPackageTBS, type KeyPackage } from '../wire/key-package.js'
import { LeafNodeSource } from '../wire/registries.js'
import { toLeafIndex } from '../tree/math.js'
import { validateExtensions } from './extensions.js'
import { type GroupRules, validateLeafNode } from './leaf-node.js'

const NO_POSITION = { groupId: new Uint8Array(0), leafIndex: toLeafIndex(0) }

/** @throws MlsError `mls.key_package.*` | `mls.leaf.*` | `mls.extension.*` */
export const validateKeyPackage = async (rules: GroupRules, keyPackage: KeyPackage): Promise<void> => {
  const { suite } = rules
  check(keyPackage.cipherSuite === suite.id, 'mls.key_package.wrong_version_or_suite', { cipherSuite: keyPackage.cipherSuite })
  check(keyPackage.initKey.length === suite.hpke.kem.publicKeyLength, 'mls.crypto.bad_public_key')
  check(!equal(keyPackage.initKey, keyPackage.leafNode.encryptionKey), 'mls.key_package.init_key_reused')
  validateExtensions(keyPackage.extensions, 'keyPackage')
  await validateLeafNode(rules, keyPackage.leafNode, { source: LeafNodeSource.keyPackage, position: NO_POSITION })
  const content = encodeKeyPackageTBS(keyPackage)
  const { signature, leafNode } = keyPackage
  const genuine = await verifyWithLabel(suite, leafNode.signatureKey, 'KeyPackageTBS', { content, signature })
  check(genuine, 'mls.key_package.bad_signature')
}
