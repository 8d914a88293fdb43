/**
 * Leaves and KeyPackages as an insider who skips checks makes them: any field, any place, a correct signature.
 */
import { EMPTY, type Secret } from '@famichat/base'
import type { KeyPackage, KeyPackageBundle, LeafNode, Signer } from '@famichat/mls'
import { signWithLabel } from '../../dist/crypto/labels.js'
import { bundleOf, makeLifetime } from '../../dist/group/key-package-bundle.js'
import { toLeafIndex } from '../../dist/tree/math.js'
import { freshKeyPair, signLeafNode } from '../../dist/tree/treekem.js'
import { encodeKeyPackageTBS, type UnsignedKeyPackage } from '../../dist/wire/key-package.js'
import type { LeafPosition, UnsignedLeafNode } from '../../dist/wire/leaf-node.js'
import { LeafNodeSource, ProtocolVersion } from '../../dist/wire/registries.js'
import type { Person } from '../builders.js'

/** How to change what is about to be made. */
export type Change<T> = (honest: T) => T

export interface LeafPlan {
  readonly leaf?: Change<UnsignedLeafNode>
  /** Signs with another key than the leaf names. */
  readonly signer?: Signer
  readonly position?: Partial<LeafPosition>
  /** After signing. */
  readonly signed?: Change<LeafNode>
}

const NOWHERE: LeafPosition = { groupId: EMPTY, leafIndex: toLeafIndex(0) }

/** Seconds since 1970, by the person's clock. */
export const secondsOf = (person: Person): bigint => BigInt(Math.floor(person.clock.nowMs() / 1000))

/** An honest lifetime of 30 days. */
export const lifetimeOf = (person: Person): ReturnType<typeof makeLifetime> => makeLifetime(secondsOf(person), 30n * 24n * 3600n)

/** A leaf of a KeyPackage, with its private key. */
export const forgeLeaf = async (person: Person, plan: LeafPlan = {}): Promise<{ readonly leafNode: LeafNode; readonly privateKey: Secret }> => {
  const keys = await freshKeyPair(person.suite)
  const honest: UnsignedLeafNode = {
    encryptionKey: keys.publicKey,
    signatureKey: person.signer.publicKey,
    credential: person.leaf.credential,
    capabilities: person.leaf.capabilities,
    source: { leafNodeSource: LeafNodeSource.keyPackage, lifetime: lifetimeOf(person) },
    extensions: person.leaf.extensions ?? [],
  }
  const signed = await signLeafNode(plan.leaf?.(honest) ?? honest, plan.signer ?? person.signer, { ...NOWHERE, ...plan.position })
  return { leafNode: plan.signed?.(signed) ?? signed, privateKey: keys.privateKey }
}

export interface KeyPackagePlan extends LeafPlan {
  readonly keyPackage?: Change<UnsignedKeyPackage>
  /** After signing. */
  readonly signedKeyPackage?: Change<KeyPackage>
}

/** A KeyPackage with its private keys. */
export const forgeKeyPackage = async (person: Person, plan: KeyPackagePlan = {}): Promise<KeyPackageBundle> => {
  const { leafNode, privateKey } = await forgeLeaf(person, plan)
  const init = await freshKeyPair(person.suite)
  const honest: UnsignedKeyPackage = {
    version: ProtocolVersion.mls10, cipherSuite: person.suite.id, initKey: init.publicKey, leafNode, extensions: [],
  }
  const unsigned = plan.keyPackage?.(honest) ?? honest
  const signature = await signWithLabel(plan.signer ?? person.signer, 'KeyPackageTBS', encodeKeyPackageTBS(unsigned))
  const signed: KeyPackage = { ...unsigned, signature }
  return bundleOf(person.suite, plan.signedKeyPackage?.(signed) ?? signed, { initPrivateKey: init.privateKey, encryptionPrivateKey: privateKey })
}
