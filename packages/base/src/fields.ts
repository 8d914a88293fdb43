/**
 * Field codecs that messages and stored records share: counts, text and flags.
 */
import { BaseError } from './base-error.js'
import { fromUtf8, utf8 } from './bytes.js'
import type { Codec } from './codec.js'

/** A count, position, sequence number or time that is exact in a JavaScript number: a uint64 of at most 2^53 - 1. */
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
