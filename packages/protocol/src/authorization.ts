/**
 * The Authorization header: `Bearer <token>` for a device, `Invite <invite id>.<proof>` for a joiner; and the header in
 * which a device proves that a call is its own.
 */
import { counter, decode, encode, fromBase64url, type Infer, isCodedError, struct, toBase64url } from '@famichat/base'
import { requestNonce, signature } from './fields.js'
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

/** Where the proof of a call is. */
export const PROOF_HEADER = 'famichat-proof'

/** When a call was made, what makes it unlike others, and the device's signature over `requestTbs`. */
export const RequestProof = struct({ timeMs: counter, nonce: requestNonce, signature })
export type RequestProof = Infer<typeof RequestProof>

/** The value of the header. */
export const formatRequestProof = (proof: RequestProof): string => toBase64url(encode(RequestProof, proof))

/** The proof in a header. @throws ProtocolError `protocol.auth.refused` */
export const parseRequestProof = (header: string | undefined): RequestProof => {
  try {
    return decode(RequestProof, fromBase64url(header ?? ''))
  } catch (cause) {
    if (!isCodedError(cause)) throw cause
    throw new ProtocolError('protocol.auth.refused', {}, { cause })
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
