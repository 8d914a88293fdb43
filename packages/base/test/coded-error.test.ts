/**
 * Coded errors and the helpers that report our own bugs.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  assertNever, BASE_ERRORS, BaseError, CodedError, invariant, InvariantError, isCodedError, present,
} from '@famichat/base'

test('an error says its text and its code, and keeps its detail and cause', () => {
  const cause = new Error('inner')
  const error = new BaseError('base.codec.too_long', { length: 5, max: 4 }, { cause })
  assert.equal(error.message, 'vector has more bytes than allowed (base.codec.too_long)')
  assert.equal(error.name, 'BaseError')
  assert.equal(error.code, 'base.codec.too_long')
  assert.deepEqual(error.detail, { length: 5, max: 4 })
  assert.equal(error.cause, cause)
  assert.ok(error instanceof CodedError && error instanceof Error)
})

test('its loggable form is code and detail, big integers as digits, and never the message, stack or cause', () => {
  const error = new BaseError('base.codec.out_of_range', { epoch: 1n << 63n, at: 2, what: 'epoch', late: true }, { cause: new Error('inner') })
  assert.deepEqual(JSON.parse(JSON.stringify(error)), {
    code: 'base.codec.out_of_range', detail: { epoch: '9223372036854775808', at: 2, what: 'epoch', late: true },
  })
})

test('an error without detail has an empty one', () => {
  assert.deepEqual(new BaseError('base.secret.wiped').toJSON(), { code: 'base.secret.wiped', detail: {} })
})

test('codes are told apart by name', () => {
  const error: unknown = new BaseError('base.secret.wiped')
  assert.equal(isCodedError(error), true)
  assert.equal(isCodedError(error, 'base.secret.wiped'), true)
  assert.equal(isCodedError(error, 'base.codec.empty'), false)
  assert.equal(isCodedError(new Error('base.secret.wiped'), 'base.secret.wiped'), false)
  assert.equal(isCodedError(undefined), false)
})

test('catalogue texts are lower case, without a full stop, and codes carry the package name', () => {
  for (const [code, { text }] of Object.entries(BASE_ERRORS)) {
    assert.match(code, /^base(\.[a-z0-9_]+){2}$/)
    assert.match(text, /^[a-z].*[^.]$/)
  }
})

test('a broken invariant names what was expected, and is not a coded refusal', () => {
  assert.throws(() => { invariant(false, 'the root exists') }, (error) =>
    error instanceof InvariantError && !isCodedError(error) && error.message === 'bug in famichat: expected that the root exists')
  invariant(true, 'nothing happens')
})

test('a value that must be there is handed through, zero and empty text included', () => {
  assert.equal(present(0, 'zero counts'), 0)
  assert.equal(present('', 'empty text counts'), '')
  assert.throws(() => present<number>(undefined, 'it is there'), InvariantError)
  assert.throws(() => present<number>(null, 'it is there'), InvariantError)
})

test('a switch that meets an unknown case says which', () => {
  assert.throws(() => { assertNever('x' as never, 'content type') }, /unhandled content type: x/)
})
