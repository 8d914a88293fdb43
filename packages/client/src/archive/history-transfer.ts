/**
 * History for a further device of one's own (E21): the device that links another one gives it what was said, as an archive under
 * a fresh key that passes inside the link, in blobs that the server cannot read. Cut off anywhere, both sides go on where they
 * stopped; once it is taken, the blobs are deleted.
 */
import { concat, isCodedError } from '@famichat/base'
import { type BlobId, type DeviceId, LIMITS } from '@famichat/protocol'
import { ClientError } from '../client-error.js'
import type { Catalogue } from '../conversation/catalogue.js'
import type { TransferOptions, TransferProgress } from '../conversation/files.js'
import { isConnectionLoss, retryLimited, type Sleep } from '../conversation/retry.js'
import type { Workspace } from '../conversation/workspace.js'
import { readIdentity } from '../identity/joining.js'
import { PARAMETERS } from '../parameters.js'
import type { DeviceCalls } from '../net/http.js'
import { sortable } from '../store/fields.js'
import { decodeRecord, encodeRecord, IncomingRecord, OutgoingRecord } from '../store/records.js'
import type { Change } from '../store/store.js'
import { recordsOf, summarize, takeRecords } from './archive-contents.js'
import { ArchiveKey } from './archive-locks.js'
import { decodeRecords, encodeRecords } from './archive-records.js'
import { openArchive, sealArchive } from './archive-stream.js'
import { IN_KEY, outKey } from './transfer-notes.js'

/** What transfers work with. */
export interface HistoryTransferContext {
  readonly workspace: Workspace
  readonly calls: DeviceCalls
  readonly catalogue: Catalogue
  readonly sleep: Sleep
}

const POLL_MS = 400
const ATTEMPTS = 6
const PIECE_BYTES = LIMITS.blobChunkBytes
const PIECES_PER_BLOB = LIMITS.blobBytes / PIECE_BYTES
const SMALLEST_BYTES = 64 * 1024
/** How long a device waits for a transfer that does not go on. */
const WAIT_MS = PARAMETERS.historyWaitMs

const pieceKey = (of: string, index: number): string => `${of}/${sortable(index)}`

/** Eight sizes between powers of two: the server learns no more than about how much was said. */
export const paddedHistory = (bytes: number): number => {
  if (bytes <= SMALLEST_BYTES) return SMALLEST_BYTES
  const step = 2 ** Math.floor(Math.log2(bytes)) / 8
  return Math.ceil(bytes / step) * step
}

/** Sends and receives what was said. */
export class HistoryTransfer {
  readonly #context: HistoryTransferContext
  readonly #listeners = new Map<DeviceId, (progress: TransferProgress) => void>()
  #running: Promise<void> = Promise.resolve()

  constructor(context: HistoryTransferContext) {
    this.#context = context
  }

  /** Hears how far a transfer to a device is. */
  listen(deviceId: DeviceId, onProgress: (progress: TransferProgress) => void): void {
    this.#listeners.set(deviceId, onProgress)
  }

  /** True while this device waits for what was said before it was linked. */
  async isAwaited(): Promise<boolean> {
    return await this.#store.get('transfers', IN_KEY) !== undefined
  }

  /** Waits for what was said before this device was linked, and takes it. @throws ClientError `client.archive.damaged` | `client.history.not_sent` | `client.server.unreachable` */
  async receive({ onProgress, signal }: TransferOptions = {}): Promise<void> {
    const { workspace: { context: { clock } }, sleep } = this.#context
    let untilMs = clock.nowMs() + WAIT_MS
    let lastBytes = 0
    for (;;) {
      signal?.throwIfAborted()
      if (!(await this.isAwaited()) || await this.#inTurn(() => this.#tryReceive(onProgress))) return
      const storedBytes = await this.#arrivedBytes()
      if (storedBytes !== lastBytes) untilMs = clock.nowMs() + WAIT_MS
      if (clock.nowMs() > untilMs) throw new ClientError('client.history.not_sent')
      lastBytes = storedBytes
      await sleep(POLL_MS)
    }
  }

  /** Does what can be done now: goes on with what was cut off, takes what is there. */
  async settle(): Promise<void> {
    for (const { key } of await this.#store.list('transfers', { prefix: 'out/' })) {
      const [, deviceId, piece] = key.split('/')
      if (deviceId !== undefined && piece === undefined) await this.#inTurn(() => this.#send(deviceId as DeviceId))
    }
    if (await this.isAwaited()) await this.#inTurn(() => this.#tryReceive(undefined))
  }

  get #store() {
    return this.#context.workspace.context.store
  }

