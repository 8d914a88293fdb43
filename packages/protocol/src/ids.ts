/**
 * Ids: 16 random bytes, held as their text form (22 characters of base64url) so that equal ids are `===`.
 * On the wire they are the 16 bytes; an MLS group id is the 16 bytes of its ConversationId.
 */
import { type Branded, type Codec, fromBase64url, type RandomBytes, toBase64url } from '@famichat/base'
import { ProtocolError } from './protocol-error.js'

/** A person. */
export type AccountId = Branded<string, 'AccountId'>
/** One MLS client of a person. */
export type DeviceId = Branded<string, 'DeviceId'>
/** One ordered log; its bytes are the MLS group id. */
export type ConversationId = Branded<string, 'ConversationId'>
/** A household: the accounts that one invite after another made part of it. */
export type FamilyId = Branded<string, 'FamilyId'>
/** A single-use invitation to make an account. */
export type InviteId = Branded<string, 'InviteId'>
/** The sender's own id of a message or commit: a retry carries the same one. */
export type MessageId = Branded<string, 'MessageId'>
/** A Welcome waiting for one device. */
export type WelcomeId = Branded<string, 'WelcomeId'>
/** The rendezvous of two devices of one account. */
export type LinkId = Branded<string, 'LinkId'>

/** Ciphertext that is stored apart from messages. */
export type BlobId = Branded<string, 'BlobId'>

/** A passkey of an account; its authenticator has a longer name of its own for it. */
export type PasskeyId = Branded<string, 'PasskeyId'>

/** Any of the ids above. */
export type AnyId = AccountId | FamilyId | DeviceId | ConversationId | InviteId | MessageId | WelcomeId | LinkId | BlobId | PasskeyId

/* eslint-disable @typescript-eslint/no-unnecessary-type-parameters -- which id the bytes are is the caller's knowledge */

/** Bytes in an id. */
export const ID_BYTES = 16
const ID_CHARACTERS = 22

/** Reads the text form. @throws ProtocolError `protocol.id.malformed` */
export const parseId = <Id extends AnyId>(text: string): Id => {
  if (text.length !== ID_CHARACTERS) throw new ProtocolError('protocol.id.malformed', { characters: text.length })
  try {
    fromBase64url(text)
  } catch (cause) {
    throw new ProtocolError('protocol.id.malformed', {}, { cause })
  }
  return text as Id
}

/** The id with these 16 bytes. @throws ProtocolError `protocol.id.malformed` */
export const idFromBytes = <Id extends AnyId>(bytes: Uint8Array): Id => {
  if (bytes.length !== ID_BYTES) throw new ProtocolError('protocol.id.malformed', { bytes: bytes.length })
  return toBase64url(bytes) as Id
}

/** The 16 bytes of an id. */
export const idToBytes = (id: AnyId): Uint8Array => fromBase64url(id)

/** A fresh id. Its first bit is 0, so that its text never begins with `-`, which a command line would take for an option. */
export const makeId = <Id extends AnyId>(random: RandomBytes): Id => {
  const bytes = Uint8Array.from(random(ID_BYTES), (byte, index) => index === 0 ? byte & 0x7f : byte)
  return idFromBytes<Id>(bytes)
}

/** The 16 bytes of an id on the wire. */
const idCodec = <Id extends AnyId>(): Codec<Id> => ({
  encodeInto: (writer, id) => { writer.bytes(idToBytes(parseId(id))) },
  decodeFrom: (reader) => idFromBytes<Id>(reader.bytes(ID_BYTES)),
})
/* eslint-enable @typescript-eslint/no-unnecessary-type-parameters */

export const AccountId: Codec<AccountId> = idCodec()
export const DeviceId: Codec<DeviceId> = idCodec()
export const ConversationId: Codec<ConversationId> = idCodec()
export const FamilyId: Codec<FamilyId> = idCodec()
export const InviteId: Codec<InviteId> = idCodec()
export const MessageId: Codec<MessageId> = idCodec()
export const WelcomeId: Codec<WelcomeId> = idCodec()
export const LinkId: Codec<LinkId> = idCodec()
export const BlobId: Codec<BlobId> = idCodec()
export const PasskeyId: Codec<PasskeyId> = idCodec()
