/**
 * A file in pieces of ciphertext: padded to a size class, cut, each piece sealed under the file's own key with its number
 * and whether it is the last. A piece opens alone, so that a file is written while it arrives, and resumed.
 */
import { concat, equal, isCodedError, utf8 } from '@famichat/base'
import type { CipherSuite } from '@famichat/mls'
import { LIMITS } from '@famichat/protocol'
import { ClientError } from '../client-error.js'

const TAG_BYTES = 16
/** Plaintext of every piece but the last. */
export const PIECE_BYTES = LIMITS.blobChunkBytes - TAG_BYTES

/** How a file is cut. */
export interface FilePlan {
  readonly fileBytes: number
  /** With padding: eight sizes between powers of two, so that the exact size does not show (E29). */
  readonly paddedBytes: number
  readonly pieces: number
  /** Of all ciphertext. */
  readonly blobBytes: number
}

/** @throws ClientError `client.file.too_large` */
export const planFile = (fileBytes: number): FilePlan => {
  const paddedBytes = paddedSize(fileBytes)
  const pieces = Math.ceil(paddedBytes / PIECE_BYTES)
  const blobBytes = paddedBytes + pieces * TAG_BYTES
  if (!Number.isSafeInteger(fileBytes) || fileBytes < 0 || blobBytes > LIMITS.blobBytes) throw new ClientError('client.file.too_large', { fileBytes })
  return { fileBytes, paddedBytes, pieces, blobBytes }
}

const SMALLEST_BYTES = 1024

const paddedSize = (fileBytes: number): number => {
  if (fileBytes <= SMALLEST_BYTES) return SMALLEST_BYTES
  const step = 2 ** Math.floor(Math.log2(fileBytes)) / 8
  const padded = Math.ceil(fileBytes / step) * step
  // near the cap the padding gives way
  return padded + Math.ceil(padded / PIECE_BYTES) * TAG_BYTES > LIMITS.blobBytes ? fileBytes : padded
}

/** Where a piece's plaintext lies in the file; padding is not counted. */
export const rangeOf = ({ fileBytes }: FilePlan, index: number): { readonly offset: number; readonly length: number } => {
  const offset = Math.min(index * PIECE_BYTES, fileBytes)
  return { offset, length: Math.min(PIECE_BYTES, fileBytes - offset) }
}

/** The key of one file: bound to its content, so that no key ever seals two contents. */
export const deriveFileKey = (suite: CipherSuite, secret: Uint8Array, contentHash: Uint8Array): Uint8Array =>
  suite.hash.hmac(secret, concat(utf8('Famichat 1.0 FileKey'), contentHash))

/** Seals a piece; `plaintext` is the file's, without padding. */
export const sealPiece = (suite: CipherSuite, key: Uint8Array, plan: FilePlan, piece: { index: number; plaintext: Uint8Array }): Uint8Array => {
  const { index, plaintext } = piece
  const paddedBytes = Math.min(PIECE_BYTES, plan.paddedBytes - index * PIECE_BYTES)
  const padded = concat(plaintext, new Uint8Array(paddedBytes - plaintext.length))
  return suite.aead.seal(key, nonceOf(suite, plan, index), LABEL, padded)
}

/** Opens a piece and takes the padding off. @throws ClientError `client.file.damaged` */
export const openPiece = (suite: CipherSuite, key: Uint8Array, plan: FilePlan, piece: { index: number; sealed: Uint8Array; hash: Uint8Array }): Uint8Array => {
  const { index, sealed, hash } = piece
  if (!equal(suite.hash.digest(sealed), hash)) throw new ClientError('client.file.damaged', { index })
  try {
    const padded = suite.aead.open(key, nonceOf(suite, plan, index), LABEL, sealed)
    const { length } = rangeOf(plan, index)
    if (padded.length !== Math.min(PIECE_BYTES, plan.paddedBytes - index * PIECE_BYTES)) throw new ClientError('client.file.damaged', { index })
    if (padded.subarray(length).some((byte) => byte !== 0)) throw new ClientError('client.file.damaged', { index })
    return padded.subarray(0, length)
  } catch (cause) {
    if (!isCodedError(cause)) throw cause
    throw new ClientError('client.file.damaged', { index }, { cause })
  }
}

const LABEL = utf8('Famichat 1.0 File')

/** The key is the file's alone, so the number of the piece is nonce enough. */
const nonceOf = ({ aead: { nonceLength } }: CipherSuite, { pieces }: FilePlan, index: number): Uint8Array => {
  const nonce = new Uint8Array(nonceLength)
  new DataView(nonce.buffer).setUint32(nonceLength - 5, index)
  nonce[nonceLength - 1] = index === pieces - 1 ? 1 : 0
  return nonce
}