  /** One after the other: a sync and a person may ask at once. */
  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#running
    let end = (): void => undefined
    this.#running = new Promise((resolve) => { end = resolve })
    await before
    try {
      return await work()
    } finally {
      end()
    }
  }

  async #send(deviceId: DeviceId): Promise<void> {
    const { calls, workspace: { context: { onPoint } } } = this.#context
    const key = outKey(deviceId)
    const record = await this.#readOutgoing(key)
    if (record === undefined) return
    if (record.isSent) return this.#forgetWhenTaken(key, record)
    const { sealedBytes, blobIds } = record.sealedBytes > 0 ? record : await this.#seal(key, record)
    const ids = [...blobIds]
    let doneBytes = 0
    for (let blob = 0; blob * LIMITS.blobBytes < sealedBytes; blob++) {
      const blobBytes = Math.min(LIMITS.blobBytes, sealedBytes - blob * LIMITS.blobBytes)
      const blobId = ids[blob] ?? (await this.#patiently(() => calls.call('blobCreate', { conversationId: undefined, forDevice: deviceId, blobBytes }))).blobId
      if (ids[blob] === undefined) {
        ids.push(blobId)
        await this.#write([{ table: 'transfers', key, value: encodeRecord(OutgoingRecord, { ...record, sealedBytes, blobIds: ids }) }])
      }
      const { chunks } = await this.#patiently(() => calls.call('blobState', { blobId }))
      for (let index = 0; index * PIECE_BYTES < blobBytes; index++) {
        const chunk = await this.#store.get('transfers', pieceKey(key, blob * PIECES_PER_BLOB + index))
        if (chunk === undefined) throw new ClientError('client.store.malformed')
        if (index >= chunks) await this.#patiently(() => calls.call('blobAppend', { blobId, index, chunk }))
        doneBytes += chunk.length
        this.#listeners.get(deviceId)?.({ doneBytes, totalBytes: sealedBytes })
        onPoint('transfer.piece')
      }
    }
    await this.#dropPieces(key, [{ table: 'transfers', key, value: encodeRecord(OutgoingRecord, { ...record, sealedBytes, blobIds: ids, isSent: true }) }])
    this.#listeners.delete(deviceId)
  }

  /** Seals what was said until now, piece by piece, into the store: what is sent is the same bytes, whatever happens between. */
  async #seal(key: string, record: OutgoingRecord): Promise<OutgoingRecord> {
    const { workspace: { context }, catalogue } = this.#context
    const { store, suite, random, clock, identity: { accountId, certificate: { accountKey } } } = context
    const identity = await readIdentity(store)
    if (identity === undefined) throw new ClientError('client.profile.missing')
    await this.#dropPieces(key, [])
    const records = recordsOf(store, {
      identity: { ...identity, accountPrivateKey: undefined, accountId, accountKey }, conversations: await catalogue.list(), nowMs: clock.nowMs(),
      withPhrase: record.withPhrase,
    })
    const sealed = sealArchive({ suite, random }, { transferKey: record.transferKey }, encodeRecords(records, paddedHistory))
    let sealedBytes = 0
    let index = 0
    for await (const piece of inPieces(sealed)) {
      sealedBytes += piece.length
      await this.#write([{ table: 'transfers', key: pieceKey(key, index++), value: piece }])
    }
    const next = { ...record, sealedBytes, blobIds: [] }
    await this.#write([{ table: 'transfers', key, value: encodeRecord(OutgoingRecord, next) }])
    context.onPoint('transfer.sealed')
    return next
  }

  /** The other device deletes the blobs when it has taken them; after their time the server does. */
  async #forgetWhenTaken(key: string, { blobIds }: OutgoingRecord): Promise<void> {
    const [blobId] = blobIds
    try {
      if (blobId !== undefined) await this.#patiently(() => this.#context.calls.call('blobState', { blobId }))
    } catch (error) {
      if (!isCodedError(error, 'protocol.access.refused')) throw error
      await this.#write([{ table: 'transfers', key, value: undefined }])
    }
  }

  /** @returns true when it was taken */
  async #tryReceive(onProgress: TransferOptions['onProgress']): Promise<boolean> {
    const { calls, workspace: { context: { store, suite, identity, onPoint, onWritten } } } = this.#context
    const stored = await store.get('transfers', IN_KEY)
    if (stored === undefined) return true
    const { blobs } = await this.#patiently(() => calls.call('blobInbox', {}))
    const totalBytes = blobs.reduce((sum, { blobBytes }) => sum + blobBytes, 0)
    const last = blobs.at(-1)
    // all but the last are full
    const isAllThere = last !== undefined && last.blobBytes < LIMITS.blobBytes && blobs.every(({ storedBytes, blobBytes }) => storedBytes === blobBytes)
    if (!isAllThere) {
      if (totalBytes > 0) onProgress?.({ doneBytes: Math.floor(blobs.reduce((sum, { storedBytes }) => sum + storedBytes, 0) / 2), totalBytes })
      return false
    }
    let doneBytes = 0
    let piece = 0
    for (const { blobId, chunks } of blobs) {
      for (let index = 0; index < chunks; index++) {
        const key = pieceKey(IN_KEY, piece++)
        const chunk = await store.get('transfers', key) ?? await this.#fetch(key, { blobId, index })
        doneBytes += chunk.length
        onProgress?.({ doneBytes: Math.floor((totalBytes + doneBytes) / 2), totalBytes })
      }
    }
    onPoint('transfer.fetched')
    const archiveKey = new ArchiveKey({ type: 'transfer', transferKey: decodeRecord(IncomingRecord, stored).transferKey })
    try {
      const source = () => this.#pieces(piece)
      const { summary } = await summarize(decodeRecords(openArchive(suite, source, archiveKey)))
      if (summary.accountId !== identity.accountId) throw new ClientError('client.archive.other_account')
      await takeRecords(store, decodeRecords(openArchive(suite, source, archiveKey)))
    } catch (error) {
      // not what the other device sent: it will not get better
      if (error instanceof ClientError) await this.#dropPieces(IN_KEY, [{ table: 'transfers', key: IN_KEY, value: undefined }])
      throw error
    } finally {
      await archiveKey.wipe()
    }
    onPoint('transfer.taken')
    for (const { blobId } of blobs) await this.#patiently(() => calls.call('blobDelete', { blobId }))
    await this.#dropPieces(IN_KEY, [{ table: 'transfers', key: IN_KEY, value: undefined }])
    for (const { conversationId } of await this.#context.catalogue.list()) onWritten(conversationId)
    return true
  }

  async #fetch(key: string, request: { readonly blobId: BlobId; readonly index: number }): Promise<Uint8Array> {
    const { chunk } = await this.#patiently(() => this.#context.calls.call('blobRead', request))
    await this.#write([{ table: 'transfers', key, value: chunk }])
    return chunk
  }

  async *#pieces(count: number): AsyncGenerator<Uint8Array> {
    for (let index = 0; index < count; index++) {
      const piece = await this.#store.get('transfers', pieceKey(IN_KEY, index))
      if (piece === undefined) throw new ClientError('client.store.malformed')
      yield piece
    }
  }

  async #arrivedBytes(): Promise<number> {
    const { blobs } = await this.#patiently(() => this.#context.calls.call('blobInbox', {}))
    return blobs.reduce((sum, { storedBytes }) => sum + storedBytes, 0)
  }

  async #readOutgoing(key: string): Promise<OutgoingRecord | undefined> {
    const stored = await this.#store.get('transfers', key)
    return stored && decodeRecord(OutgoingRecord, stored)
  }

  #write(changes: readonly Change[]): Promise<void> {
    return this.#store.exclusive(() => this.#store.write(changes))
  }

  /** Forgets the pieces of a transfer, together with what else changes. */
  #dropPieces(key: string, changes: readonly Change[]): Promise<void> {
    return this.#store.exclusive(async () => {
      const pieces = await this.#store.list('transfers', { prefix: `${key}/` })
      await this.#store.write([...pieces.map(({ key: piece }): Change => ({ table: 'transfers', key: piece, value: undefined })), ...changes])
    })
  }

  async #patiently<T>(work: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await retryLimited(this.#context.sleep, work)
      } catch (error) {
        if (!isConnectionLoss(error) || attempt === ATTEMPTS) throw error
        await this.#context.sleep(50 * 2 ** attempt)
      }
    }
  }
}

/** Pieces of exactly so many bytes as the server takes, the last one shorter. */
async function* inPieces(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let ahead: Uint8Array[] = []
  let length = 0
  for await (const some of bytes) {
    ahead.push(some)
    length += some.length
    while (length >= PIECE_BYTES) {
      const all = concat(...ahead)
      yield all.slice(0, PIECE_BYTES)
      ahead = [all.slice(PIECE_BYTES)]
      length -= PIECE_BYTES
    }
  }
  if (length > 0) yield concat(...ahead)
}
