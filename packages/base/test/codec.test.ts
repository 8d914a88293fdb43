/**
 * The codec kernel as a whole: what it writes it reads back, and it reads nothing else.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  BaseError, branded, type Branded, closed, decode, deferred, encode, equal, fixed, type Infer, isCodedError, opaque,
  optional, remembered, struct, toHex, uint16, uint32, uint64, uint8, variant, vector, type Codec,
} from '@famichat/base'
import { samples } from './schemas.js'

const RUNS = { seed: 9420, numRuns: 400 }

test('any value of any schema comes back from its own bytes', () => {
  fc.assert(fc.property(samples, ({ codec, value }) => {
    assert.deepEqual(decode(codec, encode(codec, value)), value)
  }), RUNS)
})

test('an encoding cut short at any byte is refused as truncated', () => {
  fc.assert(fc.property(samples, ({ codec, value }) => {
    const whole = encode(codec, value)
    for (let length = 0; length < whole.length; length++) {
      assert.throws(() => decode(codec, whole.subarray(0, length)), { code: 'base.codec.truncated' })
    }
  }), { ...RUNS, numRuns: 150 })
})

test('an encoding followed by one more byte is refused', () => {
  fc.assert(fc.property(samples, fc.nat(0xff), ({ codec, value }, extra) => {
    assert.throws(() => decode(codec, Uint8Array.of(...encode(codec, value), extra)), { code: 'base.codec.trailing_bytes' })
  }), RUNS)
})

test('changed bytes are refused with a code or mean exactly what they say: no value has two encodings', () => {
  fc.assert(fc.property(samples, fc.nat(), fc.integer({ min: 1, max: 0xff }), ({ codec, value }, position, flip) => {
    const bytes = encode(codec, value)
    if (bytes.length === 0) return
    const at = position % bytes.length
    bytes[at] = (bytes[at] ?? 0) ^ flip
    let decoded: unknown
    try {
      decoded = decode(codec, bytes)
    } catch (error) {
      assert.ok(error instanceof BaseError && error.code.startsWith('base.codec.'))
      return
    }
    assert.ok(equal(encode(codec, decoded), bytes))
  }), { ...RUNS, numRuns: 2000 })
})

test('random bytes never make the decoder fail in another way than a coded refusal', () => {
  fc.assert(fc.property(samples, fc.uint8Array({ maxLength: 64 }), ({ codec }, bytes) => {
    try {
      decode(codec, bytes)
    } catch (error) {
      assert.ok(isCodedError(error))
    }
  }), { ...RUNS, numRuns: 1000 })
})

test('numbers are big-endian and fields stand in the order they are named', () => {
  const codec = struct({ a: uint8, b: uint16, c: uint32, d: uint64 })
  assert.equal(toHex(encode(codec, { a: 1, b: 0x0203, c: 0x04050607, d: 0x08090a0b0c0d0e0fn })), '0102030405060708090a0b0c0d0e0f')
})

test('the greatest number of each width round-trips', () => {
  const codec = struct({ a: uint8, b: uint16, c: uint32, d: uint64 })
  const value = { a: 0xff, b: 0xffff, c: 0xffffffff, d: 0xffffffffffffffffn }
  assert.equal(toHex(encode(codec, value)), 'ff'.repeat(15))
  assert.deepEqual(decode(codec, encode(codec, value)), value)
})

test('an optional value is a presence octet and then the value (§2.1.1)', () => {
  assert.equal(toHex(encode(optional(uint16), 5)), '010005')
  assert.equal(toHex(encode(optional(uint16), undefined)), '00')
})

test('a variant writes its tag and the fields of that case only', () => {
  const Kind = { text: 1, count: 2 } as const
  const codec = variant('kind', uint8, { [Kind.text]: { body: opaque() }, [Kind.count]: { count: uint16 } })
  const value: Infer<typeof codec> = { kind: Kind.count, count: 300 }
  assert.equal(toHex(encode(codec, value)), '02012c')
  assert.deepEqual(decode(codec, Uint8Array.of(1, 1, 9)), { kind: 1, body: Uint8Array.of(9) })
})

test('a variant refuses to write a case it does not have', () => {
  const codec: Codec<{ readonly kind: number }> = variant('kind', uint8, { 1: {} })
  assert.throws(() => encode(codec, { kind: 2 }), { code: 'base.codec.unknown_value', detail: { what: 'kind', value: 2 } })
})

test('a closed registry reads the values it lists', () => {
  const Suit = { hearts: 1, spades: 4 } as const
  assert.equal(decode(closed(uint8, Suit, 'suit'), Uint8Array.of(4)), Suit.spades)
  assert.equal(toHex(encode(closed(uint8, Suit, 'suit'), Suit.hearts)), '01')
})

test('a branded codec has the bytes of the codec it brands', () => {
  type Seconds = Branded<number, 'Seconds'>
  const seconds = branded<Seconds, number>(uint16)
  const value: Seconds = decode(seconds, Uint8Array.of(0, 60))
  assert.equal(toHex(encode(seconds, value)), '003c')
})

test('a deferred codec lets a structure contain itself', () => {
  interface Node {
    readonly value: number
    readonly children: readonly Node[]
  }
  const node: Codec<Node> = struct({ value: uint8, children: vector(deferred(() => node)) })
  const tree: Node = { value: 1, children: [{ value: 2, children: [] }, { value: 3, children: [{ value: 4, children: [] }] }] }
  assert.deepEqual(decode(node, encode(node, tree)), tree)
})

test('decoded bytes are views of the input, encoded bytes are fresh', () => {
  const input = Uint8Array.of(2, 7, 8)
  assert.equal(decode(opaque(), input).buffer, input.buffer)
  const value = Uint8Array.of(7, 8)
  const encoded = encode(fixed(2), value)
  value.fill(0)
  assert.deepEqual(encoded, Uint8Array.of(7, 8))
})

test('a failed encoding leaves nothing behind for the next one', () => {
  assert.throws(() => encode(struct({ a: opaque(), b: uint8 }), { a: Uint8Array.of(1, 2, 3), b: 999 }))
  assert.deepEqual(encode(uint8, 5), Uint8Array.of(5))
})

test('a codec may encode another value while it is encoding', () => {
  const hashed: Codec<number> = {
    encodeInto: (writer, value) => { writer.vector(encode(uint32, value)) },
    decodeFrom: (reader) => decode(uint32, reader.vector(4)),
  }
  const codec = struct({ before: uint8, inner: hashed, after: uint8 })
  assert.equal(toHex(encode(codec, { before: 1, inner: 2, after: 3 })), '01040000000203')
  assert.deepEqual(decode(codec, encode(codec, { before: 1, inner: 2, after: 3 })), { before: 1, inner: 2, after: 3 })
})

test('bounds are inclusive', () => {
  assert.equal(decode(opaque({ min: 2, max: 2 }), Uint8Array.of(2, 0, 0)).length, 2)
  assert.equal(decode(vector(uint8, { min: 2, max: 2 }), Uint8Array.of(2, 0, 0)).length, 2)
})

test('a remembered structure is written from the bytes it was read from; a changed copy of it is encoded anew', () => {
  fc.assert(fc.property(samples, ({ codec, value }) => {
    const kept = remembered(struct({ inner: codec, mark: uint8 }))
    const bytes = encode(struct({ inner: codec, mark: uint8 }), { inner: value, mark: 1 })
    const decoded = decode(kept, bytes)
    assert.deepEqual(encode(kept, decoded), bytes)
    assert.equal(encode(kept, { ...decoded, mark: 2 }).at(-1), 2)
    const nested = struct({ before: uint16, kept, after: uint8 })
    const again = encode(nested, { before: 7, kept: decoded, after: 9 })
    assert.deepEqual(encode(nested, decode(nested, again)), again)
  }), RUNS)
})
