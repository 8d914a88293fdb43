/**
 * ECDSA signatures: DER as MLS carries them (RFC 9420 §5.1.2, RFC 3279 §2.2.3), and r || s as WebCrypto and noble do.
 * Layer: crypto. Reading is strict: one encoding per signature.
 */
import { concat } from '@famichat/base'

const SEQUENCE = 0x30
const INTEGER = 0x02

/** r || s, each of half the length, as ECDSA-Sig-Value. */
export const ecdsaToDer = (fixed: Uint8Array): Uint8Array => {
  const half = fixed.length / 2
  return element(SEQUENCE, concat(integer(fixed.subarray(0, half)), integer(fixed.subarray(half))))
}

/** r || s of `size` bytes each; undefined for anything that is not the DER of two integers that fit. */
export const ecdsaFromDer = (der: Uint8Array, size: number): Uint8Array | undefined => {
  const sequence = readElement(der, 0, SEQUENCE)
  if (sequence?.end !== der.length) return undefined
  const r = readElement(der, sequence.start, INTEGER)
  if (r === undefined) return undefined
  const s = readElement(der, r.end, INTEGER)
  if (s?.end !== der.length) return undefined
  const fixed = new Uint8Array(2 * size)
  return place(der.subarray(r.start, r.end), fixed.subarray(0, size)) && place(der.subarray(s.start, s.end), fixed.subarray(size))
    ? fixed
    : undefined
}

const integer = (value: Uint8Array): Uint8Array => {
  let start = 0
  while (start < value.length - 1 && value[start] === 0) start++
  const digits = value.subarray(start)
  // a set first bit would make it negative
  return element(INTEGER, (digits[0] ?? 0) < 0x80 ? digits : concat(Uint8Array.of(0), digits))
}

const element = (tag: number, content: Uint8Array): Uint8Array =>
  concat(content.length < 0x80 ? Uint8Array.of(tag, content.length) : Uint8Array.of(tag, 0x81, content.length), content)

interface Span {
  readonly start: number
  readonly end: number
}

/** The content of the element at `at`; lengths up to 255 in their shortest form, which covers P-521. */
const readElement = (der: Uint8Array, at: number, tag: number): Span | undefined => {
  const first = der[at + 1]
  if (der[at] !== tag || first === undefined) return undefined
  if (first < 0x80) return spanWithin(der, at + 2, first)
  const second = der[at + 2]
  return first === 0x81 && second !== undefined && second >= 0x80 ? spanWithin(der, at + 3, second) : undefined
}

const spanWithin = (der: Uint8Array, start: number, length: number): Span | undefined =>
  start + length <= der.length ? { start, end: start + length } : undefined

/** Writes a non-negative, shortest-form integer right-aligned; false when it is not one or does not fit. */
const place = (digits: Uint8Array, into: Uint8Array): boolean => {
  const [first, second] = digits
  if (first === undefined || first >= 0x80) return false
  if (first === 0 && second !== undefined && second < 0x80) return false
  const value = first === 0 && digits.length > 1 ? digits.subarray(1) : digits
  if (value.length > into.length) return false
  into.set(value, into.length - value.length)
  return true
}
