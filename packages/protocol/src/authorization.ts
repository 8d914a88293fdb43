/**
 * The Authorization header: `Bearer <token>` for a device, `Invite <invite id>.<proof>` for a joiner.
 */
import { fromBase64url, toBase64url } from '@famichat/base'
import { type InviteId, parseId } from './ids.js'
import { INVITE_PROOF_BYTES } from './invite-link.js'
import { ProtocolError } from './protocol-error.js'

const TOKEN_BYTES = 32

/** The header of a device with an access token. */
export const formatDeviceAuthorization = (token: Uint8Array): string => `Bearer ${toBase64url(token)}`

/** The header of somebody who joins. */
export const formatInviteAuthorization = (inviteId: InviteId, proof: Uint8Array): string =>
  `Invite ${inviteId}.${toBase64url(proof)}`

/** The access token in a header. @throws ProtocolError `protocol.auth.refused` */
export const parseDeviceAuthorization = (header: string | undefined): Uint8Array => {
  const [, encoded] = /^Bearer ([A-Za-z0-9_-]{43})$/.exec(header ?? '') ?? []
  const token = encoded === undefined ? undefined : decodeExactly(encoded, TOKEN_BYTES)
  if (token === undefined) throw new ProtocolError('protocol.auth.refused')
  return token
}

/** The invite and its proof in a header. @throws ProtocolError `protocol.invite.refused` */
export const parseInviteAuthorization = (header: string | undefined): { inviteId: InviteId; proof: Uint8Array } => {
  const [, id, encoded] = /^Invite ([A-Za-z0-9_-]{22})\.([A-Za-z0-9_-]{43})$/.exec(header ?? '') ?? []
  const proof = encoded === undefined ? undefined : decodeExactly(encoded, INVITE_PROOF_BYTES)
  if (id === undefined || proof === undefined) throw new ProtocolError('protocol.invite.refused')
  try {
    return { inviteId: parseId<InviteId>(id), proof }
  } catch {
    throw new ProtocolError('protocol.invite.refused')
  }
}

const decodeExactly = (encoded: string, length: number): Uint8Array | undefined => {
  try {
    const bytes = fromBase64url(encoded)
    return bytes.length === length ? bytes : undefined
  } catch {
    return undefined
  }
}
