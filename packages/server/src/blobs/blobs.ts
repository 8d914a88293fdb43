/**
 * Blobs: ciphertext too large for a message, in numbered chunks. Written by one account, read by its devices and by the
 * devices that are in the blob's conversation now. What is not whole, or too old, goes.
 */
import { equal } from '@famichat/base'
import {
  type BlobChunk, type BlobChunkAnswer, type BlobChunkRequest, type BlobCreated, type BlobCreation, type BlobId, type BlobInbox, type BlobState,
  type DeviceId, LIFETIMES, LIMITS, makeId, type Nothing, ProtocolError,
} from '@famichat/protocol'
import { readJoinedConversation } from '../delivery/conversations.js'
import type { AuthenticatedDevice, Services } from '../services.js'
import type { Store } from '../storage/open-database.js'

/** Makes room for a blob. @throws ProtocolError `protocol.blob.too_large` | `protocol.blob.quota` | `protocol.access.refused` */
export const createBlob = (services: Services, caller: AuthenticatedDevice, { conversationId, forDevice, blobBytes }: BlobCreation): Promise<BlobCreated> => {
  if (blobBytes < 1 || blobBytes > LIMITS.blobBytes) throw new ProtocolError('protocol.blob.too_large', { blobBytes })
  const nowMs = services.clock.nowMs()
  return services.database.write.write(async (store) => {
    if (conversationId !== undefined) await readJoinedConversation(store, caller.deviceId, conversationId)
    if (forDevice !== undefined) await requireSibling(store, caller, forDevice)
    await dropOutdatedBlobs(store, nowMs)
    const { reserved, held } = await store.selectFrom('blobs').select((eb) => [eb.fn.sum<number | null>('blob_bytes').as('reserved'), eb.fn.countAll<number>().as('held')])
      .where('account_id', '=', caller.accountId).executeTakeFirstOrThrow()
    if ((reserved ?? 0) + blobBytes > LIMITS.blobBytesPerAccount || held >= LIMITS.blobsPerAccount) throw new ProtocolError('protocol.blob.quota')
    const blobId = makeId<BlobId>(services.random)
    await store.insertInto('blobs').values({
      blob_id: blobId, account_id: caller.accountId, conversation_id: conversationId ?? null, for_device: forDevice ?? null, blob_bytes: blobBytes,
      stored_bytes: 0, chunks: 0, created_at_ms: nowMs,
    }).execute()
    return { blobId, expiresAtMs: nowMs + LIFETIMES.blobMs }
  })
}

/** Adds the next chunk; the same chunk again is harmless. @throws ProtocolError `protocol.blob.refused` | `protocol.access.refused` */
export const appendToBlob = (services: Services, caller: AuthenticatedDevice, { blobId, index, chunk }: BlobChunk): Promise<BlobState> =>
  services.database.write.write(async (store) => {
    const blob = await readOwnBlob(store, caller, blobId, services.clock.nowMs())
    if (index < blob.chunks) {
      const stored = await readChunk(store, blobId, index)
      if (stored === undefined || !equal(stored, chunk)) throw new ProtocolError('protocol.blob.refused', { index })
      return stateOf(blob)
    }
    const storedBytes = blob.stored_bytes + chunk.length
    if (index > blob.chunks || storedBytes > blob.blob_bytes) throw new ProtocolError('protocol.blob.refused', { index })
    // chunks of any size would let a blob have any number of rows
    if (storedBytes < blob.blob_bytes && chunk.length !== LIMITS.blobChunkBytes) throw new ProtocolError('protocol.blob.refused', { index })
    await store.insertInto('blob_chunks').values({ blob_id: blobId, chunk_index: index, chunk }).execute()
    const grown = { stored_bytes: storedBytes, chunks: blob.chunks + 1 }
    await store.updateTable('blobs').set(grown).where('blob_id', '=', blobId).execute()
    return stateOf({ ...blob, ...grown })
  })

/** How much of a blob is stored, for its account. @throws ProtocolError `protocol.access.refused` */
export const readBlobState = async (services: Services, caller: AuthenticatedDevice, blobId: BlobId): Promise<BlobState> =>
  stateOf(await readOwnBlob(services.database.read, caller, blobId, services.clock.nowMs()))

