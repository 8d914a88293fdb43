/**
 * The Store of Node: one encrypted SQLite file in the profile folder. Pragmas and their order as docs/dependencies.md says.
 */
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3-multiple-ciphers'
import { type Clock, type RandomBytes, type Secret, systemClock, systemRandom, toHex } from '@famichat/base'
import { takeKey } from '@famichat/base/node'
import { ClientError } from '../client-error.js'
import { type Change, type Entry, type Guard, type Range, type Store, type Table, TABLES } from '../store/store.js'
import { ProfileLock } from './profile-lock.js'

const FILE = 'profile.db'
/** The name of the key file in the profile folder. */
export const PROFILE_KEY_FILE = 'profile.key'
const SCHEMA_VERSION = 6
/** From here on a newer schema only has more tables. */
const OLDEST_VERSION = 2
/** Above every character of a key. */
const AFTER_ALL = '\u{10ffff}'

/** Where a profile is and how it is opened. */
export interface ProfileOptions {
  /** Made on first use, readable by its owner only. */
  readonly folder: string
  /** 64 hexadecimal digits; without it the file profile.key in the folder. */
  readonly keyHex?: string | undefined
  readonly clock?: Clock
  readonly random?: RandomBytes
  /** How long a turn waits for other processes on this profile; default 20 s. */
  readonly patienceMs?: number
}

/** True when there is a profile in the folder. */
export const profileExists = (folder: string): boolean => existsSync(join(folder, FILE))

/** Opens or makes a profile. @throws ClientError `client.profile.unusable` | `client.key.*` | `client.store.*` */
export const openSqliteStore = (options: ProfileOptions): Store => {
  const { folder, clock = systemClock, random = systemRandom, patienceMs = 20_000 } = options
  const path = join(folder, FILE)
  const lock = makeLock({ folder, clock, random, patienceMs })
  const key = takeKey({
    path: join(folder, PROFILE_KEY_FILE), given: options.keyHex, dataExists: existsSync(path), random,
    refuse: (problem) => new ClientError(`client.key.${problem}`),
  })
  try {
    const database = openEncrypted(path, key)
    migrate(database)
    return new SqliteStore(database, lock)
  } finally {
    key.wipe()
  }
}

const makeLock = (options: ConstructorParameters<typeof ProfileLock>[0]): ProfileLock => {
  try {
    mkdirSync(options.folder, { recursive: true, mode: 0o700 })
    return new ProfileLock(options)
  } catch (cause) {
    throw new ClientError('client.profile.unusable', {}, { cause })
  }
}

const openEncrypted = (path: string, key: Secret): Sqlite.Database => {
  let database: Sqlite.Database | undefined
  try {
    database = new Sqlite(path, { timeout: 10_000 })
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
    throw code === 'SQLITE_NOTADB' ? new ClientError('client.key.wrong') : new ClientError('client.store.failed', { sqlite: code })
  }
}

const migrate = (database: Sqlite.Database): void => {
  const version = Number(database.pragma('user_version', { simple: true }))
  if (version > SCHEMA_VERSION) {
    database.close()
    throw new ClientError('client.store.newer', { version })
  }
  if (version === SCHEMA_VERSION) return
  if (version !== 0 && version < OLDEST_VERSION) {
    database.close()
    throw new ClientError('client.store.older', { version })
  }
  database.transaction(() => {
    for (const table of TABLES) database.exec(`CREATE TABLE IF NOT EXISTS "${table}" (key TEXT PRIMARY KEY, value BLOB NOT NULL)`)
    database.exec('CREATE TABLE IF NOT EXISTS versions (name TEXT PRIMARY KEY, version INTEGER NOT NULL)')
    database.pragma(`user_version = ${SCHEMA_VERSION}`)
  }).immediate()
}

class SqliteStore implements Store {
  readonly #database: Sqlite.Database
  readonly #lock: ProfileLock
  readonly #statements = new Map<string, Sqlite.Statement>()

  constructor(database: Sqlite.Database, lock: ProfileLock) {
    this.#database = database
    this.#lock = lock
  }

  exclusive<T>(work: () => Promise<T>): Promise<T> {
    return this.#lock.turn(work)
  }

  get(table: Table, key: string): Promise<Uint8Array | undefined> {
    return guarded(() => {
      const row = this.#prepare(`SELECT value FROM "${table}" WHERE key = ?`).get(key) as Pick<Entry, 'value'> | undefined
      return row && plain(row.value)
    })
  }

  list(table: Table, { prefix, after = '', limit = -1 }: Range): Promise<readonly Entry[]> {
    return guarded(() => {
      const rows = this.#prepare(`SELECT key, value FROM "${table}" WHERE key >= ? AND key < ? AND key > ? ORDER BY key LIMIT ?`)
        .all(prefix, prefix + AFTER_ALL, after, limit) as Entry[]
      return rows.map(({ key, value }) => ({ key, value: plain(value) }))
    })
  }

  version(name: string): Promise<number> {
    return guarded(() => this.#versionNow(name))
  }

  write(changes: readonly Change[], guard?: Guard): Promise<void> {
    return guarded(() => { this.#database.transaction(() => { this.#apply(changes, guard) }).immediate() })
  }

  async close(): Promise<void> {
    await this.#lock.close()
    this.#database.close()
  }

  #apply(changes: readonly Change[], guard: Guard | undefined): void {
    if (guard !== undefined) {
      if (this.#versionNow(guard.name) !== guard.version) throw new ClientError('client.store.stale')
      this.#prepare('INSERT INTO versions (name, version) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET version = excluded.version')
        .run(guard.name, guard.version + 1)
    }
    for (const { table, key, value } of changes) {
      if (value === undefined) this.#prepare(`DELETE FROM "${table}" WHERE key = ?`).run(key)
      else this.#prepare(`INSERT INTO "${table}" (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value`).run(key, value)
    }
  }

  #versionNow(name: string): number {
    const row = this.#prepare('SELECT version FROM versions WHERE name = ?').get(name) as { readonly version: number } | undefined
    return row?.version ?? 0
  }

  #prepare(sql: string): Sqlite.Statement {
    const known = this.#statements.get(sql)
    if (known !== undefined) return known
    const statement = this.#database.prepare(sql)
    this.#statements.set(sql, statement)
    return statement
  }
}

/** A Buffer's `slice` is a view: what leaves the store is an array whose `slice` copies. */
const plain = (value: Uint8Array): Uint8Array => new Uint8Array(value)

/** SQLite's own errors become ours: they could quote a statement. */
const guarded = <T>(work: () => T): Promise<T> =>
  new Promise((resolve) => {
    try {
      resolve(work())
    } catch (error) {
      if (error instanceof ClientError) throw error
      throw new ClientError('client.store.failed', { sqlite: error instanceof Error && 'code' in error ? String(error.code) : '' })
    }
  })
