/**
 * Invite links: `https://host/i#v1.<invite id>.<secret>[.<fingerprint of the inviter's account key>]`.
 * What follows `#` never reaches the server. The server learns a proof derived from the secret, and stores its hash,
 * so that the secret stays useful between inviter and joiner.
 */
import { concat, fixed, fromBase64url, opaque, struct, encode, toBase64url, utf8 } from '@famichat/base'
import { InviteId, parseId } from './ids.js'
import { ProtocolError } from './protocol-error.js'
import { serverOrigin } from './server-origin.js'

/** Bytes in an invite's secret, and in the fingerprint of the inviter's account key. */
export const INVITE_SECRET_BYTES = 16
export const INVITE_FINGERPRINT_BYTES = 16

/** The parts of an invite link. The set-up link of a new server has no fingerprint: nobody is there to vouch yet. */
export interface InviteLink {
  readonly origin: string
  readonly inviteId: InviteId
  readonly secret: Uint8Array
  readonly inviterFingerprint: Uint8Array | undefined
}

/** Writes a link. @throws ProtocolError `protocol.origin.malformed` */
export const formatInviteLink = (link: InviteLink): string => {
  const parts = ['v1', link.inviteId, toBase64url(link.secret)]
  if (link.inviterFingerprint !== undefined) parts.push(toBase64url(link.inviterFingerprint))
  return `${serverOrigin(link.origin)}/i#${parts.join('.')}`
}

/** Reads a link as people paste it. @throws ProtocolError `protocol.invite.malformed` */
export const parseInviteLink = (text: string): InviteLink => {
  try {
    const url = new URL(text.trim())
    const [version, id, secretText, fingerprintText, ...rest] = url.hash.slice(1).split('.')
    if (url.pathname !== '/i' || version !== 'v1' || id === undefined || secretText === undefined || rest.length > 0) {
      throw new ProtocolError('protocol.invite.malformed')
    }
    const secret = fromBase64url(secretText)
    const inviterFingerprint = fingerprintText === undefined ? undefined : fromBase64url(fingerprintText)
    if (secret.length !== INVITE_SECRET_BYTES) throw new ProtocolError('protocol.invite.malformed')
    if (inviterFingerprint !== undefined && inviterFingerprint.length !== INVITE_FINGERPRINT_BYTES) {
      throw new ProtocolError('protocol.invite.malformed')
    }
    return { origin: serverOrigin(text.trim()), inviteId: parseId<InviteId>(id), secret, inviterFingerprint }
  } catch {
    // no cause: it could quote the link, and the link holds a secret
    throw new ProtocolError('protocol.invite.malformed')
  }
}

/** What the joiner shows the server: SHA-256 of {@link inviteProofInput}; 32 bytes. */
export const INVITE_PROOF_BYTES = 32

const InviteProofInput = struct({ label: opaque(), inviteId: InviteId, secret: fixed(INVITE_SECRET_BYTES) })

/** The bytes whose SHA-256 hash is the invite's proof. The server stores SHA-256 of that proof. */
export const inviteProofInput = (inviteId: InviteId, secret: Uint8Array): Uint8Array =>
  encode(InviteProofInput, { label: utf8('Famichat 1.0 InviteProof'), inviteId, secret })

/** The bytes whose SHA-256 hash, cut to 16 bytes, is the fingerprint of an account key in an invite link. */
export const accountFingerprintInput = (accountKey: Uint8Array): Uint8Array =>
  concat(utf8('Famichat 1.0 AccountFingerprint'), accountKey)
