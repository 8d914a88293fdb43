/**
 * Secrets inside structures: read into a Secret of their own, written without a copy in between.
 * Part of the codec kernel.
 */
import { type Bounds, type Codec, decode, encode, opaque } from './codec.js'
import { Secret } from './secret.js'

/** `opaque secret<V>` as an owned Secret; `max` bounds its bytes. */
export const secretBytes = ({ min = 1, max }: Bounds = {}): Codec<Secret> => {
  const codec = opaque({ min, ...(max === undefined ? {} : { max }) })
  return {
    encodeInto: (writer, secret) => { codec.encodeInto(writer, secret.expose()) },
    decodeFrom: (reader) => new Secret(codec.decodeFrom(reader).slice()),
  }
}

/** Decodes a structure whose whole encoding is secret; its byte strings are copies. @throws BaseError `base.codec.*` */
export const decodeSecret = <T>(codec: Codec<T>, encoded: Secret): T => decode(codec, encoded.expose().slice())

/** Encodes a structure whose whole encoding is secret. */
export const encodeSecret = <T>(codec: Codec<T>, value: T): Secret => new Secret(encode(codec, value))
