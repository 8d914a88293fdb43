/**
 * Restoring a backup into an empty data folder, and rehearsing that. A restored server is behind its clients: what must not
 * happen twice is put out of use, and every log goes on after a gap, so that no place of it is given twice (after-restore.ts).
 */
import { closeSync, existsSync, fsyncSync, mkdirSync, mkdtempSync, openSync, readdirSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Clock, fromHex, isCodedError, type RandomBytes, Secret, toHex } from '@famichat/base'
import { fixedRing, KeyRing, SealedColumnsPlugin, Vault } from '@famichat/vault'
import type Sqlite from 'better-sqlite3-multiple-ciphers'
import { ServerError } from '../server-error.js'
import { DATABASE_FILE, DATABASE_KEY_FILE, FIELD_KEYS_FILE, type StorageKeys } from '../storage/data-folder.js'
import { openEncrypted, storeOn } from '../storage/encrypted-file.js'
import { migrateToLatest } from '../storage/migrations.js'
import { openDatabase } from '../storage/open-database.js'
import { PUSH_KEY_FILE } from '../storage/push-key.js'
import { SEALED_COLUMNS } from '../storage/sealed-columns.js'
import { makeSafeAfterRestore } from './after-restore.js'
import { BACKUP_KEY_FILE, type BackupKeyPlace, type BackupManifest, readContent, takeBackupKey } from './backup.js'
import { type BackupReading, type BytesProgress, openBackupFile } from './backup-file.js'

/** What to restore, and where to. */
export interface Restoring {
  readonly from: string
  readonly backupKey: BackupKeyPlace
  readonly clock: Clock
  readonly random: RandomBytes
  readonly onProgress: BytesProgress
}

/** What a backup holds. */
export interface BackupSummary {
  readonly createdAtMs: number
  readonly accounts: number
  readonly devices: number
  readonly conversations: number
  readonly envelopes: number
}

/**
 * Restores into a folder that is empty or not there; nothing is left in it when that fails.
 * @param keys of the new server, where they are to come from the environment
 * @throws ServerError `server.restore.not_empty` | `server.backup.*` | `server.backup_key.*` | `server.database.newer` | `server.key.*`
 */
export const restoreBackup = async ({ dataDir, keys, ...restoring }: Restoring & { readonly dataDir: string; readonly keys: StorageKeys }): Promise<BackupSummary> => {
  if (existsSync(dataDir) && readdirSync(dataDir).length > 0) throw new ServerError('server.restore.not_empty')
  const { from, backupKey, random, clock, onProgress } = restoring
  const key = takeBackupKey(backupKey, { mayMake: false, random })
  try {
    const reading = openBackupFile(from, key)
    try {
      return await restoreFrom({ reading, dataDir, keys, key, clock, random, onProgress })
    } finally {
      reading.close()
    }
  } finally {
    key.wipe()
  }
}

/**
 * Rehearses a restore into a folder that goes afterwards: decrypts everything, checks the database, opens every encrypted
 * column, and opens it as a server would.
 * @throws like {@link restoreBackup}
 */
