/**
 * Senders from outside of the group (RFC 9420 §12.1.8): what they may propose, and who they may be.
 * Layer: validate.
 */
import { check } from '../errors.js'
import { type Extension, ExternalSenders, readExtension } from '../wire/extension.js'
import { ExtensionType, ProposalType } from '../wire/registries.js'
import type { AuthenticationService } from './authentication.js'

/** §12.1.8, §17.4: what a sender listed in external_senders may propose. */
const EXTERNAL_PROPOSALS: ReadonlySet<number> = new Set([
  ProposalType.add, ProposalType.remove, ProposalType.psk, ProposalType.reinit, ProposalType.groupContextExtensions,
])

/** True for the proposal types a listed external sender may send. */
export const isExternalProposal = (type: number): boolean => EXTERNAL_PROPOSALS.has(type)

/**
 * Validates the credentials of the senders a group lists (§5.3.1: when the extension is added or updated, and on joining).
 * @throws MlsError `mls.external.sender_rejected` | BaseError `base.codec.*`
 */
export const validateExternalSenders = async (authentication: AuthenticationService, extensions: readonly Extension[]): Promise<void> => {
  const senders = readExtension(extensions, ExtensionType.externalSenders, ExternalSenders) ?? []
  const accepted = await Promise.all(senders.map(async (sender) => authentication.isValid(sender)))
  const senderIndex = accepted.indexOf(false)
  check(senderIndex === -1, 'mls.external.sender_rejected', { senderIndex })
}
