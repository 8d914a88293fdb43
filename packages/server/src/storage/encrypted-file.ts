/**
 * Opening an encrypted SQLite file. The pragmas and their order are those of docs/dependencies.md; the first real SELECT is
 * what a wrong key fails.
 */
import Sqlite from 'better-sqlite3-multiple-ciphers'
import { Kysely, SqliteDialect } from 'kysely'
import { type Secret, toHex } from '@famichat/base'
import { ServerError } from '../server-error.js'
import { connectDirect } from './direct-statements.js'
import type { Schema } from './schema.js'

/** Opens or makes the file; the key stays the caller's. @throws ServerError `server.key.wrong` | `server.database.failed` */
export const openEncrypted = (path: string, key: Secret, options: Sqlite.Options = {}): Sqlite.Database => {
  let database: Sqlite.Database | undefined
  try {
    database = new Sqlite(path, options)
    database.pragma("cipher = 'chacha20'")
    database.pragma(`key = "x'${toHex(key.expose())}'"`)
    if (options.readonly !== true) database.pragma('journal_mode = WAL')
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

/**
 * Kysely prepares a statement for each query; preparing each text once is several times faster. Transactions take the write
 * lock at once: one that began by reading could not write any more after another process (a key rotation) wrote.
 */
export const storeOn = (database: Sqlite.Database): Kysely<Schema> => {
  const prepared = new Map<string, Sqlite.Statement>()
  const prepare = (sql: string): Sqlite.Statement => {
    const known = prepared.get(sql)
    if (known !== undefined) return known
    const statement = database.prepare(sql === 'begin' ? 'begin immediate' : sql)
    if (prepared.size < 500) prepared.set(sql, statement)
    return statement
  }
  const store = new Kysely<Schema>({ dialect: new SqliteDialect({ database: { prepare, close: () => undefined } }) })
  connectDirect(store, prepare)
  return store
}
