/**
 * Refusals that client and server say to each other: one closed catalogue, each code with its sentence and HTTP status.
 * What is forbidden and what does not exist share one code, so that nobody learns which ids exist.
 */
import { CodedError, type ErrorDetail } from '@famichat/base'

/** Closed catalogue; `status` is the HTTP status, `text` the sentence shown to people. */
export const PROTOCOL_ERRORS = {
  'protocol.request.malformed': { status: 400, text: 'the request is not well formed' },
  'protocol.request.too_large': { status: 413, text: 'the request is larger than the server accepts' },
  'protocol.response.malformed': { status: 502, text: 'the answer is not one a Famichat server gives: check the address' },
  'protocol.route.unknown': { status: 404, text: 'the server has no such address: it may be older than this program' },
  'protocol.frame.malformed': { status: 400, text: 'a channel frame is not well formed' },
  'protocol.frame.too_large': { status: 413, text: 'a channel frame is larger than 128 KiB' },
  'protocol.frame.unknown_version': { status: 400, text: 'a channel frame has an unknown version: update the program' },
  'protocol.frame.unexpected': { status: 400, text: 'a channel frame came before the channel was opened, or twice' },
  'protocol.channel.timed_out': { status: 408, text: 'the channel was not opened in time: connect again' },
  'protocol.channel.too_many': { status: 429, text: 'this device has too many open channels: close one' },
  'protocol.channel.too_slow': { status: 408, text: 'the device reads too slowly: connect again and go on where it stopped' },
  'protocol.id.malformed': { status: 400, text: 'an id is 22 characters of base64url' },
  'protocol.origin.malformed': { status: 400, text: 'a server address looks like https://chat.example' },
  'protocol.name.malformed': { status: 400, text: 'a name has 1 to 64 characters and no line breaks' },
  'protocol.name.taken': { status: 409, text: 'somebody in this community already has that name: choose another' },
  'protocol.invite.malformed': { status: 400, text: 'this is not a whole invite link: copy it again, with everything after the #' },
  'protocol.invite.refused': { status: 403, text: 'the server does not know this invite: ask for a new one' },
  'protocol.invite.used': { status: 403, text: 'this invite has been used: invites work once, ask for a new one' },
  'protocol.invite.expired': { status: 403, text: 'this invite has expired: invites last 72 hours, ask for a new one' },
  'protocol.invite.revoked': { status: 403, text: 'this invite was taken back: ask for a new one' },
  'protocol.account.exists': { status: 409, text: 'this account or device is already registered' },
  'protocol.certificate.refused': { status: 403, text: 'the device is not vouched for by its account' },
  'protocol.device_list.refused': { status: 403, text: 'the list of devices is not one this account signed, or not allowed' },
  'protocol.device_list.conflict': { status: 409, text: 'the list of devices does not follow from the last one: read that first' },
  'protocol.auth.refused': { status: 401, text: 'this device is not signed in here' },
  'protocol.device.pending': { status: 403, text: 'this device waits for a guardian of the family to let it in' },
  'protocol.role.last_admin': { status: 409, text: 'the community needs an admin, and each family a guardian: give somebody else that role first' },
  'protocol.access.refused': { status: 404, text: 'there is nothing here for this device, or its owner may not do this' },
  'protocol.link.refused': { status: 403, text: 'this device link is unknown, used or older than 10 minutes: start again on the other device' },
  'protocol.passkey.refused': { status: 401, text: 'this passkey opens no account here: use another one, or link this device from one you have' },
  'protocol.passkey.unavailable': { status: 409, text: 'passkeys need a server with a name and https: its operator sets its public address' },
  'protocol.push.refused': { status: 400, text: 'this server does not ring at that address: use a browser whose push service it knows' },
  'protocol.passkey.too_many': { status: 409, text: 'an account may have 16 passkeys: remove one first' },
  'protocol.bundle.conflict': { status: 409, text: 'another device stored the account\'s bundle first: read it, and try again' },
  'protocol.key_package.refused': { status: 400, text: 'a KeyPackage is malformed, expired, of another suite or of another device' },
  'protocol.key_package.too_many': { status: 409, text: 'this device already has as many KeyPackages on the server as it may have' },
  'protocol.conversation.exists': { status: 409, text: 'a conversation with this id exists' },
  'protocol.message.malformed': { status: 400, text: 'the message is not one for this conversation and epoch' },
  'protocol.message.too_large': { status: 413, text: 'the message is larger than 64 KiB' },
  'protocol.message.unencrypted': { status: 403, text: 'this kind of conversation takes encrypted messages only' },
  'protocol.message.id_reused': { status: 409, text: 'another message was already sent under this message id' },
  'protocol.epoch.conflict': { status: 409, text: 'another change of this conversation came first' },
  'protocol.epoch.stale': { status: 409, text: 'the message was made too long ago: the conversation has moved on' },
  'protocol.epoch.unknown': { status: 409, text: 'the message is ahead of what the server has: the server may have been restored' },
  'protocol.roster.refused': { status: 409, text: 'the change adds a device that is in the conversation, or removes one that is not' },
  'protocol.blob.too_large': { status: 413, text: 'a file may have 100 MiB at most' },
  'protocol.blob.quota': { status: 409, text: 'your files on the server are 2 GiB already: wait until the oldest are gone' },
  'protocol.blob.refused': { status: 409, text: 'the piece of the file is not the one that comes next: ask what is stored, and go on from there' },
  'protocol.rate.limited': { status: 429, text: 'too many requests: wait a moment and try again' },
  'protocol.server.unavailable': { status: 503, text: 'the server is stopping or starting: try again' },
  'protocol.server.failed': { status: 500, text: 'the server could not do this: try again, and tell its operator if it stays' },
} as const satisfies Record<string, { readonly status: number; readonly text: string }>

/** A code both sides know. */
export type ProtocolErrorCode = keyof typeof PROTOCOL_ERRORS

/** The single error class of this package; also what a client throws for a refusal it was sent. */
export class ProtocolError extends CodedError<ProtocolErrorCode> {
  override readonly name = 'ProtocolError'
  constructor(code: ProtocolErrorCode, detail?: ErrorDetail, options?: ErrorOptions) {
    super(code, PROTOCOL_ERRORS[code].text, detail, options)
  }
}

/** True for a code of this version's catalogue. */
export const isProtocolErrorCode = (code: string): code is ProtocolErrorCode => Object.hasOwn(PROTOCOL_ERRORS, code)

/** The code itself, or `protocol.server.failed` for one that a newer server has invented. */
export const knownProtocolErrorCode = (code: string): ProtocolErrorCode =>
  isProtocolErrorCode(code) ? code : 'protocol.server.failed'
