/**
 * One hostile input per error code of the package; the table's type makes a code without a case a build error.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  BASE_ERRORS, BaseError, type BaseErrorCode, closed, decode, encode, fixed, fromHex, opaque, optional, Secret, uint16,
  uint32, uint64, uint8, variant, vector, Writer,
} from '@famichat/base'

type Cases = Readonly<Record<string, () => unknown>>

const REFUSALS: Readonly<Record<BaseErrorCode, Cases>> = {
  'base.codec.truncated': {
    'a number that is cut': () => decode(uint32, Uint8Array.of(1, 2, 3)),
    'fixed bytes that are cut': () => decode(fixed(4), Uint8Array.of(1, 2, 3)),
    'a vector longer than the input': () => decode(opaque(), Uint8Array.of(5, 1)),
    'a vector of elements longer than the input': () => decode(vector(uint8), Uint8Array.of(5, 1)),
    'an element cut by the end of its vector': () => decode(vector(uint16), Uint8Array.of(3, 0, 1, 0)),
    'no input at all': () => decode(uint8, new Uint8Array(0)),
  },
  'base.codec.trailing_bytes': { 'a byte after the value': () => decode(uint8, Uint8Array.of(1, 2)) },
  'base.codec.length_not_minimal': { 'five in two bytes': () => decode(opaque(), Uint8Array.of(0x40, 5, 1, 2, 3, 4, 5)) },
  'base.codec.length_reserved': { 'a length that starts with 11': () => decode(opaque(), Uint8Array.of(0xc0, 0, 0, 0)) },
  'base.codec.bad_presence': { 'a presence octet of 2': () => decode(optional(uint8), Uint8Array.of(2, 0)) },
  'base.codec.unknown_value': {
    'a number outside a closed registry': () => decode(closed(uint8, { one: 1 }, 'thing'), Uint8Array.of(2)),
    'a number outside a closed registry, when encoded': () => encode(closed(uint8, { one: 1 }, 'thing'), 2),
    'a tag no case has': () => decode(variant('kind', uint8, { 1: {} }), Uint8Array.of(2)),
  },
  'base.codec.too_many': {
    'one element above the bound': () => decode(vector(uint8, { max: 2 }), Uint8Array.of(3, 0, 0, 0)),
    'one element above the bound, when encoded': () => encode(vector(uint8, { max: 2 }), [0, 0, 0]),
  },
  'base.codec.too_long': {
    'one byte above the bound': () => decode(opaque({ max: 2 }), Uint8Array.of(3, 0, 0, 0)),
    'one byte above the bound, when encoded': () => encode(opaque({ max: 2 }), new Uint8Array(3)),
    'bytes that no length prefix can count': () => { new Writer().vector(unwritable()) },
  },
  'base.codec.empty': {
    'too few bytes, when encoded': () => encode(opaque({ min: 1 }), new Uint8Array(0)),
    'too few elements, when encoded': () => encode(vector(uint8, { min: 1 }), []),
    'too few bytes': () => decode(opaque({ min: 1 }), Uint8Array.of(0)),
    'too few elements': () => decode(vector(uint8, { min: 1 }), Uint8Array.of(0)),
  },
  'base.codec.out_of_range': {
    'a number above its width': () => encode(uint8, 256),
    'a negative number': () => encode(uint16, -1),
    'a fraction': () => encode(uint32, 1.5),
    'not a number': () => encode(uint32, Number.NaN),
    'a 65-bit integer': () => encode(uint64, 1n << 64n),
    'a negative 64-bit integer': () => encode(uint64, -1n),
    'fixed bytes of another length': () => encode(fixed(4), new Uint8Array(5)),
  },
  'base.text.malformed': { 'an odd number of hexadecimal digits': () => fromHex('abc') },
  'base.secret.wiped': { 'a secret after its end': () => { const secret = new Secret(Uint8Array.of(1)); secret.wipe(); return secret.expose() } },
}

/** Claims a length of 2^30 bytes without holding them. */
const unwritable = (): Uint8Array => Object.defineProperty(new Uint8Array(0), 'length', { value: 2 ** 30 })

for (const [code, cases] of Object.entries(REFUSALS)) {
  for (const [what, provoke] of Object.entries(cases)) {
    test(`refuses ${what} with ${code}`, () => {
      assert.throws(provoke, (error) => error instanceof BaseError && error.code === code)
    })
  }
}

test('every code of the catalogue has a hostile case', () => {
  assert.deepEqual(Object.keys(REFUSALS).sort(), Object.keys(BASE_ERRORS).sort())
  for (const cases of Object.values(REFUSALS)) assert.notEqual(Object.keys(cases).length, 0)
})
