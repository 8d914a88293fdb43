/**
 * Byte strings and their text forms: hexadecimal, canonical base64url, well-formed UTF-8.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  bytesKey, concat, constantTimeEqual, EMPTY, equal, fromBase64url, fromHex, fromUtf8, toBase64url, toHex, utf8,
} from '@famichat/base'

const RUNS = { seed: 4648, numRuns: 300 }
const anyBytes = fc.uint8Array({ maxLength: 100 })
const malformed = { code: 'base.text.malformed' }

test('hexadecimal agrees with Node and comes back', () => {
  fc.assert(fc.property(anyBytes, (bytes) => {
    assert.equal(toHex(bytes), Buffer.from(bytes).toString('hex'))
    assert.deepEqual(fromHex(toHex(bytes)), bytes)
    assert.deepEqual(fromHex(toHex(bytes).toUpperCase()), bytes)
  }), RUNS)
})

for (const text of ['a', 'abc', 'zz', '0x', ' 00', '0\n', 'é0']) {
  test(`refuses ${JSON.stringify(text)} as hexadecimal`, () => {
    assert.throws(() => fromHex(text), malformed)
  })
}

test('base64url agrees with Node and comes back', () => {
  fc.assert(fc.property(anyBytes, (bytes) => {
    assert.equal(toBase64url(bytes), Buffer.from(bytes).toString('base64url'))
    assert.deepEqual(fromBase64url(toBase64url(bytes)), bytes)
  }), RUNS)
})

test('base64url has one text per byte string: what is read writes itself back', () => {
  const digits = fc.string({ unit: fc.constantFrom('A', 'B', 'Q', 'g', 'w', 'z', '0', '9', '-', '_', '+', '/', '='), maxLength: 9 })
  fc.assert(fc.property(digits, (text) => {
    let bytes: Uint8Array
    try {
      bytes = fromBase64url(text)
    } catch {
      return
    }
    assert.equal(toBase64url(bytes), text)
  }), { ...RUNS, numRuns: 2000 })
})

const NOT_BASE64URL: Readonly<Record<string, string>> = {
  'A': 'a single digit', 'AAAAA': 'a single digit left over', 'AB': 'bits after the last byte', 'AAB': 'bits after the second byte',
  'AA==': 'padding', 'A+': 'the other alphabet', 'A/': 'the other alphabet', 'A A': 'a space', 'AA\n': 'a line end', 'AÀ': 'a foreign letter',
}
for (const [text, why] of Object.entries(NOT_BASE64URL)) {
  test(`refuses ${JSON.stringify(text)} as base64url: ${why}`, () => {
    assert.throws(() => fromBase64url(text), malformed)
  })
}

test('well-formed text comes back from UTF-8, a byte order mark included', () => {
  fc.assert(fc.property(fc.string({ unit: 'grapheme' }), (text) => {
    assert.equal(fromUtf8(utf8(text)), text)
  }), RUNS)
  assert.equal(fromUtf8(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61)), '\ufeffa')
})

for (const hex of ['ff', 'c080', 'e282', 'eda080', 'f8808080', 'f4908080']) {
  test(`refuses ${hex} as UTF-8`, () => {
    assert.throws(() => fromUtf8(fromHex(hex)), malformed)
  })
}

test('both comparisons say whether bytes are the same', () => {
  fc.assert(fc.property(anyBytes, anyBytes, (a, b) => {
    const same = Buffer.compare(a, b) === 0
    assert.equal(equal(a, b), same)
    assert.equal(constantTimeEqual(a, b), same)
    assert.equal(equal(a, a.slice()), true)
    assert.equal(constantTimeEqual(a, a.slice()), true)
  }), RUNS)
})

test('a difference in any single bit is seen by both comparisons', () => {
  const original = fromHex('00ff55aa')
  for (let bit = 0; bit < 32; bit++) {
    const changed = original.slice()
    changed[bit >>> 3] = (changed[bit >>> 3] ?? 0) ^ (1 << (bit & 7))
    assert.equal(equal(original, changed), false)
    assert.equal(constantTimeEqual(original, changed), false)
  }
})

test('joined bytes are fresh and in order', () => {
  const first = Uint8Array.of(1, 2)
  const joined = concat(first, EMPTY, Uint8Array.of(3))
  first.fill(0)
  assert.deepEqual(joined, Uint8Array.of(1, 2, 3))
  assert.deepEqual(concat(), EMPTY)
})

test('map keys are equal exactly when the bytes are, also for long ones', () => {
  fc.assert(fc.property(anyBytes, anyBytes, (a, b) => {
    assert.equal(bytesKey(a) === bytesKey(b), equal(a, b))
  }), RUNS)
  const long = new Uint8Array(200_000).fill(0xff)
  assert.equal(bytesKey(long), bytesKey(long.slice()))
  assert.notEqual(bytesKey(long), bytesKey(long.subarray(1)))
})
