/**
 * Tables of the server. Ids are their 22-character text, times are milliseconds, yes and no are 1 and 0,
 * so that the same schema serves SQLite and PostgreSQL. Tokens, invite proofs and KeyPackage ids are hashes.
 */
import type { Generated } from 'kysely'
import type { ConversationKind, AccountId, AccountRole, AuditEvent, BlobId, ContentType, ConversationId, DeviceId, Encryption, FamilyId, FamilyRole, InviteId, InvitePlace, LinkId, MessageId, PasskeyId, WelcomeId } from '@famichat/protocol'

interface Families {
  family_id: FamilyId
  /** Encrypted: sealed-columns.ts. */
  name: string
  created_at_ms: number
}

interface Accounts {
  account_id: AccountId
  family_id: FamilyId
  family_role: FamilyRole
  /** Encrypted: sealed-columns.ts. */
  name: string
  /** Filled by the vault: the blind index that `where('name', '=', …)` uses. */
  name_key: Generated<string>
  account_key: Uint8Array
  role: AccountRole
  created_at_ms: number
  /** Null while it is in use. */
  ended_at_ms: Generated<number | null>
}

interface Devices {
  device_id: DeviceId
  account_id: AccountId
  certificate: Uint8Array
  signature_key: Uint8Array
  created_at_ms: number
  /** Null while the device waits for a guardian. */
  approved_at_ms: number | null
  revoked_at_ms: number | null
}

/** One signed version of an account's device list. */
interface DeviceLists {
  account_id: AccountId
  number: number
  list: Uint8Array
}

interface Invites {
  invite_id: InviteId
  /** Null for the set-up invite of a new server. */
  inviter: AccountId | null
  place: InvitePlace
  /** Family and role of whom it brings in; null when that makes a new family. */
  family_id: FamilyId | null
  family_role: FamilyRole | null
  proof_hash: Uint8Array
  created_at_ms: number
  expires_at_ms: number
  used_by: AccountId | null
  /** For the inviter, who alone can check it. */
  joiner_proof: Uint8Array | null
  /** For the inviter, who alone can open it. */
  sealed_device_name: Uint8Array | null
  revoked_at_ms: number | null
}

/** What happened, by random ids: no names, no addresses. */
interface Audit {
  audit_id: Generated<number>
  at_ms: number
  event: AuditEvent
  actor: AccountId | null
  subject: string
}

interface Tokens {
  token_hash: Uint8Array
  device_id: DeviceId
  expires_at_ms: number
  /** TokenScope; null for all. */
  scope: Uint8Array | null
}

interface RefreshTokens {
  token_hash: Uint8Array
  device_id: DeviceId
  expires_at_ms: number
  /** Null until it has given its pair. */
  used_at_ms: number | null
  /** Of the tokens it gives. */
  scope: Uint8Array | null
}

interface Links {
  link_id: LinkId
  account_id: AccountId
  device_id: DeviceId
  expires_at_ms: number
  offer: Uint8Array | null
  answer: Uint8Array | null
  used_by: DeviceId | null
}

interface KeyPackages {
  key_package_hash: Uint8Array
  device_id: DeviceId
  /** Null once handed out: the hash stays until `not_after_ms`, so that it is never handed out again. */
  key_package: Uint8Array | null
  is_last_resort: number
  not_after_ms: number
  created_at_ms: number
}

interface Conversations {
  conversation_id: ConversationId
  kind: ConversationKind
  epoch: number
  last_seq: number
  /** Messages up to here are dropped; 0 while all are kept. */
  pruned_seq: Generated<number>
  /** After a restore from a backup: the last entry that the backup had, and where the log goes on since. */
  restored_after_seq: Generated<number | null>
  resumes_after_seq: Generated<number | null>
  creator: DeviceId
  created_at_ms: number
}

interface GroupInfos {
  conversation_id: ConversationId
  epoch: number
  group_info: Uint8Array
}

/** One period in which a device was in a conversation; it reads `from_seq … until_seq`. */
interface Memberships {
  conversation_id: ConversationId
  device_id: DeviceId
  from_seq: number
  until_seq: number | null
}

/** Of a period of membership: until when the device may read, as the members' commits said. */
interface Guests {
  conversation_id: ConversationId
  device_id: DeviceId
  from_seq: number
  until_ms: number
}

/** One entry of a conversation's log. */
export interface Envelopes {
  conversation_id: ConversationId
  seq: number
  sender_device: DeviceId
  message_id: MessageId
  encryption: Encryption
  content_type: ContentType
  epoch: number
  /** Empty once it is dropped. */
  message: Uint8Array
  /** SHA-256 of the message, which outlives it. */
  message_hash: Uint8Array
  created_at_ms: number
}

/** One Welcome for all devices that the commit at `commit_seq` added. */
interface WelcomeBodies {
  conversation_id: ConversationId
  commit_seq: number
  welcome: Uint8Array
}

interface Welcomes {
  welcome_id: WelcomeId
  device_id: DeviceId
  conversation_id: ConversationId
  commit_seq: number
  sender_device: DeviceId
  created_at_ms: number
}

interface Cursors {
  device_id: DeviceId
  conversation_id: ConversationId
  acknowledged_seq: number
}

/** Ciphertext in chunks; whole when `stored_bytes` is `blob_bytes`. */
interface Blobs {
  blob_id: BlobId
  account_id: AccountId
  /** Whose devices may read it; null for the account's own only. */
  conversation_id: ConversationId | null
  /** The device of the account for which it was made, if for one. */
  for_device: DeviceId | null
  blob_bytes: number
  stored_bytes: number
  chunks: number
  created_at_ms: number
}

interface BlobChunks {
  blob_id: BlobId
  chunk_index: number
  chunk: Uint8Array
}

/** A device that asks to be removed and added again. */
interface Readds {
  conversation_id: ConversationId
  device_id: DeviceId
  requested_at_ms: number
}

/** The last commit that each device could not take, in its own signed words. */
interface Refusals {
  conversation_id: ConversationId
  device_id: DeviceId
  seq: number
  epoch: number
  commit_hash: Uint8Array
  signature: Uint8Array
  refused_at_ms: number
}

interface Passkeys {
  passkey_id: PasskeyId
  account_id: AccountId
  credential_id: Uint8Array
  /** COSE. */
  public_key: Uint8Array
  counter: number
  is_synced: number
  label: string
  created_at_ms: number
  used_at_ms: number | null
}

/** What an account left for its new devices; sealed. */
interface Bundles {
  account_id: AccountId
  version: number
  sealed: Uint8Array
  stored_at_ms: number
}

/** Where a device is rung. */
interface PushSubscriptions {
  device_id: DeviceId
  /** Encrypted in the column. */
  endpoint: string
  created_at_ms: number
}

/** All tables. */
export interface Schema {
  families: Families
  audit: Audit
  accounts: Accounts
  devices: Devices
  device_lists: DeviceLists
  invites: Invites
  tokens: Tokens
  refresh_tokens: RefreshTokens
  links: Links
  key_packages: KeyPackages
  conversations: Conversations
  group_infos: GroupInfos
  memberships: Memberships
  guests: Guests
  envelopes: Envelopes
  welcome_bodies: WelcomeBodies
  welcomes: Welcomes
  cursors: Cursors
  blobs: Blobs
  blob_chunks: BlobChunks
  readds: Readds
  refusals: Refusals
  passkeys: Passkeys
  bundles: Bundles
  push_subscriptions: PushSubscriptions
}
