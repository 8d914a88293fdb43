/**
 * Reads the TLS presentation language strictly: minimal lengths, nothing past the end.
 * Part of the codec kernel. Byte strings read are views of the input: the caller gives the buffer away.
 */
import { BaseError } from './base-error.js'

/** A position in an input that only moves forward. */
export class Reader {
  readonly #input: Uint8Array
  readonly #view: DataView
  #at = 0
  #end: number

  constructor(input: Uint8Array) {
    this.#input = input
    this.#view = new DataView(input.buffer, input.byteOffset, input.byteLength)
    this.#end = input.length
  }

  /** Bytes read so far. */
  get position(): number {
    return this.#at
  }

  /** Bytes left in the innermost open vector, or in the input. */
  get remaining(): number {
    return this.#end - this.#at
  }

  uint8(): number {
    return this.#view.getUint8(this.#take(1))
  }

  uint16(): number {
    return this.#view.getUint16(this.#take(2))
  }

  uint32(): number {
    return this.#view.getUint32(this.#take(4))
  }

  uint64(): bigint {
    return this.#view.getBigUint64(this.#take(8))
  }

  /** `length` raw bytes, as a view. */
  bytes(length: number): Uint8Array {
    const from = this.#take(length)
    return this.#input.subarray(from, from + length)
  }

  /** What was read since `from`, as a view. */
  since(from: number): Uint8Array {
    return this.#input.subarray(from, this.#at)
  }

  /** A variable-size vector of at most `max` bytes, as a view. */
  vector(max: number): Uint8Array {
    const length = this.#length()
    if (length > max) throw new BaseError('base.codec.too_long', { length, max })
    return this.bytes(length)
  }

  /** Enters a variable-size vector; hand the result to {@link leaveVector}. Reads inside cannot cross its end. */
  enterVector(): number {
    const length = this.#length()
    const outerEnd = this.#end
    if (length > this.remaining) throw new BaseError('base.codec.truncated', { at: this.#at })
    this.#end = this.#at + length
    return outerEnd
  }

  /** Leaves a vector that has been read to its end. */
  leaveVector(outerEnd: number): void {
    this.finish()
    this.#end = outerEnd
  }

  /** @throws BaseError `base.codec.trailing_bytes` when anything is left */
  finish(): void {
    if (this.#at !== this.#end) throw new BaseError('base.codec.trailing_bytes', { at: this.#at, left: this.remaining })
  }

  #length(): number {
    const first = this.uint8()
    switch (first >>> 6) {
      case 0:
        return first
      case 1: {
        const length = ((first & 0x3f) << 8) | this.uint8()
        // §2.1.2: the length MUST be encoded in the smallest number of bits
        if (length < 64) throw new BaseError('base.codec.length_not_minimal', { at: this.#at })
        return length
      }
      case 2: {
        const length = ((first & 0x3f) << 24) | (this.uint8() << 16) | this.uint16()
        if (length < 16384) throw new BaseError('base.codec.length_not_minimal', { at: this.#at })
        return length
      }
      default:
        throw new BaseError('base.codec.length_reserved', { at: this.#at })
    }
  }

  #take(size: number): number {
    const from = this.#at
    if (size > this.#end - from) throw new BaseError('base.codec.truncated', { at: from })
    this.#at = from + size
    return from
  }
}
