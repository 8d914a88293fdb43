/**
 * The field codecs that messages and records share.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { counter, decode, encode, encodeWith, flag, text } from '@famichat/base'

const refusedWith = (code: string, run: () => unknown): void => {
  assert.throws(run, (error: unknown) => error instanceof Error && 'code' in error && error.code === code)
}

void test('a counter holds every exact number and refuses what is not one', () => {
  for (const value of [0, 1, 2 ** 32, Number.MAX_SAFE_INTEGER]) assert.equal(decode(counter, encode(counter, value)), value)
  for (const value of [-1, 0.5, 2 ** 53, NaN]) refusedWith('base.codec.out_of_range', () => encode(counter, value))
  refusedWith('base.codec.out_of_range', () => decode(counter, new Uint8Array(8).fill(0xff)))
})

void test('text is bounded in bytes both ways and must be well-formed', () => {
  const five = text(5)
  assert.equal(decode(five, encode(five, '日a')), '日a')
  refusedWith('base.codec.too_long', () => encode(five, '日本'))
  refusedWith('base.codec.too_long', () => decode(five, encode(text(6), '日本')))
  refusedWith('base.text.malformed', () => decode(five, encodeWith((writer) => { writer.vector(Uint8Array.of(0xc3, 0x28)) })))
})

void test('a flag is one octet, 0 or 1', () => {
  for (const value of [false, true]) assert.equal(decode(flag, encode(flag, value)), value)
  refusedWith('base.codec.unknown_value', () => decode(flag, Uint8Array.of(2)))
})
