/**
 * The embedded database: one encrypted SQLite file, one connection that writes and one that reads, and the key ring of its
 * encrypted columns.
 */
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3-multiple-ciphers'
import type { Kysely } from 'kysely'
import type { RandomBytes } from '@famichat/base'
import { SealedColumnsPlugin, Vault } from '@famichat/vault'
import { ServerError } from '../server-error.js'
import { DATABASE_FILE, holdFieldKeys, isSealed, LOCK_FILE, type StorageKeys, takeDatabaseKey } from './data-folder.js'
import { openEncrypted, storeOn } from './encrypted-file.js'
import { migrateToLatest } from './migrations.js'
import type { Schema } from './schema.js'
import { SEALED_COLUMNS } from './sealed-columns.js'
import { WriteQueue, type WrittenTransaction } from './write-queue.js'

/** Queries, whoever runs them: a connection or a transaction. */
export type Store = Kysely<Schema>

/** An open database. */
export interface Database {
  /** Sees what is committed. */
  readonly read: Store
  /** The only way to change anything. */
  readonly write: WriteQueue
  /** Finishes what is queued, then closes. */
  close(): Promise<void>
}

/**
 * Opens or makes the database in `dataDir`.
 * @throws ServerError `server.data_dir.*` | `server.key.*` | `server.database.*`, VaultError `vault.key.*`
 */
export const openDatabase = async (
  { dataDir, keys, random, onTransaction }: {
    readonly dataDir: string; readonly keys: StorageKeys; readonly random: RandomBytes; readonly onTransaction?: (transaction: WrittenTransaction) => void
  },
): Promise<Database> => {
  makeDataDir(dataDir)
  const lock = lockDataDir(dataDir)
  const opened: Sqlite.Database[] = [lock]
  try {
    const path = join(dataDir, DATABASE_FILE)
    const key = takeDatabaseKey({ dataDir, keys, dataExists: existsSync(path), random })
    try {
      for (let i = 0; i < 2; i++) opened.push(openEncrypted(path, key))
    } finally {
      key.wipe()
    }
    const [, writer, reader] = opened
    if (writer === undefined || reader === undefined) throw new ServerError('server.database.failed')
    const holder = holdFieldKeys({ dataDir, keys, dataExists: isSealed(writer), random })
    const vault = new Vault({ columns: SEALED_COLUMNS, keys: () => holder.ring(), random })
    await migrateToLatest(storeOn(writer), vault)
    reader.pragma('query_only = ON')
    const plugin = new SealedColumnsPlugin(vault)
    const queue = new WriteQueue(storeOn(writer).withPlugin(plugin), onTransaction)
    return { read: storeOn(reader).withPlugin(plugin), write: queue, close: async () => { await queue.close(); closeAll(opened) } }
  } catch (error) {
    closeAll(opened)
    throw error
  }
}

const makeDataDir = (dataDir: string): void => {
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  } catch (cause) {
    throw new ServerError('server.data_dir.unusable', {}, { cause })
  }
}

/** Holds an empty database locked for as long as the process lives: the system frees it even after `kill -9`. */
const lockDataDir = (dataDir: string): Sqlite.Database => {
  let lock: Sqlite.Database | undefined
  try {
    lock = new Sqlite(join(dataDir, LOCK_FILE), { timeout: 0 })
    lock.exec('BEGIN EXCLUSIVE')
    return lock
  } catch (cause) {
    lock?.close()
    const busy = cause instanceof Error && 'code' in cause && String(cause.code).startsWith('SQLITE_BUSY')
    throw new ServerError(busy ? 'server.data_dir.in_use' : 'server.data_dir.unusable', {}, { cause })
  }
}

const closeAll = (databases: readonly Sqlite.Database[]): void => {
  for (const database of [...databases].reverse()) database.close()
}
