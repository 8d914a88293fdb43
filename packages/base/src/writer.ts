/**
 * Writes the TLS presentation language (RFC 8446 §3, RFC 9420 §2.1) into a growing buffer.
 * Part of the codec kernel.
 */
import { BaseError } from './base-error.js'

/** Largest length a variable-size vector can have: 2^30 - 1 bytes (RFC 9420 §2.1.2). */
export const MAX_VECTOR_BYTES = 0x3fffffff

/** The minimal length prefix of a vector (RFC 9420 §2.1.2). @throws BaseError `base.codec.too_long` */
export const vectorPrefix = (length: number): Uint8Array => {
  if (length > MAX_VECTOR_BYTES) throw new BaseError('base.codec.too_long', { length })
  if (length < 64) return Uint8Array.of(length)
  if (length < 16384) return Uint8Array.of(0x40 | (length >>> 8), length)
  return Uint8Array.of(0x80 | (length >>> 24), length >>> 16, length >>> 8, length)
}

const prefixBytes = (length: number): number => (length < 64 ? 1 : length < 16384 ? 2 : 4)

/** Append-only big-endian output. */
export class Writer {
  #buffer = new Uint8Array(1024)
  #view = new DataView(this.#buffer.buffer)
  #at = 0

  uint8(value: number): void {
    this.#claim(1, value, 0xff)
    this.#buffer[this.#at++] = value
  }

  uint16(value: number): void {
    this.#claim(2, value, 0xffff)
    this.#view.setUint16(this.#at, value)
    this.#at += 2
  }

  uint32(value: number): void {
    this.#claim(4, value, 0xffffffff)
    this.#view.setUint32(this.#at, value)
    this.#at += 4
  }

  uint64(value: bigint): void {
    if (value < 0n || value > 0xffffffffffffffffn) throw new BaseError('base.codec.out_of_range')
    this.#reserve(8)
    this.#view.setBigUint64(this.#at, value)
    this.#at += 8
  }

  /** Raw bytes without a length. */
  bytes(value: Uint8Array): void {
    this.#reserve(value.length)
    this.#buffer.set(value, this.#at)
    this.#at += value.length
  }

  /** A variable-size vector of bytes: minimal length prefix, then the bytes. */
  vector(value: Uint8Array): void {
    this.#reserve(4)
    this.#prefix(value.length)
    this.bytes(value)
  }

  /** Opens a variable-size vector whose length is not known yet; pass the result to {@link closeVector}. */
  openVector(): number {
    this.#reserve(1)
    return this.#at++
  }

  /** Closes a vector: writes its minimal length prefix before what was written since it was opened. */
  closeVector(opened: number): void {
    const length = this.#at - opened - 1
    const shift = prefixBytes(length) - 1
    if (shift > 0) {
      this.#reserve(shift)
      this.#buffer.copyWithin(opened + 1 + shift, opened + 1, this.#at)
    }
    this.#at = opened
    this.#prefix(length)
    this.#at += length
  }

  /** A view of all that was written, until the next write. */
  get written(): Uint8Array {
    return this.#buffer.subarray(0, this.#at)
  }

  /** A copy of all that was written; wipes and empties the buffer, for it may have held secrets. */
  finish(): Uint8Array {
    const written = this.#buffer.slice(0, this.#at)
    this.reset()
    return written
  }

  /** Forgets and overwrites what was written. */
  reset(): void {
    this.#buffer.fill(0, 0, this.#at)
    this.#at = 0
  }

  #prefix(length: number): void {
    if (length > MAX_VECTOR_BYTES) throw new BaseError('base.codec.too_long', { length })
    if (length < 64) {
      this.#buffer[this.#at++] = length
    } else if (length < 16384) {
      this.#view.setUint16(this.#at, 0x4000 | length)
      this.#at += 2
    } else {
      this.#view.setUint32(this.#at, (0x80000000 | length) >>> 0)
      this.#at += 4
    }
  }

  #claim(size: number, value: number, max: number): void {
    if (!Number.isInteger(value) || value < 0 || value > max) throw new BaseError('base.codec.out_of_range')
    this.#reserve(size)
  }

  #reserve(size: number): void {
    if (this.#at + size <= this.#buffer.length) return
    const grown = new Uint8Array(Math.max(2 * this.#buffer.length, this.#at + size))
    grown.set(this.#buffer.subarray(0, this.#at))
    this.#buffer.fill(0)
    this.#buffer = grown
    this.#view = new DataView(grown.buffer)
  }
}
