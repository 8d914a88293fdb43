/**
 * Field codecs that many messages share: counters, times, text, keys and signatures.
 */
import { BaseError, type Codec, fixed, fromUtf8, utf8 } from '@famichat/base'

/** A count, sequence number or time that is exact in a JavaScript number: a uint64 of at most 2^53 - 1. */
export const counter: Codec<number> = {
  encodeInto: (writer, value) => {
    if (!Number.isSafeInteger(value) || value < 0) throw new BaseError('base.codec.out_of_range')
    writer.uint64(BigInt(value))
  },
  decodeFrom: (reader) => {
    const value = reader.uint64()
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new BaseError('base.codec.out_of_range')
    return Number(value)
  },
}

/** Well-formed UTF-8 of at most `maxBytes` bytes behind a length. */
export const text = (maxBytes: number): Codec<string> => ({
  encodeInto: (writer, value) => {
    const bytes = utf8(value)
    if (bytes.length > maxBytes) throw new BaseError('base.codec.too_long', { length: bytes.length, max: maxBytes })
    writer.vector(bytes)
  },
  decodeFrom: (reader) => fromUtf8(reader.vector(maxBytes)),
})

/** One octet, 0 or 1. */
export const flag: Codec<boolean> = {
  encodeInto: (writer, value) => { writer.uint8(value ? 1 : 0) },
  decodeFrom: (reader) => {
    const value = reader.uint8()
    if (value > 1) throw new BaseError('base.codec.unknown_value', { what: 'flag', value })
    return value === 1
  },
}

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
