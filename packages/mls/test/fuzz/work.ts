/**
 * Work: how much an input made the engine do, counted in operations and bytes, so that "linear" can be checked without a clock.
 */
import { type Codec, Reader } from '@famichat/base'
import type { Aead, CryptoBackend, Curve, Hash, SignatureScheme } from '../../dist/crypto/backend.js'
import { expectThat } from './target.js'

/** Units of work: one symmetric operation, or 64 bytes of its input, is one; an asymmetric one counts more. */
const ASYMMETRIC_UNITS = 64

/** A backend that counts what it is asked for. */
export class WorkMeter {
  #units = 0

  reset(): void {
    this.#units = 0
  }

  get units(): number {
    return this.#units
  }

  /** The same primitives, counted. */
  metered(backend: CryptoBackend): CryptoBackend {
    return {
      ...backend,
      hash: (name): Hash => {
        const hash = backend.hash(name)
        return {
          ...hash,
          digest: (data) => { this.#bytes(data.length); return hash.digest(data) },
          hmac: (key, data) => { this.#bytes(data.length); return hash.hmac(key, data) },
        }
      },
      aead: (name): Aead => {
        const aead = backend.aead(name)
        return {
          ...aead,
          seal: (key, nonce, aad, plaintext) => { this.#bytes(aad.length + plaintext.length); return aead.seal(key, nonce, aad, plaintext) },
          open: (key, nonce, aad, ciphertext) => { this.#bytes(aad.length + ciphertext.length); return aead.open(key, nonce, aad, ciphertext) },
        }
      },
      curve: (name): Curve => {
        const curve = backend.curve(name)
        return {
          ...curve,
          publicKeyOf: (privateKey) => { this.#units += ASYMMETRIC_UNITS; return curve.publicKeyOf(privateKey) },
          agree: (privateKey, publicKey) => { this.#units += ASYMMETRIC_UNITS; return curve.agree(privateKey, publicKey) },
        }
      },
      signature: (name): SignatureScheme => {
        const signature = backend.signature(name)
        return {
          ...signature,
          sign: (privateKey, publicKey, message) => { this.#units += ASYMMETRIC_UNITS; return signature.sign(privateKey, publicKey, message) },
          verify: (publicKey, message, given) => {
            this.#units += ASYMMETRIC_UNITS
            this.#bytes(message.length)
            return signature.verify(publicKey, message, given)
          },
        }
      },
    }
  }

  #bytes(count: number): void {
    this.#units += 1 + (count >>> 6)
  }
}

/** Reads a codec makes at most: one or two per byte, some more at the start. */
const READS_PER_BYTE = 3

/** Decodes and checks that the number of reads is linear in the input. @throws BaseError */
export const decodeCounted = <T>(codec: Codec<T>, input: Uint8Array): T => {
  const reader = new CountingReader(input)
  try {
    const value = codec.decodeFrom(reader)
    reader.finish()
    return value
  } finally {
    expectThat(reader.reads <= READS_PER_BYTE * input.length + 16, `${reader.reads.toString()} reads for ${input.length.toString()} bytes`, input)
  }
}

class CountingReader extends Reader {
  reads = 0

  override uint8(): number {
    this.reads++
    return super.uint8()
  }

  override uint16(): number {
    this.reads++
    return super.uint16()
  }

  override uint32(): number {
    this.reads++
    return super.uint32()
  }

  override uint64(): bigint {
    this.reads++
    return super.uint64()
  }

  override bytes(length: number): Uint8Array {
    this.reads++
    return super.bytes(length)
  }
}
