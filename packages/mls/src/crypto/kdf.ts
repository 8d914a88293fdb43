/**
 * HKDF (RFC 5869) over a backend's HMAC.
 * Layer: crypto. Returns raw bytes; callers wrap what they keep in a Secret.
 */
import { invariant } from '@famichat/base'
import type { Hash } from './backend.js'

/** HKDF-Extract. */
export const hkdfExtract = (hash: Hash, salt: Uint8Array, ikm: Uint8Array): Uint8Array => hash.hmac(salt, ikm)

/**
 * HKDF-Expand.
 * @param info its last byte must be free: the caller leaves one byte for the block counter
 * @param length at most 255 × the hash's output length
 */
export const hkdfExpand = (hash: Hash, prk: Uint8Array, info: Uint8Array, length: number): Uint8Array => {
  const size = hash.outputLength
  invariant(length > 0 && length <= 255 * size, 'HKDF-Expand yields at most 255 blocks')
  const counterAt = info.length - 1
  info[counterAt] = 1
  const first = hash.hmac(prk, info)
  if (length === size) return first
  if (length < size) {
    const cut = first.slice(0, length)
    first.fill(0)
    return cut
  }
  const output = new Uint8Array(length)
  output.set(first)
  const input = new Uint8Array(size + info.length)
  input.set(info, size)
  let block = first
  for (let counter = 2, at = size; at < length; counter++, at += size) {
    input.set(block)
    input[size + counterAt] = counter
    block = hash.hmac(prk, input)
    output.set(block.subarray(0, Math.min(size, length - at)), at)
  }
  block.fill(0)
  input.fill(0)
  return output
}
