/**
 * Which kinds of conversation demand encryption, and what an envelope says about it.
 */
import { deepEqual, equal, throws } from 'node:assert/strict'
import { test } from 'node:test'
import { decode, encode, systemRandom } from '@famichat/base'
import {
  acceptsEncryption, ContentType, type ConversationId, ConversationKind, type DeviceId, Encryption, EnvelopeHeader, envelopeToJson, isForOneAccount, makeId,
  type MessageId, metadataOf, requiresEncryption,
} from '../dist/index.js'

const header = (encryption: Encryption, epoch: bigint): EnvelopeHeader => ({
  conversationId: makeId<ConversationId>(systemRandom),
  seq: 7,
  senderDevice: makeId<DeviceId>(systemRandom),
  messageId: makeId<MessageId>(systemRandom),
  encryption,
  contentType: ContentType.application,
  epoch,
  createdAtMs: 1_790_000_000_000,
})

test('direct, group and family conversations require encryption, self does not', () => {
  const required = Object.entries(ConversationKind).map(([name, kind]) => [name, requiresEncryption(kind)])
  deepEqual(required, [['direct', true], ['group', true], ['family', true], ['self', false]])
})

test('every kind takes encrypted messages, only self takes unencrypted ones', () => {
  for (const kind of Object.values(ConversationKind)) {
    equal(acceptsEncryption(kind, Encryption.mls10), true)
    equal(acceptsEncryption(kind, Encryption.none), kind === ConversationKind.self)
  }
})

test('only self is for the devices of one account', () => {
  deepEqual(Object.values(ConversationKind).filter(isForOneAccount), [ConversationKind.self])
})

test('an encrypted envelope has a flag, a version, and a key id that names conversation and epoch', () => {
  const encrypted = header(Encryption.mls10, 2n ** 60n)
  deepEqual(metadataOf(encrypted), {
    encryptionFlag: true, encryptionVersion: 1, keyId: `${encrypted.conversationId}:${(2n ** 60n).toString()}`, epoch: 2n ** 60n,
  })
})

test('an unencrypted envelope has neither version nor key id', () => {
  deepEqual(metadataOf(header(Encryption.none, 0n)), { encryptionFlag: false, encryptionVersion: 0, keyId: undefined, epoch: 0n })
})

test('an envelope in JSON has the names of the design', () => {
  const encrypted = header(Encryption.mls10, 5n)
  deepEqual(JSON.parse(JSON.stringify(envelopeToJson(encrypted))), {
    id: encrypted.messageId,
    conversation_id: encrypted.conversationId,
    seq: 7,
    sender_device: encrypted.senderDevice,
    metadata: { encryption_version: 1, encryption_flag: true, key_id: `${encrypted.conversationId}:5`, epoch: '5' },
    created_at: '2026-09-21T14:13:20.000Z',
  })
})

test('the metadata survives the wire, and an unknown encryption version is refused', () => {
  const encrypted = header(Encryption.mls10, 5n)
  const bytes = encode(EnvelopeHeader, encrypted)
  deepEqual(metadataOf(decode(EnvelopeHeader, bytes)), metadataOf(encrypted))
  const at = bytes.length - 18
  equal(bytes[at], Encryption.mls10)
  bytes[at] = 9
  throws(() => decode(EnvelopeHeader, bytes), { code: 'base.codec.unknown_value' })
})
