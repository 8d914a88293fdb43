/**
 * Variable-size vector lengths (RFC 9420 §2.1.2) where the prefix changes size, and Reader and Writer by themselves.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decode, encode, MAX_VECTOR_BYTES, nested, opaque, Reader, struct, toHex, uint8, vector, Writer } from '@famichat/base'
import { insecureSeededRandom } from '@famichat/base/testing'

const PREFIXES: readonly (readonly [length: number, prefix: string])[] = [
  [0, '00'], [1, '01'], [63, '3f'], [64, '4040'], [65, '4041'], [16383, '7fff'], [16384, '80004000'], [16385, '80004001'], [70000, '80011170'],
]

for (const [length, prefix] of PREFIXES) {
  test(`bytes of length ${length} stand behind ${prefix}`, () => {
    const value = insecureSeededRandom(length)(length)
    const encoded = encode(opaque(), value)
    assert.equal(toHex(encoded.subarray(0, prefix.length / 2)), prefix)
    assert.deepEqual(decode(opaque(), encoded), value)
  })

  test(`a vector closed at ${length} bytes moves its content behind ${prefix}`, () => {
    const value = insecureSeededRandom(length)(length)
    const codec = struct({ before: uint8, values: vector(uint8), after: uint8 })
    const encoded = encode(codec, { before: 0xbe, values: [...value], after: 0xaf })
    assert.equal(toHex(encoded.subarray(0, 1 + prefix.length / 2)), `be${prefix}`)
    assert.deepEqual(decode(codec, encoded), { before: 0xbe, values: [...value], after: 0xaf })
  })

  test(`a nested value of ${length} bytes of content grows the buffer around it without harm`, () => {
    const value = insecureSeededRandom(length)(length)
    const codec = nested(nested(opaque()))
    assert.deepEqual(decode(codec, encode(codec, value)), value)
  })
}

const NOT_MINIMAL = ['4000', '403f', '80000000', '8000003f', '80000040', '80003fff']
for (const prefix of NOT_MINIMAL) {
  test(`refuses the length ${prefix}, which has a shorter form (§2.1.2)`, () => {
    const bytes = new Uint8Array(prefix.length / 2 + 16384)
    bytes.set(Buffer.from(prefix, 'hex'))
    assert.throws(() => decode(opaque(), bytes), { code: 'base.codec.length_not_minimal' })
    assert.throws(() => decode(vector(uint8), bytes), { code: 'base.codec.length_not_minimal' })
  })
}

test('a length of 2^30 - 1 with nothing behind it is refused without allocating', () => {
  assert.throws(() => decode(opaque(), Uint8Array.of(0xbf, 0xff, 0xff, 0xff)), { code: 'base.codec.truncated' })
  assert.equal(MAX_VECTOR_BYTES, 2 ** 30 - 1)
})

test('reads inside a vector cannot cross its end', () => {
  const reader = new Reader(Uint8Array.of(1, 7, 8))
  reader.enterVector()
  assert.equal(reader.remaining, 1)
  assert.throws(() => reader.uint16(), { code: 'base.codec.truncated' })
})

test('a reader says where it is and hands out what it read', () => {
  const reader = new Reader(Uint8Array.of(9, 1, 2, 3).subarray(1))
  const from = reader.position
  assert.equal(reader.uint16(), 0x0102)
  assert.deepEqual(reader.since(from), Uint8Array.of(1, 2))
  assert.equal(reader.position, 2)
  assert.equal(reader.remaining, 1)
  assert.throws(() => { reader.finish() }, { code: 'base.codec.trailing_bytes', detail: { at: 2, left: 1 } })
})

test('a writer is empty and usable again after finish', () => {
  const writer = new Writer()
  writer.vector(new Uint8Array(3000).fill(1))
  assert.equal(writer.finish().length, 3002)
  writer.uint8(5)
  assert.deepEqual(writer.finish(), Uint8Array.of(5))
})
