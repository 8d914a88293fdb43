/**
 * Values that may be promises: what a platform gives at once is used at once, for a promise costs as much as a small hash.
 * Layer: crypto.
 */
import { invariant } from '@famichat/base'
import type { MaybePromise } from './backend.js'

/** What `next` makes of a value: now if the value is there, else when it is. */
export const whenThere = <T, R>(value: MaybePromise<T>, next: (value: T) => R): MaybePromise<R> =>
  value instanceof Promise ? value.then(next) : next(value)

/** A value of a backend that is known to give its values at once. */
export const atOnce = <T>(value: MaybePromise<T>): T => {
  invariant(!(value instanceof Promise), 'this backend is synchronous')
  return value
}