/** One chunk of a whole blob, for its account and its conversation. @throws ProtocolError `protocol.access.refused` */
export const readBlob = async (services: Services, caller: AuthenticatedDevice, { blobId, index }: BlobChunkRequest): Promise<BlobChunkAnswer> => {
  const { read } = services.database
  const blob = await readLivingBlob(read, blobId, services.clock.nowMs())
  if (blob.account_id !== caller.accountId) {
    if (blob.conversation_id === null) throw new ProtocolError('protocol.access.refused')
    await readJoinedConversation(read, caller.deviceId, blob.conversation_id)
  }
  const chunk = blob.stored_bytes === blob.blob_bytes ? await readChunk(read, blobId, index) : undefined
  if (chunk === undefined) throw new ProtocolError('protocol.access.refused')
  return { chunk }
}

/** What another device of the account made for the calling one, oldest first. */
export const listInbox = async (services: Services, { deviceId }: AuthenticatedDevice): Promise<BlobInbox> => {
  const rows = await services.database.read.selectFrom('blobs').select(['blob_id', 'blob_bytes', 'stored_bytes', 'chunks']).where('for_device', '=', deviceId)
    .where('created_at_ms', '>', services.clock.nowMs() - LIFETIMES.blobMs).orderBy('created_at_ms').orderBy('blob_id').limit(LIMITS.inboxBlobs).execute()
  return { blobs: rows.map((row) => ({ blobId: row.blob_id, ...stateOf(row) })) }
}

/** @throws ProtocolError `protocol.access.refused` */
const requireSibling = async (store: Store, { accountId }: AuthenticatedDevice, deviceId: DeviceId): Promise<void> => {
  const sibling = await store.selectFrom('devices').select('device_id').where('device_id', '=', deviceId).where('account_id', '=', accountId)
    .where('revoked_at_ms', 'is', null).executeTakeFirst()
  if (sibling === undefined) throw new ProtocolError('protocol.access.refused')
}

/** Deletes a blob of the caller's account; one that is gone already is harmless. */
export const deleteBlob = (services: Services, caller: AuthenticatedDevice, blobId: BlobId): Promise<Nothing> =>
  services.database.write.write(async (store) => {
    const owned = await store.selectFrom('blobs').select('blob_id').where('blob_id', '=', blobId)
      .where('account_id', '=', caller.accountId).executeTakeFirst()
    if (owned !== undefined) await dropBlobs(store, [blobId])
    return {}
  })

type Blob = Awaited<ReturnType<typeof readLivingBlob>>

const stateOf = ({ chunks, stored_bytes, blob_bytes }: Pick<Blob, 'chunks' | 'stored_bytes' | 'blob_bytes'>): BlobState =>
  ({ chunks, storedBytes: stored_bytes, blobBytes: blob_bytes })

const readLivingBlob = async (store: Store, blobId: BlobId, nowMs: number) => {
  const blob = await store.selectFrom('blobs').selectAll().where('blob_id', '=', blobId)
    .where('created_at_ms', '>', nowMs - LIFETIMES.blobMs).executeTakeFirst()
  if (blob === undefined) throw new ProtocolError('protocol.access.refused')
  return blob
}

const readOwnBlob = async (store: Store, { accountId }: AuthenticatedDevice, blobId: BlobId, nowMs: number): Promise<Blob> => {
  const blob = await readLivingBlob(store, blobId, nowMs)
  if (blob.account_id !== accountId) throw new ProtocolError('protocol.access.refused')
  return blob
}

const readChunk = async (store: Store, blobId: BlobId, index: number): Promise<Uint8Array | undefined> =>
  (await store.selectFrom('blob_chunks').select('chunk').where('blob_id', '=', blobId).where('chunk_index', '=', index).executeTakeFirst())?.chunk

const dropOutdatedBlobs = async (store: Store, nowMs: number): Promise<void> => {
  const outdated = await store.selectFrom('blobs').select('blob_id').where((eb) => eb.or([
    eb('created_at_ms', '<=', nowMs - LIFETIMES.blobMs),
    eb.and([eb('created_at_ms', '<=', nowMs - LIFETIMES.blobUploadMs), eb('stored_bytes', '<', eb.ref('blob_bytes'))]),
  ])).limit(MAX_DROPPED).execute()
  if (outdated.length > 0) await dropBlobs(store, outdated.map(({ blob_id }) => blob_id))
}

/** Blobs dropped beside one creation: one write must not take long. */
const MAX_DROPPED = 16

const dropBlobs = async (store: Store, blobIds: readonly BlobId[]): Promise<void> => {
  await store.deleteFrom('blob_chunks').where('blob_id', 'in', blobIds).execute()
  await store.deleteFrom('blobs').where('blob_id', 'in', blobIds).execute()
}
