/**
 * Field codecs that many messages share: keys, signatures, tokens and hashes.
 */
import { type Codec, fixed } from '@famichat/base'

/** An Ed25519 public key: 32 bytes. */
export const publicKey: Codec<Uint8Array> = fixed(32)
/** An Ed25519 signature: 64 bytes. */
export const signature: Codec<Uint8Array> = fixed(64)
/** A challenge of the server: 40 bytes, opaque to clients. */
export const nonce: Codec<Uint8Array> = fixed(40)
/** What makes a request unlike every other of its device: 16 random bytes. */
export const requestNonce: Codec<Uint8Array> = fixed(16)
/** An access token: 32 bytes, opaque to clients. */
export const token: Codec<Uint8Array> = fixed(32)
/** A SHA-256 hash: 32 bytes. */
export const hash: Codec<Uint8Array> = fixed(32)
