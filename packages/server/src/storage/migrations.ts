/**
 * Migrations, in code and in order. One that has shipped is never changed: add the next.
 */
import { FamilyRole, InvitePlace } from '@famichat/protocol'
import { type Kysely, type Migration, Migrator, sql } from 'kysely'
import { columnName, type Vault } from '@famichat/vault'
import { ServerError } from '../server-error.js'
import type { Schema } from './schema.js'

type AnySchema = Kysely<unknown>

const firstTables = async (db: AnySchema): Promise<void> => {
  await db.schema.createTable('accounts')
    .addColumn('account_id', 'text', (column) => column.primaryKey())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('name_key', 'text', (column) => column.notNull().unique())
    .addColumn('account_key', 'blob', (column) => column.notNull())
    .addColumn('role', 'integer', (column) => column.notNull())
    .addColumn('created_at_ms', 'bigint', (column) => column.notNull())
    .execute()
  await db.schema.createTable('devices')
    .addColumn('device_id', 'text', (column) => column.primaryKey())
    .addColumn('account_id', 'text', (column) => column.notNull().references('accounts.account_id'))
    .addColumn('certificate', 'blob', (column) => column.notNull())
    .addColumn('signature_key', 'blob', (column) => column.notNull().unique())
    .addColumn('created_at_ms', 'bigint', (column) => column.notNull())
    .addColumn('revoked_at_ms', 'bigint')
    .execute()
  await db.schema.createIndex('devices_by_account').on('devices').column('account_id').execute()
  await db.schema.createTable('invites')
    .addColumn('invite_id', 'text', (column) => column.primaryKey())
    .addColumn('inviter', 'text', (column) => column.references('accounts.account_id'))
    .addColumn('proof_hash', 'blob', (column) => column.notNull())
    .addColumn('created_at_ms', 'bigint', (column) => column.notNull())
    .addColumn('expires_at_ms', 'bigint', (column) => column.notNull())
    .addColumn('used_by', 'text')
    .addColumn('revoked_at_ms', 'bigint')
    .execute()
  await db.schema.createIndex('invites_by_inviter').on('invites').column('inviter').execute()
  await db.schema.createTable('tokens')
    .addColumn('token_hash', 'blob', (column) => column.primaryKey())
    .addColumn('device_id', 'text', (column) => column.notNull().references('devices.device_id'))
    .addColumn('expires_at_ms', 'bigint', (column) => column.notNull())
    .execute()
  await db.schema.createIndex('tokens_by_device').on('tokens').column('device_id').execute()
  await db.schema.createTable('links')
    .addColumn('link_id', 'text', (column) => column.primaryKey())
    .addColumn('account_id', 'text', (column) => column.notNull().references('accounts.account_id'))
    .addColumn('device_id', 'text', (column) => column.notNull().references('devices.device_id'))
    .addColumn('expires_at_ms', 'bigint', (column) => column.notNull())
    .addColumn('offer', 'blob')
    .addColumn('answer', 'blob')
    .addColumn('used_by', 'text')
    .execute()
  await db.schema.createTable('key_packages')
    .addColumn('key_package_hash', 'blob', (column) => column.primaryKey())
    .addColumn('device_id', 'text', (column) => column.notNull().references('devices.device_id'))
    .addColumn('key_package', 'blob')
    .addColumn('is_last_resort', 'integer', (column) => column.notNull())
    .addColumn('not_after_ms', 'bigint', (column) => column.notNull())
    .addColumn('created_at_ms', 'bigint', (column) => column.notNull())
    .execute()
  await db.schema.createIndex('key_packages_by_device').on('key_packages').columns(['device_id', 'is_last_resort']).execute()
}

