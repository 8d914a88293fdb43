/**
 * The stored form of every record, byte for byte: profiles exist that hold them. Another form needs another FORMAT in records.ts and
 * a golden file of its own: `WRITE_GOLDEN=1 npm test -- stored-records` writes today's.
 */
import { deepEqual, equal } from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { test } from 'node:test'
import { type Codec, fromHex, toHex } from '@famichat/base'
import { type AccountId, ContentType, ConversationKind, Encryption, idFromBytes } from '@famichat/protocol'
import * as records from '../../dist/store/records.js'

const bytes = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value)
const id = (value: number): AccountId => idFromBytes(bytes(16, value))
const device = { accountId: id(1), deviceId: id(2) }
const extension = { extensionType: 0xff0a, extensionData: bytes(3, 9) }
const envelope = {
  header: {
    conversationId: id(3), seq: 7, senderDevice: id(2), messageId: id(4), encryption: Encryption.mls10,
    contentType: ContentType.commit, epoch: 5n, createdAtMs: 1_700_000_000_000,
  },
  message: bytes(4, 8),
}

/** A record of each kind, with everything in it that can be. */
const SAMPLES: Readonly<Record<string, readonly [Codec<never>, unknown]>> = {
  identity: [records.IdentityRecord as Codec<never>, {
    origin: 'https://chat.example', accountName: 'Ana', certificate: bytes(5, 1),
    admission: { inviteId: id(1), linkId: id(2), inviteSecret: bytes(16, 3), deviceList: bytes(2, 4) }, inviterFingerprint: bytes(16, 5),
    devicePrivateKey: bytes(32, 6), accountPrivateKey: bytes(32, 7),
  }],
  pin: [records.PinRecord as Codec<never>, { accountKey: bytes(32, 1), source: records.PinSource.invite, pinnedAtMs: 9 }],
  deviceList: [records.DeviceListRecord as Codec<never>, {
    accountKey: bytes(32, 1), number: 2, hashes: [bytes(32, 2), bytes(32, 3)],
    devices: [{ deviceId: id(4), deviceSignatureKey: bytes(32, 5), listedIn: 1, removedIn: 2 }, { deviceId: id(6), deviceSignatureKey: bytes(32, 7), listedIn: 1, removedIn: undefined }],
  }],
  name: [records.NameRecord as Codec<never>, { accountName: 'Ana' }],
  deviceName: [records.DeviceNameRecord as Codec<never>, { name: 'Kitchen tablet', namedAtMs: 1 }],
  invite: [records.InviteRecord as Codec<never>, { secret: bytes(16, 1), side: records.InviteSide.made, state: records.InviteState.bound, peer: id(2), madeAtMs: 3 }],
  verification: [records.VerificationRecord as Codec<never>, { method: records.VerificationMethod.scan, verifiedAtMs: 4 }],
  keyChange: [records.KeyChangeRecord as Codec<never>, { seenAtMs: 5 }],
  keyPackage: [records.KeyPackageRecord as Codec<never>, { isLastResort: true, notAfterMs: 6, bundle: bytes(2, 7) }],
  recovery: [records.RecoveryRecord as Codec<never>, { entropy: bytes(16, 1), madeAtMs: 2, rehearsedAtMs: 3 }],
  archived: [records.ArchivedRecord as Codec<never>, { kind: ConversationKind.group, name: 'Garden', members: [id(1)], seq: 4 }],
  settings: [records.SettingsRecord as Codec<never>, { sendsReceipts: true }],
  conversation: [records.ConversationRecord as Codec<never>, {
    kind: ConversationKind.family, name: 'Home', state: records.ConversationState.active, isRegistered: true, isLeaving: false, cursor: 1, joinedEpoch: 2n,
    welcomeId: id(3), sentCount: 4, isRolledBack: false, renewedAtMs: 5, renewedAtCount: 6, keptUpAtMs: 7, stuckCode: 'client.message.newer', refusedCommit: { seq: 12, epoch: 3n, commitHash: new Uint8Array(32).fill(7) }, restoredAfterSeq: 8,
    resumesAfterSeq: 9, latestServerMs: 10, isAway: true, undo: { offenders: [id(1)], added: [id(2)], removed: [device], extensions: [extension] },
  }],
  taken: [records.TakenRecord as Codec<never>, { envelope, added: [id(1)], removed: [id(2)] }],
  history: [records.HistoryRecord as Codec<never>, {
    kind: records.HistoryKind.membership, ...device, messageId: id(3), atMs: 4, epoch: 5n, content: bytes(2, 6), added: [id(7)], removed: [id(8)],
    epochAuthenticator: bytes(32, 9), errorCode: 'client.log.forked', count: 10,
  }],
  seen: [records.SeenRecord as Codec<never>, { seenAtMs: 1, seq: 2 }],
  wanted: [records.WantedRecord as Codec<never>, { ...device, seq: 3, asks: 4, askedAtMs: 5 }],
  owed: [records.OwedRecord as Codec<never>, { deviceId: id(1) }],
  resent: [records.ResentRecord as Codec<never>, { atMs: 2 }],
  sender: [records.SenderRecord as Codec<never>, { lastNumber: 3, unreadable: 4 }],
  presence: [records.PresenceRecord as Codec<never>, { seenAtMs: 1, seenServerMs: 2, warnedAtMs: 3, warnedServerMs: 4 }],
  upload: [records.UploadRecord as Codec<never>, { blobId: id(1), secret: bytes(32, 2), expiresAtMs: 3 }],
  outgoing: [records.OutgoingRecord as Codec<never>, { transferKey: bytes(32, 1), withPhrase: true, sealedBytes: 2, blobIds: [id(3)], isSent: false }],
  incoming: [records.IncomingRecord as Codec<never>, { transferKey: bytes(32, 1) }],
  outbox: [records.OutboxRecord as Codec<never>, { kind: records.OutboxKind.message, messageId: id(1), epoch: 2n, message: bytes(3, 4), number: 5, document: bytes(2, 6) }],
  commit: [records.CommitRecord as Codec<never>, {
    messageId: id(1), epoch: 2n, commit: bytes(3, 4), welcome: bytes(2, 5), added: [id(6)], removed: [id(7)], guests: [{ deviceId: id(8), untilMs: 9 }],
  }],
  intent: [records.IntentRecord as Codec<never>, { kind: records.IntentKind.guest, devices: [device], epoch: 3n, atMs: 4 }],
}

const file = fileURLToPath(new URL('../../test/store/stored-records.json', import.meta.url))
const written = Object.fromEntries(Object.entries(SAMPLES).map(([name, [codec, sample]]): [string, string] => [name, toHex(records.encodeRecord(codec, sample as never))]))
if (process.env.WRITE_GOLDEN === '1') writeFileSync(file, `${JSON.stringify(written, undefined, 1)}\n`)

test('every record is written as profiles have it, and read again', () => {
  const golden = JSON.parse(readFileSync(file, 'utf8')) as Readonly<Record<string, string>>
  deepEqual(written, golden)
  for (const [name, [codec, sample]] of Object.entries(SAMPLES)) deepEqual(records.decodeRecord(codec, fromHex(golden[name] ?? '')), sample, name)
})

test('every schema of a record has its sample here', () => {
  const schemas = Object.keys(records).filter((name) => name.endsWith('Record') && name !== 'encodeRecord' && name !== 'decodeRecord')
  equal(schemas.length, Object.keys(SAMPLES).length)
})
