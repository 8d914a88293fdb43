/**
 * Inviting: the inviter's side of an invite link. The link's secret never reaches the server.
 */
import { formatInviteLink, type InviteId, INVITE_SECRET_BYTES, inviteProofInput, makeId } from '@famichat/protocol'
import type { Engine } from '../engine.js'
import { inviteFor, type InvitedAs } from './community.js'
import { accountFingerprint } from './identity.js'

/** Makes an invite. @throws ProtocolError `protocol.access.refused` for a place this account may not give */
export const makeInvite = async (
  { workspace: { context: { random, suite, identity } }, connection }: Engine, invitedAs: InvitedAs,
): Promise<{ readonly link: string; readonly expiresAtMs: number }> => {
  const { origin, certificate } = identity
  const inviteId = makeId<InviteId>(random)
  const secret = random(INVITE_SECRET_BYTES)
  const proof = suite.hash.digest(inviteProofInput(inviteId, secret))
  const { expiresAtMs } = await connection.calls.call('inviteCreate', { inviteId, proofHash: suite.hash.digest(proof), invited: inviteFor(invitedAs) })
  return { link: formatInviteLink({ origin, inviteId, secret, inviterFingerprint: accountFingerprint(suite, certificate.accountKey) }), expiresAtMs }
}
