/**
 * HMAC (RFC 2104) by two hashes of whole inputs: Node's own HMAC is an object with a finalizer each time, which costs more when
 * it is made and again when it is collected.
 * Layer: crypto. Works in memory of its own, which is wiped before it returns.
 */

/** Inputs up to this length, which are nearly all of the protocol's, are put together without fresh memory. */
const COMMON_BYTES = 512

/** A hash as HMAC takes it. */
export interface HmacHash {
  readonly blockLength: number
  readonly outputLength: number
  /** One character per byte: a text cannot be wiped, but without the key the inner hash is worth nothing. */
  readonly innerHash: (data: Uint8Array) => string
  readonly outerHash: (data: Uint8Array) => Uint8Array
}

/** HMAC of one hash. */
export const makeHmac = ({ blockLength, outputLength, innerHash, outerHash }: HmacHash): ((key: Uint8Array, data: Uint8Array) => Uint8Array) => {
  const common = new Uint8Array(blockLength + COMMON_BYTES)
  /** Of `common`, by length: made once each. */
  const views: Uint8Array[] = []
  const outer = new Uint8Array(blockLength + outputLength)
  return (key, data) => {
    const used = key.length > blockLength ? outerHash(key) : key
    const length = blockLength + data.length
    const inner = length > common.length ? new Uint8Array(length) : views[length] ??= common.subarray(0, length)
    inner.fill(0x36, 0, blockLength)
    outer.fill(0x5c, 0, blockLength)
    for (let i = 0; i < used.length; i++) {
      const byte = used[i] ?? 0
      inner[i] = byte ^ 0x36
      outer[i] = byte ^ 0x5c
    }
    inner.set(data, blockLength)
    putLatin1(outer, innerHash(inner), blockLength)
    const tag = outerHash(outer)
    inner.fill(0)
    outer.fill(0)
    return tag
  }
}

/** Writes a text of one character per byte. */
export const putLatin1 = (into: Uint8Array, text: string, at: number): void => {
  for (let i = 0; i < text.length; i++) into[at + i] = text.charCodeAt(i)
}
