/**
 * Files: sealed piece by piece, uploaded and fetched one piece at a time, resumed where they stopped, also after a crash:
 * the same file finds what of it is on the server already.
 */
import { concat, equal, isCodedError, toHex } from '@famichat/base'
import type { BlobId, ConversationId } from '@famichat/protocol'
import { ClientError } from '../client-error.js'
import type { AttachmentPointer, PictureSize } from '../content/content.js'
import { isFileName, isMediaType } from '../content/file-name.js'
import { deriveFileKey, type FilePlan, openPiece, planFile, rangeOf, sealPiece } from '../content/file-pieces.js'
import type { Connection } from '../net/connection.js'
import { conversationPrefix, decodeRecord, encodeRecord, UploadRecord } from '../store/records.js'
import { isConnectionLoss, retryLimited, type Sleep } from './retry.js'
import type { Workspace } from './workspace.js'

/** A file to send: read in any order, and more than once. */
export interface FileSource {
  readonly fileName: string
  readonly mediaType: string
  readonly fileBytes: number
  /** Of a picture, if it is known: whoever gets the message keeps the room for it. At most 65,535 each way. */
  readonly picture?: PictureSize | undefined
  read(offset: number, length: number): Promise<Uint8Array>
}

/** How far a transfer is. */
export interface TransferProgress {
  readonly doneBytes: number
  readonly totalBytes: number
}

/** Choices of a transfer. */
export interface TransferOptions {
  readonly onProgress?: (progress: TransferProgress) => void
  readonly signal?: AbortSignal
}

/** What files work with. */
export interface FilesContext {
  readonly workspace: Workspace
  readonly connection: Connection
  readonly sleep: Sleep
}

const ATTEMPTS = 6

interface Upload {
  readonly source: FileSource
  readonly plan: FilePlan
  readonly key: Uint8Array
  readonly pieceHashes: readonly Uint8Array[]
}

/** Uploads and fetches files. */
export class Files {
  readonly #context: FilesContext

  constructor(context: FilesContext) {
    this.#context = context
  }

  /**
   * Puts a file's ciphertext on the server.
   * @returns what a message must say for others to read it
   * @throws ClientError `client.file.*` | `client.server.unreachable` | ProtocolError `protocol.blob.*`; the same call goes on where it stopped
   */
  async upload(conversationId: ConversationId, source: FileSource, { onProgress, signal }: TransferOptions): Promise<AttachmentPointer> {
    const { suite } = this.#context.workspace.context
    const { fileName, mediaType, fileBytes, picture } = source
    if (!isFileName(fileName) || !isMediaType(mediaType)) throw new ClientError('client.file.name_refused')
    const plan = planFile(fileBytes)
    const pieceHashes = await this.#hashPieces(source, plan, signal)
    const contentHash = suite.hash.digest(concat(...pieceHashes))
    const storeKey = conversationPrefix(conversationId) + toHex(contentHash)
    const begun = await this.#begin(conversationId, storeKey, plan)
    const key = deriveFileKey(suite, begun.secret, contentHash)
    const upload: Upload = { source, plan, key, pieceHashes }
    const chunkHashes: Uint8Array[] = []
    for (let index = 0; index < plan.pieces; index++) {
      signal?.throwIfAborted()
      const chunk = await this.#seal(upload, index)
      chunkHashes.push(suite.hash.digest(chunk))
      if (index >= begun.chunks) await this.#patiently(() => this.#context.connection.calls.call('blobAppend', { blobId: begun.blobId, index, chunk }))
      const { offset, length } = rangeOf(plan, index)
      onProgress?.({ doneBytes: offset + length, totalBytes: fileBytes })
      this.#context.workspace.context.onPoint('file.piece')
    }
    return { fileName, mediaType, fileBytes, blobId: begun.blobId, key, chunkHashes, picture }
  }

  /** The upload of a file is over: it is in a message now. */
  async forget(conversationId: ConversationId, { blobId }: AttachmentPointer): Promise<void> {
    const { store } = this.#context.workspace.context
    await store.exclusive(async () => {
      const uploads = await store.list('uploads', { prefix: conversationPrefix(conversationId) })
      await store.write(uploads.filter(({ value }) => decodeRecord(UploadRecord, value).blobId === blobId)
        .map(({ key }) => ({ table: 'uploads', key, value: undefined })))
    })
  }

