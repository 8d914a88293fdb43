/**
 * The file of a backup: a header that names its version and is authenticated with the backup key, then AES-256-GCM in chunks
 * (nonce = place | is it the last), under a key that only this file has. Nothing of it can be changed, moved or cut off unnoticed.
 */
import { createCipheriv, createDecipheriv, createHmac, hkdfSync } from 'node:crypto'
import { closeSync, fstatSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs'
import { concat, constantTimeEqual, decode, encode, equal, fixed, type Infer, type RandomBytes, type Secret, struct, uint16, uint64, utf8 } from '@famichat/base'
import { ServerError } from '../server-error.js'

const MAGIC = utf8('famichat')
const VERSION = 1
const CHUNK_BYTES = 64 * 1024
const TAG_BYTES = 16
const CHECK_BYTES = 32

const Header = struct({ magic: fixed(8), version: uint16, createdAtMs: uint64, contentBytes: uint64, salt: fixed(32) })
type Header = Infer<typeof Header>
const HEADER_BYTES = 8 + 2 + 8 + 8 + 32

/** How far reading or writing is. */
export type BytesProgress = (progress: { readonly doneBytes: number; readonly totalBytes: number }) => void

/** What to write. */
export interface BackupWriting {
  readonly path: string
  readonly key: Secret
  readonly createdAtMs: number
  readonly random: RandomBytes
  readonly contentBytes: number
  /** The content in order, in pieces of any size. */
  readonly content: Iterable<Uint8Array>
  readonly onProgress: BytesProgress
}

/** Writes the file, readable by its owner only, and returns when it is on the disk. The file must not be there yet. */
export const writeBackupFile = ({ path, key, createdAtMs, random, contentBytes, content, onProgress }: BackupWriting): void => {
  const header = encode(Header, { magic: MAGIC, version: VERSION, createdAtMs: BigInt(createdAtMs), contentBytes: BigInt(contentBytes), salt: random(32) })
  const keys = deriveKeys(key, header)
  const file = openSync(path, 'wx', 0o600)
  try {
    writeAll(file, concat(header, checkOf(keys.check, header)))
    let place = 0
    let doneBytes = 0
    for (const { chunk, isLast } of chunksOf(content)) {
      const cipher = createCipheriv('aes-256-gcm', keys.chunks, nonceOf(place++, isLast))
      cipher.setAAD(header)
      writeAll(file, concat(cipher.update(chunk), cipher.final(), cipher.getAuthTag()))
      doneBytes += chunk.length
      onProgress({ doneBytes, totalBytes: contentBytes })
    }
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

/** A backup file that is being read. Close it. */
export interface BackupReading {
  readonly createdAtMs: number
  readonly contentBytes: number
  /** The content in order. @throws ServerError `server.backup.damaged` */
  chunks(onProgress: BytesProgress): Iterable<Uint8Array>
  close(): void
}

/**
 * Opens a file and checks its header and its length.
 * @throws ServerError `server.backup.missing` | `server.backup.not_one` | `server.backup.newer` | `server.backup.older`
 *   | `server.backup.wrong_key` | `server.backup.truncated` | `server.backup.damaged`
 */
export const openBackupFile = (path: string, key: Secret): BackupReading => {
  const file = openOrRefuse(path)
  try {
    const bytes = readAt(file, 0, HEADER_BYTES + CHECK_BYTES)
    if (!equal(bytes.subarray(0, MAGIC.length), MAGIC.subarray(0, bytes.length))) throw new ServerError('server.backup.not_one')
    if (bytes.length < HEADER_BYTES + CHECK_BYTES) throw new ServerError('server.backup.truncated')
    const encoded = bytes.slice(0, HEADER_BYTES)
    const header = decode(Header, encoded)
    if (header.version > VERSION) throw new ServerError('server.backup.newer', { version: header.version })
    if (header.version < VERSION) throw new ServerError('server.backup.older', { version: header.version })
    const keys = deriveKeys(key, encoded)
    if (!constantTimeEqual(checkOf(keys.check, encoded), bytes.subarray(HEADER_BYTES))) throw new ServerError('server.backup.wrong_key')
    requireLength(file, header)
    return {
      createdAtMs: Number(header.createdAtMs), contentBytes: Number(header.contentBytes),
      chunks: (onProgress) => readChunks({ file, header, encoded, key: keys.chunks, onProgress }),
      close: () => { closeSync(file) },
    }
  } catch (error) {
    closeSync(file)
    throw error
  }
}

const openOrRefuse = (path: string): number => {
  try {
    const file = openSync(path, 'r')
    if (fstatSync(file).isFile()) return file
    closeSync(file)
  } catch (cause) {
    throw new ServerError('server.backup.missing', {}, { cause })
  }
  throw new ServerError('server.backup.missing')
}

/** The header is authentic: what differs from the length it names is missing, or was added. */
const requireLength = (file: number, { contentBytes }: Header): void => {
  const chunks = Math.max(1, Math.ceil(Number(contentBytes) / CHUNK_BYTES))
  const expected = HEADER_BYTES + CHECK_BYTES + Number(contentBytes) + chunks * TAG_BYTES
  const { size } = fstatSync(file)
  if (size < expected) throw new ServerError('server.backup.truncated')
  if (size > expected) throw new ServerError('server.backup.damaged')
}

function* readChunks(
  { file, header, encoded, key, onProgress }: { readonly file: number; readonly header: Header; readonly encoded: Uint8Array; readonly key: Uint8Array; readonly onProgress: BytesProgress },
): Iterable<Uint8Array> {
  const totalBytes = Number(header.contentBytes)
  const chunks = Math.max(1, Math.ceil(totalBytes / CHUNK_BYTES))
  for (let place = 0; place < chunks; place++) {
    const isLast = place === chunks - 1
    const length = isLast ? totalBytes - place * CHUNK_BYTES : CHUNK_BYTES
    const sealed = readAt(file, HEADER_BYTES + CHECK_BYTES + place * (CHUNK_BYTES + TAG_BYTES), length + TAG_BYTES)
    const decipher = createDecipheriv('aes-256-gcm', key, nonceOf(place, isLast), { authTagLength: TAG_BYTES })
    decipher.setAAD(encoded)
    decipher.setAuthTag(sealed.subarray(length))
    yield openChunk(decipher, sealed.subarray(0, length))
    onProgress({ doneBytes: place * CHUNK_BYTES + length, totalBytes })
  }
}

const openChunk = (decipher: ReturnType<typeof createDecipheriv>, sealed: Uint8Array): Uint8Array => {
  try {
    return concat(decipher.update(sealed), decipher.final())
  } catch {
    throw new ServerError('server.backup.damaged')
  }
}

/** Keys of this file only: its salt is in its header. */
const deriveKeys = (key: Secret, header: Uint8Array): { readonly chunks: Uint8Array; readonly check: Uint8Array } => {
  const salt = header.subarray(HEADER_BYTES - 32)
  const derive = (use: string): Uint8Array => new Uint8Array(hkdfSync('sha256', key.expose(), salt, utf8(`Famichat backup ${VERSION} ${use}`), 32))
  return { chunks: derive('chunks'), check: derive('check') }
}

const checkOf = (key: Uint8Array, header: Uint8Array): Uint8Array => createHmac('sha256', key).update(header).digest()

const nonceOf = (place: number, isLast: boolean): Uint8Array => {
  const nonce = new Uint8Array(12)
  new DataView(nonce.buffer).setBigUint64(0, BigInt(place))
  nonce[11] = isLast ? 1 : 0
  return nonce
}

/** Pieces of any size as chunks of one size; the last one may be shorter, and there is always one. */
function* chunksOf(pieces: Iterable<Uint8Array>): Iterable<{ readonly chunk: Uint8Array; readonly isLast: boolean }> {
  let held: Uint8Array = new Uint8Array(0)
  for (const piece of pieces) {
    held = held.length === 0 ? piece : concat(held, piece)
    let at = 0
    // a full chunk is held back until it is known not to be the last
    for (; held.length - at > CHUNK_BYTES; at += CHUNK_BYTES) yield { chunk: held.subarray(at, at + CHUNK_BYTES), isLast: false }
    held = held.slice(at)
  }
  yield { chunk: held, isLast: true }
}

const readAt = (file: number, position: number, length: number): Uint8Array => {
  const bytes = new Uint8Array(length)
  let done = 0
  while (done < length) {
    const read = readSync(file, bytes, done, length - done, position + done)
    if (read === 0) break
    done += read
  }
  return bytes.subarray(0, done)
}

const writeAll = (file: number, bytes: Uint8Array): void => {
  for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at)
}
