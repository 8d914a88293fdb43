/**
 * The archive's outside: a header, then chunks sealed under the archive's key. Each chunk is bound to its place, to whether it
 * is the last, and to every byte of the header, so that nothing can be cut off, moved or changed without being refused.
 */
import { concat, decode, encode, fixed, isCodedError, type RandomBytes, struct, uint16, utf8, vector } from '@famichat/base'
import type { CipherSuite } from '@famichat/mls'
import { ClientError } from '../client-error.js'
import { type ArchiveKey, type ArchiveLocks, Lock, makeLocks } from './archive-locks.js'

/** An archive's bytes, from the start each time it is called: an archive is read whole before anything is done with it. */
export type ArchiveSource = () => AsyncIterable<Uint8Array>

const MAGIC = utf8('Famichat archive')
const VERSION = 1
const PREFIX_BYTES = 7
const TAG_BYTES = 16
const CHUNK_BYTES = 64 * 1024
const MAX_HEADER_BYTES = 8 * 1024
const LENGTH_BYTES = 4

const Header = struct({ noncePrefix: fixed(PREFIX_BYTES), locks: vector(Lock, { min: 1, max: 8 }) })

/** Seals plaintext as it comes. @throws ClientError `client.archive.unlocked` | `client.archive.passphrase_short` */
export async function* sealArchive(
  { suite, random }: { readonly suite: CipherSuite; readonly random: RandomBytes }, locks: ArchiveLocks, plaintext: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const key = random(suite.aead.keyLength)
  try {
    const noncePrefix = random(PREFIX_BYTES)
    const header = encode(Header, { noncePrefix, locks: await makeLocks(suite, random, key, locks) })
    const start = concat(MAGIC, encode(struct({ version: uint16, length: uint16 }), { version: VERSION, length: header.length }), header)
    const stream: Stream = { suite, key, noncePrefix, binding: suite.hash.digest(start) }
    yield start
    let index = 0
    for await (const { chunk, isLast } of cut(plaintext, CHUNK_BYTES)) yield seal(stream, { index: index++, isLast }, chunk)
  } finally {
    key.fill(0)
  }
}

/**
 * Opens an archive as it comes.
 * @throws ClientError `client.archive.not_one` | `client.archive.newer` | `client.archive.damaged` | `client.archive.wrong_key` | `client.archive.no_such_lock`
 */
export async function* openArchive(suite: CipherSuite, source: ArchiveSource, archiveKey: ArchiveKey): AsyncGenerator<Uint8Array> {
  const input = new Input(source())
  const start = await input.take(MAGIC.length + LENGTH_BYTES)
  const length = headerLength(start)
  const headerBytes = await input.take(length)
  if (headerBytes.length !== length) throw new ClientError('client.archive.damaged')
  const { noncePrefix, locks } = strictly(() => decode(Header, headerBytes.slice()))
  const key = await archiveKey.find(suite, locks)
  try {
    const stream: Stream = { suite, key, noncePrefix, binding: suite.hash.digest(concat(start, headerBytes)) }
    let index = 0
    for await (const { chunk, isLast } of cut(input.rest(), CHUNK_BYTES + TAG_BYTES)) yield open(stream, { index: index++, isLast }, chunk)
  } finally {
    key.fill(0)
  }
}

interface Stream {
  readonly suite: CipherSuite
  readonly key: Uint8Array
  readonly noncePrefix: Uint8Array
  /** The hash of everything before the chunks. */
  readonly binding: Uint8Array
}

interface Place {
  readonly index: number
  readonly isLast: boolean
}

const seal = ({ suite, key, noncePrefix, binding }: Stream, place: Place, chunk: Uint8Array): Uint8Array =>
  suite.aead.seal(key, nonceOf(noncePrefix, place), binding, chunk)

const open = ({ suite, key, noncePrefix, binding }: Stream, place: Place, chunk: Uint8Array): Uint8Array =>
  strictly(() => suite.aead.open(key, nonceOf(noncePrefix, place), binding, chunk))

/** STREAM: prefix, number, last or not. The key is the archive's alone. */
const nonceOf = (prefix: Uint8Array, { index, isLast }: Place): Uint8Array => {
  const nonce = new Uint8Array(PREFIX_BYTES + 5)
  nonce.set(prefix)
  new DataView(nonce.buffer).setUint32(PREFIX_BYTES, index)
  nonce[PREFIX_BYTES + 4] = isLast ? 1 : 0
  return nonce
}

const headerLength = (start: Uint8Array): number => {
  const isArchive = start.length === MAGIC.length + LENGTH_BYTES && MAGIC.every((byte, at) => start[at] === byte)
  if (!isArchive) throw new ClientError('client.archive.not_one')
  const { version, length } = decode(struct({ version: uint16, length: uint16 }), start.slice(MAGIC.length))
  if (version > VERSION) throw new ClientError('client.archive.newer', { version })
  if (version !== VERSION || length > MAX_HEADER_BYTES) throw new ClientError('client.archive.damaged')
  return length
}

/** Pieces of exactly so many bytes, the last one shorter or empty; which is the last is known only when the input ends. */
async function* cut(input: AsyncIterable<Uint8Array>, size: number): AsyncGenerator<{ readonly chunk: Uint8Array; readonly isLast: boolean }> {
  const buffer = new Uint8Array(size)
  let filled = 0
  for await (const piece of input) {
    for (let from = 0; from < piece.length;) {
      if (filled === size) {
        yield { chunk: buffer.slice(), isLast: false }
        filled = 0
      }
      const taken = Math.min(size - filled, piece.length - from)
      buffer.set(piece.subarray(from, from + taken), filled)
      filled += taken
      from += taken
    }
  }
  yield { chunk: buffer.slice(0, filled), isLast: true }
}

/** Takes a stretch off the front of a stream, and leaves the rest. */
class Input {
  readonly #pieces: AsyncIterator<Uint8Array>
  #ahead: Uint8Array = new Uint8Array(0)

  constructor(pieces: AsyncIterable<Uint8Array>) {
    this.#pieces = pieces[Symbol.asyncIterator]()
  }

  /** So many bytes, or fewer at the end. */
  async take(length: number): Promise<Uint8Array> {
    while (this.#ahead.length < length) {
      const next = await this.#pieces.next()
      if (next.done === true) break
      this.#ahead = concat(this.#ahead, next.value)
    }
    const taken = this.#ahead.slice(0, length)
    this.#ahead = this.#ahead.slice(length)
    return taken
  }

  async *rest(): AsyncGenerator<Uint8Array> {
    yield this.#ahead
    for (;;) {
      const next = await this.#pieces.next()
      if (next.done === true) return
      yield next.value
    }
  }
}

const strictly = <T>(read: () => T): T => {
  try {
    return read()
  } catch (cause) {
    if (!isCodedError(cause)) throw cause
    throw new ClientError('client.archive.damaged', { reason: cause.code })
  }
}
