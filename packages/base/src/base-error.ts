/**
 * Errors of the base package: refusals of the codec kernel, and misuse of a Secret.
 */
import { CodedError, type ErrorDetail } from './coded-error.js'

/** Closed catalogue; `rfc` is the section of RFC 9420 the codec rule comes from. */
export const BASE_ERRORS = {
  'base.codec.truncated': { rfc: '2.1', text: 'input ends before the structure does' },
  'base.codec.trailing_bytes': { rfc: '2.1', text: 'bytes follow the end of the structure' },
  'base.codec.length_not_minimal': { rfc: '2.1.2', text: 'length is not in its shortest form' },
  'base.codec.length_reserved': { rfc: '2.1.2', text: 'length prefix 11 is reserved' },
  'base.codec.bad_presence': { rfc: '2.1.1', text: 'presence octet is neither 0 nor 1' },
  'base.codec.unknown_value': { rfc: '2.1', text: 'value is not in its closed registry' },
  'base.codec.too_many': { rfc: '2.1.2', text: 'vector has more elements than allowed' },
  'base.codec.too_long': { rfc: '2.1.2', text: 'vector has more bytes than allowed' },
  'base.codec.empty': { rfc: '2.1.2', text: 'vector is empty where a value is required' },
  'base.codec.out_of_range': { rfc: '2.1', text: 'number does not fit its field' },
  'base.text.malformed': { rfc: '', text: 'text is not in the expected alphabet or encoding' },
  'base.secret.wiped': { rfc: '', text: 'secret was used after it was wiped' },
} as const

export type BaseErrorCode = keyof typeof BASE_ERRORS

/** The single error class of this package. */
export class BaseError extends CodedError<BaseErrorCode> {
  override readonly name = 'BaseError'
  constructor(code: BaseErrorCode, detail?: ErrorDetail, options?: ErrorOptions) {
    super(code, BASE_ERRORS[code].text, detail, options)
  }
}
