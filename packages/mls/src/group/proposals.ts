/**
 * Making proposals (RFC 9420 §12.1) for `propose` and `commit`.
 * Layer: group.
 */
import { check } from '../errors.js'
import type { CipherSuite } from '../crypto/cipher-suite.js'
import type { Extension } from '../wire/extension.js'
import type { KeyPackage } from '../wire/key-package.js'
import { decodeMessage } from '../wire/message.js'
import type { Proposal } from '../wire/proposal.js'
import { type LeafIndex, ProposalType, ProtocolVersion, PSKType, ResumptionPSKUsage, WireFormat } from '../wire/registries.js'

/** Reads a published KeyPackage; it is validated when it is added. @throws MlsError `mls.message.unexpected_kind` | BaseError `base.codec.*` */
export const decodeKeyPackage = (message: Uint8Array): KeyPackage => {
  const decoded = decodeMessage(message.slice())
  check(decoded.wireFormat === WireFormat.keyPackage, 'mls.message.unexpected_kind')
  return decoded.keyPackage
}

/** §12.1.1 */
export const makeAdd = (keyPackage: KeyPackage): Proposal => ({ proposalType: ProposalType.add, keyPackage })

/** §12.1.3 */
export const makeRemove = (removed: LeafIndex): Proposal => ({ proposalType: ProposalType.remove, removed })

/** §12.1.4, with a PSK the application holds under `pskId`. */
export const makeExternalPsk = (suite: CipherSuite, pskId: Uint8Array): Proposal =>
  ({ proposalType: ProposalType.psk, psk: { psktype: PSKType.external, pskId, pskNonce: suite.random(suite.hashLength) } })

/** §12.1.4, with the resumption PSK of an earlier epoch. */
export const makeResumptionPsk = (suite: CipherSuite, pskGroupId: Uint8Array, pskEpoch: bigint): Proposal => ({
  proposalType: ProposalType.psk,
  psk: { psktype: PSKType.resumption, usage: ResumptionPSKUsage.application, pskGroupId, pskEpoch, pskNonce: suite.random(suite.hashLength) },
})

/** §12.1.5: closes the group; a new one with these parameters follows it. */
export const makeReInit = (parameters: { readonly groupId: Uint8Array; readonly cipherSuite: number; readonly extensions: readonly Extension[] }): Proposal =>
  ({ proposalType: ProposalType.reinit, version: ProtocolVersion.mls10, ...parameters })

/** Extensions draft (draft-ietf-mls-extensions-08 §6.3): the sender leaves; only where all members list the type. */
export const makeSelfRemove = (): Proposal => ({ proposalType: ProposalType.selfRemove })

/** §12.1.7: replaces all extensions of the GroupContext. */
export const makeGroupContextExtensions = (extensions: readonly Extension[]): Proposal =>
  ({ proposalType: ProposalType.groupContextExtensions, extensions })
