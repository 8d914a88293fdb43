/**
 * What lies in the data folder, and where its keys come from: the environment, or files that only their owner reads.
 */
import { join } from 'node:path'
import type Sqlite from 'better-sqlite3-multiple-ciphers'
import type { RandomBytes, Secret } from '@famichat/base'
import { takeKey } from '@famichat/base/node'
import { holdKeyRing, type KeyRingHolder } from '@famichat/vault'
import { ServerError } from '../server-error.js'
import { SEALING_MIGRATION } from './migrations.js'

export const DATABASE_FILE = 'famichat.db'
/** Opens the database file. Keep a copy elsewhere: without it nobody opens the database. */
export const DATABASE_KEY_FILE = 'database.key'
/** The key ring of the encrypted columns. */
export const FIELD_KEYS_FILE = 'fields.key'
export const LOCK_FILE = 'server.lock'

/** Keys that do not come from files. */
export interface StorageKeys {
  /** 64 hexadecimal digits. */
  readonly databaseKeyHex?: string | undefined
  /** The text of a key ring: `v2 <hex>,v1 <hex>`. */
  readonly fieldKeys?: string | undefined
}

interface KeyPlace {
  readonly dataDir: string
  readonly keys: StorageKeys
  readonly dataExists: boolean
  readonly random: RandomBytes
}

/** Keys of the environment: FAMICHAT_DB_KEY, FAMICHAT_FIELD_KEYS. */
export const environmentKeys = (environment: NodeJS.ProcessEnv): StorageKeys =>
  ({ databaseKeyHex: environment.FAMICHAT_DB_KEY, fieldKeys: environment.FAMICHAT_FIELD_KEYS })

/** The key of the database file, made with the first database; the caller owns it. @throws ServerError `server.key.*` */
export const takeDatabaseKey = ({ dataDir, keys, dataExists, random }: KeyPlace): Secret => takeKey({
  path: join(dataDir, DATABASE_KEY_FILE), given: keys.databaseKeyHex, dataExists, random,
  refuse: (problem) => new ServerError(`server.key.${problem}`),
})

/** The key ring of the columns. @throws VaultError `vault.key.*` */
export const holdFieldKeys = ({ dataDir, keys, dataExists, random }: KeyPlace): KeyRingHolder =>
  holdKeyRing({ path: join(dataDir, FIELD_KEYS_FILE), given: keys.fieldKeys, dataExists, random })

/** True when the columns of this database are encrypted already, so that a new key ring would not open them. */
export const isSealed = (database: Sqlite.Database): boolean => {
  const isMigrated = database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'kysely_migration'").get() !== undefined
  return isMigrated && database.prepare('SELECT 1 FROM kysely_migration WHERE name = ?').get(SEALING_MIGRATION) !== undefined
}
