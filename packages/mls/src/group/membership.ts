/**
 * Membership: what every operation of a member works with.
 * Layer: group.
 */
import { equal, present } from '@famichat/base'
import { check } from '../errors.js'
import type { Signer } from '../crypto/signer.js'
import type { GroupRules } from '../validate/leaf-node.js'
import type { LeafNode } from '../wire/leaf-node.js'
import type { ResolvedConfig } from './config.js'
import type { GroupState } from './group-state.js'

export interface Membership {
  readonly config: ResolvedConfig
  readonly signer: Signer
  readonly state: GroupState
}

/** @throws MlsError `mls.group.inactive` */
export const requireMember = ({ state }: Membership): void => {
  check(state.status !== 'removed', 'mls.group.inactive')
}

/** @throws MlsError `mls.group.inactive` | `mls.group.reinitialised` */
export const requireActive = (membership: Membership): void => {
  requireMember(membership)
  check(membership.state.status === 'active', 'mls.group.reinitialised')
}

/** Others would refuse everything that another key signs. @throws MlsError `mls.leaf.not_own_signer` */
export const requireOwnSigner = (signer: Pick<Signer, 'publicKey'>, { signatureKey }: Pick<LeafNode, 'signatureKey'>): void => {
  check(equal(signer.publicKey, signatureKey), 'mls.leaf.not_own_signer')
}

/** The rules of the current epoch. @param nowSeconds undefined where lifetimes are not checked */
export const currentRules = ({ config, state }: Membership, nowSeconds: bigint | undefined): GroupRules => {
  const { suite, context } = state.epoch
  return { suite, extensions: context.extensions, authentication: config.authentication, nowSeconds, maxLifetimeSeconds: config.policy.maxLifetimeSeconds }
}

/** This member's leaf. @throws InvariantError when it has left */
export const leafThatIsOwn = ({ state: { epoch: { tree, ownLeaf } } }: Membership): LeafNode =>
  present(tree.leaf(ownLeaf), 'a member has a leaf')