const deliveryTables = async (db: AnySchema): Promise<void> => {
  await db.schema.createTable('conversations')
    .addColumn('conversation_id', 'text', (column) => column.primaryKey())
    .addColumn('kind', 'integer', (column) => column.notNull())
    .addColumn('epoch', 'bigint', (column) => column.notNull())
    .addColumn('last_seq', 'bigint', (column) => column.notNull())
    .addColumn('creator', 'text', (column) => column.notNull().references('devices.device_id'))
    .addColumn('created_at_ms', 'bigint', (column) => column.notNull())
    .execute()
  await db.schema.createTable('group_infos')
    .addColumn('conversation_id', 'text', (column) => column.primaryKey().references('conversations.conversation_id'))
    .addColumn('epoch', 'bigint', (column) => column.notNull())
    .addColumn('group_info', 'blob', (column) => column.notNull())
    .execute()
  await db.schema.createTable('memberships')
    .addColumn('conversation_id', 'text', (column) => column.notNull().references('conversations.conversation_id'))
    .addColumn('device_id', 'text', (column) => column.notNull().references('devices.device_id'))
    .addColumn('from_seq', 'bigint', (column) => column.notNull())
    .addColumn('until_seq', 'bigint')
    .addPrimaryKeyConstraint('memberships_key', ['conversation_id', 'device_id', 'from_seq'])
    .execute()
  await db.schema.createIndex('memberships_by_device').on('memberships').columns(['device_id', 'conversation_id']).execute()
  await db.schema.createIndex('one_open_membership').on('memberships').columns(['conversation_id', 'device_id'])
    .unique().where('until_seq' as never, 'is', null).execute()
  await db.schema.createTable('envelopes')
    .addColumn('conversation_id', 'text', (column) => column.notNull().references('conversations.conversation_id'))
    .addColumn('seq', 'bigint', (column) => column.notNull())
    .addColumn('sender_device', 'text', (column) => column.notNull().references('devices.device_id'))
    .addColumn('message_id', 'text', (column) => column.notNull())
    .addColumn('encryption', 'integer', (column) => column.notNull())
    .addColumn('content_type', 'integer', (column) => column.notNull())
    .addColumn('epoch', 'bigint', (column) => column.notNull())
    .addColumn('created_at_ms', 'bigint', (column) => column.notNull())
    .addColumn('message', 'blob', (column) => column.notNull())
    .addPrimaryKeyConstraint('envelopes_key', ['conversation_id', 'seq'])
    .addUniqueConstraint('one_envelope_per_message_id', ['sender_device', 'message_id'])
    .execute()
  await db.schema.createIndex('one_commit_per_epoch').on('envelopes').columns(['conversation_id', 'epoch'])
    .unique().where('content_type' as never, '=', 3).execute()
  await db.schema.createTable('welcome_bodies')
    .addColumn('conversation_id', 'text', (column) => column.notNull().references('conversations.conversation_id'))
    .addColumn('commit_seq', 'bigint', (column) => column.notNull())
    .addColumn('welcome', 'blob', (column) => column.notNull())
    .addPrimaryKeyConstraint('welcome_bodies_key', ['conversation_id', 'commit_seq'])
    .execute()
  await db.schema.createTable('welcomes')
    .addColumn('welcome_id', 'text', (column) => column.primaryKey())
    .addColumn('device_id', 'text', (column) => column.notNull().references('devices.device_id'))
    .addColumn('conversation_id', 'text', (column) => column.notNull())
    .addColumn('commit_seq', 'bigint', (column) => column.notNull())
    .addColumn('sender_device', 'text', (column) => column.notNull())
    .addColumn('created_at_ms', 'bigint', (column) => column.notNull())
    .execute()
  await db.schema.createIndex('welcomes_by_device').on('welcomes').column('device_id').execute()
  await db.schema.createIndex('welcomes_by_commit').on('welcomes').columns(['conversation_id', 'commit_seq']).execute()
  await db.schema.createTable('cursors')
    .addColumn('device_id', 'text', (column) => column.notNull().references('devices.device_id'))
    .addColumn('conversation_id', 'text', (column) => column.notNull().references('conversations.conversation_id'))
    .addColumn('acknowledged_seq', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('cursors_key', ['device_id', 'conversation_id'])
    .execute()
}

const blobTables = async (db: AnySchema): Promise<void> => {
  await db.schema.createTable('blobs')
    .addColumn('blob_id', 'text', (column) => column.primaryKey())
    .addColumn('account_id', 'text', (column) => column.notNull().references('accounts.account_id'))
    .addColumn('conversation_id', 'text', (column) => column.references('conversations.conversation_id'))
    .addColumn('blob_bytes', 'bigint', (column) => column.notNull())
    .addColumn('stored_bytes', 'bigint', (column) => column.notNull())
    .addColumn('chunks', 'integer', (column) => column.notNull())
    .addColumn('created_at_ms', 'bigint', (column) => column.notNull())
    .execute()
  await db.schema.createIndex('blobs_by_account').on('blobs').column('account_id').execute()
  await db.schema.createIndex('blobs_by_age').on('blobs').column('created_at_ms').execute()
  await db.schema.createTable('blob_chunks')
    .addColumn('blob_id', 'text', (column) => column.notNull().references('blobs.blob_id'))
    .addColumn('chunk_index', 'integer', (column) => column.notNull())
    .addColumn('chunk', 'blob', (column) => column.notNull())
    .addPrimaryKeyConstraint('blob_chunks_key', ['blob_id', 'chunk_index'])
    .execute()
}

/** Everybody who is here already belongs to one family, called like its first account; the first account heads it. */
const familyTables = async (db: AnySchema): Promise<void> => {
  await db.schema.createTable('families')
    .addColumn('family_id', 'text', (column) => column.primaryKey())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('created_at_ms', 'bigint', (column) => column.notNull())
    .execute()
  await db.schema.createTable('audit')
    .addColumn('audit_id', 'integer', (column) => column.primaryKey().autoIncrement())
    .addColumn('at_ms', 'bigint', (column) => column.notNull())
    .addColumn('event', 'integer', (column) => column.notNull())
    .addColumn('actor', 'text')
    .addColumn('subject', 'text', (column) => column.notNull())
    .execute()
  await db.schema.alterTable('accounts').addColumn('family_id', 'text', (column) => column.references('families.family_id')).execute()
  await db.schema.alterTable('accounts').addColumn('family_role', 'integer', (column) => column.notNull().defaultTo(FamilyRole.adult)).execute()
  await db.schema.alterTable('devices').addColumn('approved_at_ms', 'bigint').execute()
  await db.schema.alterTable('invites').addColumn('place', 'integer', (column) => column.notNull().defaultTo(InvitePlace.ownFamily)).execute()
  await db.schema.alterTable('invites').addColumn('family_id', 'text').execute()
  await db.schema.alterTable('invites').addColumn('family_role', 'integer').execute()
  // the first account's id is as random as a family's, and stands for nobody but that account's family
  await sql`insert into families (family_id, name, created_at_ms)
    select account_id, name, created_at_ms from accounts order by created_at_ms, account_id limit 1`.execute(db)
  await sql`update accounts set family_id = (select family_id from families)`.execute(db)
  await sql`update accounts set family_role = ${FamilyRole.admin} where account_id = (select family_id from families)`.execute(db)
  await sql`update devices set approved_at_ms = created_at_ms`.execute(db)
  await sql`update invites set family_id = (select family_id from families), family_role = ${FamilyRole.adult} where inviter is not null`.execute(db)
  await sql`update invites set place = ${InvitePlace.newFamily} where inviter is null`.execute(db)
}

const refreshTables = async (db: AnySchema): Promise<void> => {
  await db.schema.createTable('refresh_tokens')
    .addColumn('token_hash', 'blob', (column) => column.primaryKey())
    .addColumn('device_id', 'text', (column) => column.notNull().references('devices.device_id'))
    .addColumn('expires_at_ms', 'bigint', (column) => column.notNull())
    .addColumn('used_at_ms', 'bigint')
    .execute()
  await db.schema.createIndex('refresh_tokens_by_device').on('refresh_tokens').column('device_id').execute()
}

const readdTables = async (db: AnySchema): Promise<void> => {
  await db.schema.createTable('readds')
    .addColumn('conversation_id', 'text', (column) => column.notNull().references('conversations.conversation_id'))
    .addColumn('device_id', 'text', (column) => column.notNull().references('devices.device_id'))
    .addColumn('requested_at_ms', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('readds_key', ['conversation_id', 'device_id'])
    .execute()
}

const passkeyTables = async (db: AnySchema): Promise<void> => {
  await db.schema.createTable('passkeys')
    .addColumn('passkey_id', 'text', (column) => column.primaryKey())
    .addColumn('account_id', 'text', (column) => column.notNull().references('accounts.account_id'))
    .addColumn('credential_id', 'blob', (column) => column.notNull().unique())
    .addColumn('public_key', 'blob', (column) => column.notNull())
    .addColumn('counter', 'bigint', (column) => column.notNull())
    .addColumn('is_synced', 'integer', (column) => column.notNull())
    .addColumn('label', 'text', (column) => column.notNull())
    .addColumn('created_at_ms', 'bigint', (column) => column.notNull())
    .addColumn('used_at_ms', 'bigint')
    .execute()
  await db.schema.createIndex('passkeys_by_account').on('passkeys').column('account_id').execute()
  await db.schema.createTable('bundles')
    .addColumn('account_id', 'text', (column) => column.primaryKey().references('accounts.account_id'))
    .addColumn('version', 'bigint', (column) => column.notNull())
    .addColumn('sealed', 'blob', (column) => column.notNull())
    .addColumn('stored_at_ms', 'bigint', (column) => column.notNull())
    .execute()
}

/** What is dropped of a log keeps its place, sender and id, and a hash, so that a late retry still gets its first answer. */
const retentionColumns = async (db: AnySchema): Promise<void> => {
  await db.schema.alterTable('envelopes').addColumn('message_hash', 'blob', (column) => column.notNull().defaultTo(sql`x''`)).execute()
  await db.schema.alterTable('conversations').addColumn('pruned_seq', 'bigint', (column) => column.notNull().defaultTo(0)).execute()
}

const pushTables = async (db: AnySchema): Promise<void> => {
  await db.schema.createTable('push_subscriptions')
    .addColumn('device_id', 'text', (column) => column.primaryKey().references('devices.device_id'))
    .addColumn('endpoint', 'text', (column) => column.notNull())
    .addColumn('created_at_ms', 'bigint', (column) => column.notNull())
    .execute()
}

const NAMES_TO_SEAL = ['accounts.name', 'families.name', 'passkeys.label']

/** Names come under the vault; until here they were in clear (in an encrypted file). */
const sealNames = async (db: AnySchema, vault: Vault): Promise<void> => {
  const rows = db as Kysely<Record<string, Record<string, string>>>
  for (const column of vault.columns.filter((candidate) => NAMES_TO_SEAL.includes(columnName(candidate)))) {
    const { table, rowId, blindIndex } = column
    for (const { id, clear } of await rows.selectFrom(table).select([`${rowId} as id`, `${column.column} as clear`]).execute()) {
      const sealed = { [column.column]: vault.seal(column, id, clear) }
      await rows.updateTable(table).set(blindIndex === undefined ? sealed : { ...sealed, [blindIndex.column]: vault.indexValue(column, clear) })
        .where(rowId, '=', id).execute()
    }
  }
}

const restoreColumns = async (db: AnySchema): Promise<void> => {
  for (const name of ['restored_after_seq', 'resumes_after_seq']) await db.schema.alterTable('conversations').addColumn(name, 'bigint').execute()
}

const guestTables = async (db: AnySchema): Promise<void> => {
  await db.schema.createTable('guests')
    .addColumn('conversation_id', 'text', (column) => column.notNull().references('conversations.conversation_id'))
    .addColumn('device_id', 'text', (column) => column.notNull().references('devices.device_id'))
    .addColumn('from_seq', 'bigint', (column) => column.notNull())
    .addColumn('until_ms', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('guests_key', ['conversation_id', 'device_id', 'from_seq'])
    .execute()
}

const endedColumn = async (db: AnySchema): Promise<void> => {
  await db.schema.alterTable('accounts').addColumn('ended_at_ms', 'bigint').execute()
}

/** From here on names are encrypted. */
export const SEALING_MIGRATION = '0008-sealed-names'

const deviceListTables = async (db: AnySchema): Promise<void> => {
  await db.schema.createTable('device_lists')
    .addColumn('account_id', 'text', (column) => column.notNull().references('accounts.account_id'))
    .addColumn('number', 'integer', (column) => column.notNull())
    .addColumn('list', 'blob', (column) => column.notNull())
    .addPrimaryKeyConstraint('device_lists_key', ['account_id', 'number'])
    .execute()
  await db.schema.alterTable('invites').addColumn('joiner_proof', 'blob').execute()
  await db.schema.alterTable('blobs').addColumn('for_device', 'text', (column) => column.references('devices.device_id')).execute()
  await db.schema.createIndex('blobs_by_device').on('blobs').column('for_device').execute()
}

const scopeColumns = async (db: AnySchema): Promise<void> => {
  await db.schema.alterTable('tokens').addColumn('scope', 'blob').execute()
  await db.schema.alterTable('refresh_tokens').addColumn('scope', 'blob').execute()
}

const deviceNameColumn = async (db: AnySchema): Promise<void> => {
  await db.schema.alterTable('invites').addColumn('sealed_device_name', 'blob').execute()
}

const refusalTables = async (db: AnySchema): Promise<void> => {
  await db.schema.createTable('refusals')
    .addColumn('conversation_id', 'text', (column) => column.notNull().references('conversations.conversation_id'))
    .addColumn('device_id', 'text', (column) => column.notNull().references('devices.device_id'))
    .addColumn('seq', 'bigint', (column) => column.notNull())
    .addColumn('epoch', 'bigint', (column) => column.notNull())
    .addColumn('commit_hash', 'blob', (column) => column.notNull())
    .addColumn('signature', 'blob', (column) => column.notNull())
    .addColumn('refused_at_ms', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('refusals_key', ['conversation_id', 'device_id'])
    .execute()
}

/** All of them; the vault is the one that seals names. */
export const migrationsWith = (vault: Vault): Readonly<Record<string, Migration>> => ({
  '0001-accounts': { up: (db: AnySchema) => firstTables(db) },
  '0002-delivery': { up: (db: AnySchema) => deliveryTables(db) },
  '0003-blobs': { up: (db: AnySchema) => blobTables(db) },
  '0004-families': { up: (db: AnySchema) => familyTables(db) },
  '0005-refresh-tokens': { up: (db: AnySchema) => refreshTables(db) },
  '0006-readds': { up: (db: AnySchema) => readdTables(db) },
  '0007-passkeys': { up: (db: AnySchema) => passkeyTables(db) },
  [SEALING_MIGRATION]: { up: (db: AnySchema) => sealNames(db, vault) },
  '0009-device-lists': { up: (db: AnySchema) => deviceListTables(db) },
  '0010-retention': { up: (db: AnySchema) => retentionColumns(db) },
  '0011-token-scopes': { up: (db: AnySchema) => scopeColumns(db) },
  '0012-restores': { up: (db: AnySchema) => restoreColumns(db) },
  '0013-push': { up: (db: AnySchema) => pushTables(db) },
  '0014-guests': { up: (db: AnySchema) => guestTables(db) },
  '0015-ended-accounts': { up: (db: AnySchema) => endedColumn(db) },
  '0016-device-names': { up: (db: AnySchema) => deviceNameColumn(db) },
  '0017-refusals': { up: (db: AnySchema) => refusalTables(db) },
})

/**
 * Brings the database up to date, each migration in a transaction.
 * @param db without plugins: migrations see what is stored
 * @throws ServerError `server.database.*`
 */
export const migrateToLatest = async (db: Kysely<Schema>, vault: Vault): Promise<void> => {
  const migrator = new Migrator({ db, provider: { getMigrations: () => Promise.resolve(migrationsWith(vault)) } })
  const { error } = await migrator.migrateToLatest()
  if (error === undefined) return
  const isNewer = error instanceof Error && error.message.includes('missing')
  throw new ServerError(isNewer ? 'server.database.newer' : 'server.database.failed', {}, { cause: error })
}
