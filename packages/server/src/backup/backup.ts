/**
 * Making backups of a server's data, beside a server that runs or without one. A backup has all that a new server needs: the
 * database, the key of its file, the key ring of its columns and the push key, encrypted under the backup key, which is kept elsewhere.
 */
import { closeSync, existsSync, openSync, readFileSync, readSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Clock, concat, decode, encode, type Infer, opaque, optional, type RandomBytes, type Secret, struct, text, toHex } from '@famichat/base'
import { takeKey } from '@famichat/base/node'
import { ServerError } from '../server-error.js'
import { DATABASE_FILE, holdFieldKeys, isSealed, type StorageKeys, takeDatabaseKey } from '../storage/data-folder.js'
import { openEncrypted } from '../storage/encrypted-file.js'
import { readPushKeyHex } from '../storage/push-key.js'
import { type BytesProgress, writeBackupFile } from './backup-file.js'

/** What stands before the database in a backup. */
export const BackupManifest = struct({
  databaseKeyHex: text(64), fieldKeys: opaque({ min: 1, max: 4096 }),
  /** As its file has it: browsers are subscribed with this key and are rung with no other. */
  pushKeyHex: optional(text(64)),
})
export type BackupManifest = Infer<typeof BackupManifest>

/** Opens every backup that was made with it. Keep a copy away from this machine. */
export const BACKUP_KEY_FILE = 'backup.key'
const SNAPSHOT_FILE = 'backup.tmp'
const LAST_BACKUP_FILE = 'backup.last'
const READ_BYTES = 1024 * 1024

/** Where the backup key comes from. */
export interface BackupKeyPlace {
  /** 64 hexadecimal digits; wins over the file. */
  readonly given: string | undefined
  /** Default: backup.key in the data folder. */
  readonly file: string
}

/** What to back up, and where to. */
export interface BackupCreation {
  readonly dataDir: string
  readonly keys: StorageKeys
  readonly backupKey: BackupKeyPlace
  /** Must not exist. */
  readonly to: string
  readonly clock: Clock
  readonly random: RandomBytes
  readonly onProgress: BytesProgress
}

/** The backup key; a first backup makes one. The caller owns it. @throws ServerError `server.backup_key.*` */
export const takeBackupKey = ({ given, file }: BackupKeyPlace, { mayMake, random }: { readonly mayMake: boolean; readonly random: RandomBytes }): Secret =>
  takeKey({ path: file, given, dataExists: !mayMake, random, refuse: (problem) => new ServerError(`server.backup_key.${problem}`) })

/**
 * Writes a backup of the database as it is now; the server may go on serving.
 * @returns bytes of the file
 * @throws ServerError `server.backup.exists` | `server.backup.unwritable` | `server.backup_key.*` | `server.database.*` | `server.key.*`
 */
export const createBackup = ({ dataDir, keys, backupKey, to, clock, random, onProgress }: BackupCreation): number => {
  if (!existsSync(join(dataDir, DATABASE_FILE))) throw new ServerError('server.database.missing')
  if (existsSync(to)) throw new ServerError('server.backup.exists')
  const key = takeBackupKey(backupKey, { mayMake: true, random })
  const snapshot = join(dataDir, SNAPSHOT_FILE)
  const createdAtMs = clock.nowMs()
  try {
    const manifest = encode(BackupManifest, takeSnapshot({ dataDir, keys, snapshot, random }))
    const length = new Uint8Array(4)
    new DataView(length.buffer).setUint32(0, manifest.length)
    const before = concat(length, manifest)
    const contentBytes = before.length + statSync(snapshot).size
    replaceWith(to, (part) => { writeBackupFile({ path: part, key, createdAtMs, random, contentBytes, content: contentOf(before, snapshot), onProgress }) })
    writeFileSync(join(dataDir, LAST_BACKUP_FILE), `${JSON.stringify({ createdAtMs })}\n`, { mode: 0o600 })
    return statSync(to).size
  } finally {
    key.wipe()
    rmSync(snapshot, { force: true })
  }
}

/** When the last backup of a data folder was made; nothing if there is none. For whoever watches over backups. */
export const lastBackupMs = (dataDir: string): number | undefined => {
  try {
    const { createdAtMs } = JSON.parse(readFileSync(join(dataDir, LAST_BACKUP_FILE), 'utf8')) as { createdAtMs?: unknown }
    return typeof createdAtMs === 'number' ? createdAtMs : undefined
  } catch {
    return undefined
  }
}

/** One consistent copy of the database under its own key, with the ring as it was before and after: then it opens all of it. */
const takeSnapshot = (
  { dataDir, keys, snapshot, random }: Pick<BackupCreation, 'dataDir' | 'keys' | 'random'> & { readonly snapshot: string },
): BackupManifest => {
  const databaseKey = takeDatabaseKey({ dataDir, keys, dataExists: true, random })
  try {
    const database = openEncrypted(join(dataDir, DATABASE_FILE), databaseKey)
    try {
      if (!isSealed(database)) throw new ServerError('server.database.older')
      const holder = holdFieldKeys({ dataDir, keys, dataExists: true, random })
      for (let attempt = 0; attempt < 5; attempt++) {
        const before = holder.ring().format()
        rmSync(snapshot, { force: true })
        database.prepare('VACUUM INTO ?').run(snapshot)
        const after = holder.ring().format()
        const fieldKeys = new Uint8Array(before.expose())
        const isSame = Buffer.compare(fieldKeys, after.expose()) === 0
        before.wipe()
        after.wipe()
        if (isSame) return { databaseKeyHex: toHex(databaseKey.expose()), fieldKeys, pushKeyHex: readPushKeyHex(dataDir) }
      }
      throw new ServerError('server.backup.unwritable')
    } finally {
      database.close()
    }
  } finally {
    databaseKey.wipe()
  }
}

/** A file under its name only once it is whole. */
const replaceWith = (path: string, write: (part: string) => void): void => {
  const part = `${path}.part`
  try {
    rmSync(part, { force: true })
    write(part)
    renameSync(part, path)
  } catch (cause) {
    rmSync(part, { force: true })
    throw new ServerError('server.backup.unwritable', {}, { cause })
  }
}

function* contentOf(before: Uint8Array, path: string): Iterable<Uint8Array> {
  yield before
  const file = openSync(path, 'r')
  try {
    for (;;) {
      const piece = new Uint8Array(READ_BYTES)
      const read = readSync(file, piece)
      if (read === 0) return
      yield piece.subarray(0, read)
    }
  } finally {
    closeSync(file)
  }
}

/** Splits the content again: the manifest, then the database. @throws ServerError `server.backup.damaged` */
export const readContent = (chunks: Iterable<Uint8Array>, writeDatabase: (piece: Uint8Array) => void): BackupManifest => {
  let manifest: BackupManifest | undefined
  let held: Uint8Array = new Uint8Array(0)
  for (const chunk of chunks) {
    if (manifest !== undefined) {
      writeDatabase(chunk)
      continue
    }
    held = concat(held, chunk)
    const length = held.length < 4 ? Infinity : new DataView(held.buffer, held.byteOffset, 4).getUint32(0)
    if (held.length < 4 + length) continue
    manifest = decode(BackupManifest, held.slice(4, 4 + length))
    writeDatabase(held.subarray(4 + length))
  }
  if (manifest === undefined) throw new ServerError('server.backup.damaged')
  return manifest
}