export const verifyBackup = async (restoring: Restoring): Promise<BackupSummary> => {
  const scratch = mkdtempSync(join(tmpdir(), 'famichat-rehearsal-'))
  try {
    const summary = await restoreBackup({ ...restoring, dataDir: join(scratch, 'data'), keys: {} })
    const database = await openDatabase({ dataDir: join(scratch, 'data'), keys: {}, random: restoring.random })
    await database.close()
    return summary
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

interface Unpacking extends Omit<Restoring, 'from' | 'backupKey'> {
  readonly reading: BackupReading
  readonly dataDir: string
  readonly keys: StorageKeys
  readonly key: Secret
}

const restoreFrom = async ({ reading, dataDir, keys, key, clock, random, onProgress }: Unpacking): Promise<BackupSummary> => {
  mkdirOrRefuse(dataDir)
  const part = join(dataDir, `${DATABASE_FILE}.part`)
  try {
    const manifest = unpack(reading, part, onProgress)
    const counts = await checkAndPrepare({ part, manifest, keys, clock, random })
    if (keys.databaseKeyHex === undefined) writeKey(join(dataDir, DATABASE_KEY_FILE), `${manifest.databaseKeyHex}\n`)
    if (keys.fieldKeys === undefined) writeKey(join(dataDir, FIELD_KEYS_FILE), manifest.fieldKeys)
    if (manifest.pushKeyHex !== undefined) writeKey(join(dataDir, PUSH_KEY_FILE), `${manifest.pushKeyHex}\n`)
    writeKey(join(dataDir, BACKUP_KEY_FILE), `${toHex(key.expose())}\n`)
    renameSync(part, join(dataDir, DATABASE_FILE))
    return { createdAtMs: reading.createdAtMs, ...counts }
  } catch (error) {
    for (const name of readdirSync(dataDir)) rmSync(join(dataDir, name), { force: true })
    throw error
  }
}

const mkdirOrRefuse = (dataDir: string): void => {
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  } catch (cause) {
    throw new ServerError('server.data_dir.unusable', {}, { cause })
  }
}

const unpack = (reading: BackupReading, path: string, onProgress: BytesProgress): BackupManifest => {
  const file = openSync(path, 'wx', 0o600)
  try {
    const manifest = readContent(reading.chunks(onProgress), (piece) => { for (let at = 0; at < piece.length;) at += writeSync(file, piece, at) })
    fsyncSync(file)
    return manifest
  } finally {
    closeSync(file)
  }
}

/** @throws ServerError `server.backup.unsound` for what is authentic and yet no whole database */
const checkAndPrepare = async (
  { part, manifest, keys, clock, random }: Pick<Unpacking, 'keys' | 'clock' | 'random'> & { readonly part: string; readonly manifest: BackupManifest },
): Promise<Omit<BackupSummary, 'createdAtMs'>> => {
  const carried = new Secret(fromHex(manifest.databaseKeyHex))
  const database = openCarried(part, carried)
  const ring = KeyRing.parse(keys.fieldKeys ?? Buffer.from(manifest.fieldKeys).toString())
  try {
    requireSound(database)
    const holder = fixedRing(ring)
    const vault = new Vault({ columns: SEALED_COLUMNS, keys: () => holder.ring(), random })
    await migrateToLatest(storeOn(database), vault)
    const store = storeOn(database).withPlugin(new SealedColumnsPlugin(vault))
    // opens every value of every encrypted column
    for (const { table } of SEALED_COLUMNS) await store.selectFrom(table as 'accounts').selectAll().execute()
    makeSafeAfterRestore(database, clock.nowMs())
    const counts = countRows(database)
    database.pragma('wal_checkpoint(TRUNCATE)')
    database.pragma('journal_mode = DELETE')
    if (keys.databaseKeyHex !== undefined) rekey(database, keys.databaseKeyHex)
    return counts
  } catch (error) {
    if (isCodedError(error)) throw error
    throw new ServerError('server.backup.unsound', {}, { cause: error })
  } finally {
    ring.wipe()
    database.close()
  }
}

const openCarried = (part: string, key: Secret): Sqlite.Database => {
  try {
    return openEncrypted(part, key)
  } catch (cause) {
    throw new ServerError('server.backup.unsound', {}, { cause })
  } finally {
    key.wipe()
  }
}

const requireSound = (database: Sqlite.Database): void => {
  const integrity = database.pragma('integrity_check', { simple: true })
  const dangling = database.pragma('foreign_key_check') as unknown[]
  if (integrity !== 'ok' || dangling.length > 0) throw new ServerError('server.backup.unsound', { dangling: dangling.length })
}

const rekey = (database: Sqlite.Database, hex: string): void => {
  if (!/^[0-9a-fA-F]{64}$/.test(hex)) throw new ServerError('server.key.malformed')
  database.pragma(`rekey = "x'${hex}'"`)
}

const countRows = (database: Sqlite.Database): Omit<BackupSummary, 'createdAtMs'> => {
  const count = (table: string): number => database.prepare(`SELECT count(*) FROM ${table}`).pluck().get() as number
  return { accounts: count('accounts'), devices: count('devices'), conversations: count('conversations'), envelopes: count('envelopes') }
}

const writeKey = (path: string, text: string | Uint8Array): void => { writeFileSync(path, text, { mode: 0o600, flag: 'wx', flush: true }) }
