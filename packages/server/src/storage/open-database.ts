/**
 * The embedded database: one encrypted SQLite file, one connection that writes and one that reads.
 * The pragmas and their order are those of docs/dependencies.md; the first real SELECT is what a wrong key fails.
 */
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3-multiple-ciphers'
import { Kysely, SqliteDialect } from 'kysely'
import { type RandomBytes, type Secret, toHex } from '@famichat/base'
import { takeKey } from '@famichat/base/node'
import { ServerError } from '../server-error.js'
import { migrateToLatest } from './migrations.js'
import type { Schema } from './schema.js'
import { WriteQueue } from './write-queue.js'

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

const FILE = 'famichat.db'
/** Keep a copy elsewhere: without it nobody opens the database. */
const KEY_FILE = 'database.key'
const LOCK_FILE = 'server.lock'

/** Opens or makes the database in `dataDir`. @throws ServerError `server.data_dir.*` | `server.key.*` | `server.database.*` */
export const openDatabase = async (
  { dataDir, givenKey, random }: { dataDir: string; givenKey: string | undefined; random: RandomBytes },
): Promise<Database> => {
  makeDataDir(dataDir)
  const lock = lockDataDir(dataDir)
  const opened: Sqlite.Database[] = [lock]
  try {
    const path = join(dataDir, FILE)
    const key = takeKey({
      path: join(dataDir, KEY_FILE), given: givenKey, dataExists: existsSync(path), random,
      refuse: (problem) => new ServerError(`server.key.${problem}`),
    })
    try {
      for (let i = 0; i < 2; i++) opened.push(openEncrypted(path, key))
    } finally {
      key.wipe()
    }
    const [, writer, reader] = opened
    if (writer === undefined || reader === undefined) throw new ServerError('server.database.failed')
    const write = storeOn(writer)
    await migrateToLatest(write)
    reader.pragma('query_only = ON')
    const queue = new WriteQueue(write)
    return { read: storeOn(reader), write: queue, close: async () => { await queue.close(); closeAll(opened) } }
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

const openEncrypted = (path: string, key: Secret): Sqlite.Database => {
  let database: Sqlite.Database | undefined
  try {
    database = new Sqlite(path)
    database.pragma("cipher = 'chacha20'")
    database.pragma(`key = "x'${toHex(key.expose())}'"`)
    database.pragma('journal_mode = WAL')
    database.pragma('synchronous = FULL')
    database.pragma('foreign_keys = ON')
    database.pragma('temp_store = MEMORY')
    database.pragma('secure_delete = ON')
    database.prepare('SELECT count(*) FROM sqlite_schema').get()
    return database
  } catch (cause) {
    database?.close()
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
    // no cause for a wrong key: the failed statement names the key
    throw code === 'SQLITE_NOTADB' ? new ServerError('server.key.wrong') : new ServerError('server.database.failed', { sqlite: code })
  }
}

/** Kysely prepares a statement for each query; preparing each text once is several times faster. */
const storeOn = (database: Sqlite.Database): Store => {
  const prepared = new Map<string, Sqlite.Statement>()
  const prepare = (sql: string): Sqlite.Statement => {
    const known = prepared.get(sql)
    if (known !== undefined) return known
    const statement = database.prepare(sql)
    if (prepared.size < 500) prepared.set(sql, statement)
    return statement
  }
  return new Kysely<Schema>({ dialect: new SqliteDialect({ database: { prepare, close: () => undefined } }) })
}

const closeAll = (databases: readonly Sqlite.Database[]): void => {
  for (const database of [...databases].reverse()) database.close()
}
