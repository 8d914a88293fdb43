/**
 * A small address book with encrypted columns, in memory or in a file.
 */
import Sqlite from 'better-sqlite3-multiple-ciphers'
import { type Generated, Kysely, SqliteDialect } from 'kysely'
import { insecureSeededRandom } from '@famichat/base/testing'
import { KeyRing, type KeyRingHolder, type SealedColumn, SealedColumnsPlugin, Vault } from '@famichat/vault'

interface People {
  person_id: string
  name: string
  note: string | null
  /** Filled by the vault. */
  name_index: Generated<string | null>
  age: number
}

interface Letters {
  letter_id: number
  person_id: string
  body: string
}

export interface Tables {
  people: People
  letters: Letters
}

export const NAME: SealedColumn = {
  table: 'people', column: 'name', rowId: 'person_id', blindIndex: { column: 'name_index', normalize: (name) => name.trim().toLowerCase() },
}
export const NOTE: SealedColumn = { table: 'people', column: 'note', rowId: 'person_id' }
export const BODY: SealedColumn = { table: 'letters', column: 'body', rowId: 'letter_id' }
export const COLUMNS = [NAME, NOTE, BODY]

/** A ring that a test changes. */
export const heldRing = (ring: KeyRing): KeyRingHolder & { readonly current: () => KeyRing } => {
  let now = ring
  return { ring: () => now, current: () => now, replace: (next) => { now = KeyRing.parse(Buffer.from(next.format().expose()).toString()) } }
}

export const seededRing = (seed: number): KeyRing => KeyRing.make(insecureSeededRandom(seed))

export interface Book {
  readonly sqlite: Sqlite.Database
  /** What is stored. */
  readonly raw: Kysely<Tables>
  /** With the plugin. */
  readonly db: Kysely<Tables>
  readonly vault: Vault
  readonly holder: KeyRingHolder
}

/** Opens a book; makes its tables when the file is new. */
export const openBook = (holder: KeyRingHolder, { path = ':memory:', seed = 7 }: { readonly path?: string; readonly seed?: number } = {}): Book => {
  const sqlite = new Sqlite(path)
  sqlite.pragma('journal_mode = WAL')
  sqlite.exec(`CREATE TABLE IF NOT EXISTS people (person_id TEXT PRIMARY KEY, name TEXT, note TEXT, name_index TEXT, age INTEGER NOT NULL);
    CREATE INDEX IF NOT EXISTS people_by_name ON people (name_index);
    CREATE TABLE IF NOT EXISTS letters (letter_id INTEGER PRIMARY KEY, person_id TEXT NOT NULL, body TEXT NOT NULL)`)
  const raw = new Kysely<Tables>({ dialect: new SqliteDialect({ database: sqlite }) })
  const vault = new Vault({ columns: COLUMNS, keys: () => holder.ring(), random: insecureSeededRandom(seed) })
  return { sqlite, raw, db: raw.withPlugin(new SealedColumnsPlugin(vault)), vault, holder }
}
