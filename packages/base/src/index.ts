/**
 * @famichat/base: bytes, secrets, coded errors, clock and the codec kernel.
 */
export { BASE_ERRORS, BaseError, type BaseErrorCode } from './base-error.js'
export type { Branded } from './branded.js'
export {
  bytesKey, concat, constantTimeEqual, EMPTY, equal, fromBase64url, fromHex, fromUtf8, toBase64url, toHex, utf8,
} from './bytes.js'
export { type Clock, type RandomBytes, systemClock, systemRandom } from './clock.js'
export {
  type Bounds, branded, closed, type Codec, decode, deferred, encode, encodeWith, fixed, type Infer, nested, opaque, optional, remembered,
  struct, uint16, uint32, uint64, uint8, variant, vector,
  withEncoding,
} from './codec.js'
export {
  assertNever, CodedError, type ErrorDetail, type ErrorEntry, invariant, InvariantError, isCodedError, present,
} from './coded-error.js'
export { counter, flag, text } from './fields.js'
export { Reader } from './reader.js'
export { Secret } from './secret.js'
export { decodeSecret, encodeSecret, secretBytes } from './secret-codec.js'
export { MAX_VECTOR_BYTES, vectorPrefix, Writer } from './writer.js'
