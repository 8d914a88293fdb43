/**
 * Proposals, commits and update paths (RFC 9420 §7.6, §8.4, §12.1, §12.4).
 * Layer: wire.
 */
import { closed, type Infer, opaque, optional, struct, uint16, uint64, uint8, variant, vector } from '@famichat/base'
import { limits } from '../limits.js'
import { Extensions } from './extension.js'
import { KeyPackage } from './key-package.js'
import { LeafNode } from './leaf-node.js'
import {
  groupId, keyBytes, leafIndex, ProposalOrRefType, ProposalType, protocolVersion, PSKType, ResumptionPSKUsage,
} from './registries.js'

const pskNonce = opaque({ max: limits.maxHashBytes })
const usage = closed(uint8, ResumptionPSKUsage, 'ResumptionPSKUsage')

/** §8.4; `psktype` selects the fields, psk_nonce comes last in each case. */
export const PreSharedKeyID = variant('psktype', uint8, {
  [PSKType.external]: { pskId: opaque({ max: limits.maxIdentityBytes }), pskNonce },
  [PSKType.resumption]: { usage, pskGroupId: groupId, pskEpoch: uint64, pskNonce },
})
export type PreSharedKeyID = Infer<typeof PreSharedKeyID>

/** §8.4 */
export const PSKLabel = struct({ id: PreSharedKeyID, index: uint16, count: uint16 })

/** §12.1; the wire form of unknown types is unknown, so they are refused. */
export const Proposal = variant('proposalType', uint16, {
  [ProposalType.add]: { keyPackage: KeyPackage },
  [ProposalType.update]: { leafNode: LeafNode },
  [ProposalType.remove]: { removed: leafIndex },
  [ProposalType.psk]: { psk: PreSharedKeyID },
  [ProposalType.reinit]: { groupId, version: protocolVersion, cipherSuite: uint16, extensions: Extensions },
  [ProposalType.externalInit]: { kemOutput: keyBytes },
  [ProposalType.groupContextExtensions]: { extensions: Extensions },
  [ProposalType.selfRemove]: {},
})
export type Proposal = Infer<typeof Proposal>
export type ProposalOf<Type extends number> = Extract<Proposal, { readonly proposalType: Type }>

/** §5.2 */
export const hashReference = opaque({ min: 1, max: limits.maxHashBytes })

/** §12.4 */
export const ProposalOrRef = variant('type', uint8, {
  [ProposalOrRefType.proposal]: { proposal: Proposal },
  [ProposalOrRefType.reference]: { reference: hashReference },
})
export type ProposalOrRef = Infer<typeof ProposalOrRef>

/** §7.6 */
export const HPKECiphertext = struct({ kemOutput: keyBytes, ciphertext: opaque({ min: 1, max: limits.maxMessageBytes }) })
export type HPKECiphertext = Infer<typeof HPKECiphertext>

/** §7.6 */
export const UpdatePathNode = struct({
  encryptionKey: keyBytes,
  encryptedPathSecret: vector(HPKECiphertext, { max: limits.maxLeaves }),
})
export type UpdatePathNode = Infer<typeof UpdatePathNode>

/** §7.6 */
export const UpdatePath = struct({ leafNode: LeafNode, nodes: vector(UpdatePathNode, { max: 32 }) })
export type UpdatePath = Infer<typeof UpdatePath>

/** §12.4 */
export const Commit = struct({
  proposals: vector(ProposalOrRef, { max: limits.maxProposals }),
  path: optional(UpdatePath),
})
export type Commit = Infer<typeof Commit>
