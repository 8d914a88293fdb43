/**
 * Byte strings that are not a signature, made from one that is.
 */
import { concat, EMPTY } from '@famichat/base'
import type { SignatureName } from '../../dist/crypto/backend.js'

/** Bytes and what is wrong with them. */
export interface BrokenSignature {
  readonly what: string
  readonly bytes: Uint8Array
}

/** Variants of `signature` that must not verify. */
export const brokenSignatures = (name: SignatureName, signature: Uint8Array): readonly BrokenSignature[] => [
  { what: 'nothing', bytes: EMPTY },
  { what: 'zeros', bytes: new Uint8Array(signature.length) },
  { what: 'ones', bytes: new Uint8Array(signature.length).fill(255) },
  { what: 'first byte cut', bytes: signature.subarray(1) },
  { what: 'last byte cut', bytes: signature.subarray(0, -1) },
  { what: 'a byte more', bytes: concat(signature, Uint8Array.of(0)) },
  { what: 'twice', bytes: concat(signature, signature) },
  { what: 'first half', bytes: signature.subarray(0, signature.length / 2) },
  ...flips(signature),
  ...(name.startsWith('p') ? derVariants(signature) : []),
]

const flips = (signature: Uint8Array): readonly BrokenSignature[] =>
  [0, 1, 2, 3, 4, Math.floor(signature.length / 2), signature.length - 1].map((at) => {
    const bytes = signature.slice()
    bytes[at] = (bytes[at] ?? 0) ^ 1
    return { what: `byte ${at.toString()} changed`, bytes }
  })

/** Other encodings of the same two numbers, and of numbers out of range: BER is not DER. */
const derVariants = (signature: Uint8Array): readonly BrokenSignature[] => {
  const { r, s } = integersOf(signature)
  const sequence = (...content: readonly Uint8Array[]): Uint8Array => tagged(0x30, concat(...content))
  const integer = (digits: Uint8Array): Uint8Array => tagged(0x02, digits)
  const zero = Uint8Array.of(0)
  const body = concat(integer(r), integer(s))
  return [
    { what: 'r with a superfluous zero', bytes: sequence(integer(concat(zero, r)), integer(s)) },
    { what: 's with a superfluous zero', bytes: sequence(integer(r), integer(concat(zero, s))) },
    { what: 'a long-form length', bytes: concat(Uint8Array.of(0x30, 0x82, 0, body.length), body) },
    { what: 'an indefinite length', bytes: concat(Uint8Array.of(0x30, 0x80), body, Uint8Array.of(0, 0)) },
    { what: 'a third integer', bytes: sequence(integer(r), integer(s), integer(zero)) },
    { what: 'only r', bytes: sequence(integer(r)) },
    { what: 'an empty sequence', bytes: sequence() },
    { what: 'an empty r', bytes: sequence(integer(EMPTY), integer(s)) },
    { what: 'r = 0', bytes: sequence(integer(zero), integer(s)) },
    { what: 's = 0', bytes: sequence(integer(r), integer(zero)) },
    { what: 'both 1', bytes: sequence(integer(Uint8Array.of(1)), integer(Uint8Array.of(1))) },
    { what: 'r negative', bytes: sequence(integer(Uint8Array.of(0xff, ...r.subarray(1))), integer(s)) },
    { what: 'r longer than the order', bytes: sequence(integer(concat(Uint8Array.of(1), r, zero, zero)), integer(s)) },
    { what: 'a set instead of a sequence', bytes: tagged(0x31, body) },
    { what: 'octet strings instead of integers', bytes: sequence(tagged(0x04, r), tagged(0x04, s)) },
    { what: 'r || s without DER', bytes: concat(r, s) },
    { what: 'a length beyond the end', bytes: concat(Uint8Array.of(0x30, body.length + 1), body) },
  ]
}

const tagged = (tag: number, content: Uint8Array): Uint8Array =>
  concat(content.length < 0x80 ? Uint8Array.of(tag, content.length) : Uint8Array.of(tag, 0x81, content.length), content)

const integersOf = (signature: Uint8Array): { r: Uint8Array; s: Uint8Array } => {
  const start = signature[1] === 0x81 ? 3 : 2
  const rEnd = start + 2 + (signature[start + 1] ?? 0)
  return { r: signature.subarray(start + 2, rEnd), s: signature.subarray(rEnd + 2) }
}