  /** A file's plaintext, piece by piece, from a piece on. @throws ClientError `client.file.damaged` | `client.file.gone` | `client.server.unreachable` */
  async *fetch(pointer: AttachmentPointer, { onProgress, signal, fromPiece = 0 }: TransferOptions & { fromPiece?: number }): AsyncGenerator<Uint8Array> {
    const { suite } = this.#context.workspace.context
    const plan = planFile(pointer.fileBytes)
    if (plan.pieces !== pointer.chunkHashes.length) throw new ClientError('client.file.damaged')
    for (const [index, hash] of pointer.chunkHashes.entries()) {
      if (index < fromPiece) continue
      signal?.throwIfAborted()
      const sealed = await this.#read(pointer.blobId, index)
      const plaintext = openPiece(suite, pointer.key, plan, { index, sealed, hash })
      yield plaintext
      onProgress?.({ doneBytes: rangeOf(plan, index).offset + plaintext.length, totalBytes: pointer.fileBytes })
    }
  }

  /** Deletes a file of one's own from the server. */
  async delete(blobId: BlobId): Promise<void> {
    await this.#context.connection.calls.call('blobDelete', { blobId })
  }

  async #hashPieces(source: FileSource, plan: FilePlan, signal: AbortSignal | undefined): Promise<readonly Uint8Array[]> {
    const { suite } = this.#context.workspace.context
    const hashes: Uint8Array[] = []
    for (let index = 0; index < plan.pieces; index++) {
      signal?.throwIfAborted()
      hashes.push(suite.hash.digest(await readPiece(source, plan, index)))
    }
    return hashes
  }

  /** The key is bound to what was hashed: other content must not be sealed under it. */
  async #seal({ source, plan, key, pieceHashes }: Upload, index: number): Promise<Uint8Array> {
    const { suite } = this.#context.workspace.context
    const plaintext = await readPiece(source, plan, index)
    const hash = pieceHashes[index]
    if (hash === undefined || !equal(suite.hash.digest(plaintext), hash)) throw new ClientError('client.file.changed')
    return sealPiece(suite, key, plan, { index, plaintext })
  }

  /** Finds the upload that was begun, or begins one. */
  async #begin(conversationId: ConversationId, storeKey: string, { blobBytes }: FilePlan): Promise<UploadRecord & { readonly chunks: number }> {
    const { workspace: { context: { store, clock, random } }, connection } = this.#context
    const stored = await store.get('uploads', storeKey)
    const begun = stored && decodeRecord(UploadRecord, stored)
    if (begun !== undefined && begun.expiresAtMs > clock.nowMs()) {
      try {
        const { chunks } = await this.#patiently(() => connection.calls.call('blobState', { blobId: begun.blobId }))
        return { ...begun, chunks }
      } catch (error) {
        if (!isCodedError(error, 'protocol.access.refused')) throw error
      }
    }
    const { blobId, expiresAtMs } = await this.#patiently(() => connection.calls.call('blobCreate', { conversationId, forDevice: undefined, blobBytes }))
    const record: UploadRecord = { blobId, expiresAtMs, secret: random(32) }
    await store.exclusive(() => store.write([{ table: 'uploads', key: storeKey, value: encodeRecord(UploadRecord, record) }]))
    return { ...record, chunks: 0 }
  }

  async #read(blobId: BlobId, index: number): Promise<Uint8Array> {
    try {
      return (await this.#patiently(() => this.#context.connection.calls.call('blobRead', { blobId, index }))).chunk
    } catch (error) {
      if (isCodedError(error, 'protocol.access.refused')) throw new ClientError('client.file.gone', {}, { cause: error })
      throw error
    }
  }

  /** Through short losses of the line, and when the server asks to slow down. */
  async #patiently<T>(work: () => Promise<T>): Promise<T> {
    const { sleep } = this.#context
    for (let attempt = 1; ; attempt++) {
      try {
        return await retryLimited(sleep, work)
      } catch (error) {
        if (!isConnectionLoss(error) || attempt === ATTEMPTS) throw error
        await sleep(50 * 2 ** attempt)
      }
    }
  }
}

const readPiece = async (source: FileSource, plan: FilePlan, index: number): Promise<Uint8Array> => {
  const { offset, length } = rangeOf(plan, index)
  const bytes = length === 0 ? new Uint8Array(0) : await source.read(offset, length)
  if (bytes.length !== length) throw new ClientError('client.file.changed')
  return bytes
}
