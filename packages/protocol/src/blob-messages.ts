/**
 * Bodies of the routes about blobs: ciphertext too large for a message, in numbered chunks. The server knows whose a
 * blob is, which conversation may read it, and its size; keys, names and hashes travel inside messages.
 */
import { counter, type Infer, opaque, optional, struct, vector } from '@famichat/base'
import { BlobId, ConversationId, DeviceId } from './ids.js'
import { LIMITS } from './limits.js'

/**
 * A new blob of exactly so many bytes. Without a conversation only devices of the caller's account read it; of these one may
 * be meant, which finds it in its inbox.
 */
export const BlobCreation = struct({ conversationId: optional(ConversationId), forDevice: optional(DeviceId), blobBytes: counter })
export type BlobCreation = Infer<typeof BlobCreation>

/** The server's name for it, and when the server forgets it. */
export const BlobCreated = struct({ blobId: BlobId, expiresAtMs: counter })
export type BlobCreated = Infer<typeof BlobCreated>

/** Names one blob. */
export const BlobRequest = struct({ blobId: BlobId })
export type BlobRequest = Infer<typeof BlobRequest>

/** What of a blob the server has: `storedBytes` in `chunks` chunks; whole when it is `blobBytes`. */
export const BlobState = struct({ chunks: counter, storedBytes: counter, blobBytes: counter })
export type BlobState = Infer<typeof BlobState>

/** Blobs that a device of the same account made for the calling one, oldest first, whole or not yet. */
export const BlobInbox = struct({
  blobs: vector(struct({ blobId: BlobId, blobBytes: counter, storedBytes: counter, chunks: counter }), { max: LIMITS.inboxBlobs }),
})
export type BlobInbox = Infer<typeof BlobInbox>

const chunk = opaque({ min: 1, max: LIMITS.blobChunkBytes })

/** The next chunk: `index` is the number of chunks before it. The same chunk again is harmless. */
export const BlobChunk = struct({ blobId: BlobId, index: counter, chunk })
export type BlobChunk = Infer<typeof BlobChunk>

/** Asks for one chunk. */
export const BlobChunkRequest = struct({ blobId: BlobId, index: counter })
export type BlobChunkRequest = Infer<typeof BlobChunkRequest>

/** One chunk. */
export const BlobChunkAnswer = struct({ chunk })
export type BlobChunkAnswer = Infer<typeof BlobChunkAnswer>
