/**
 * Secret: the only way key material travels between functions (style §7).
 * Wiping in JavaScript is best effort: the collector may have copied the bytes before.
 */
import { BaseError } from './base-error.js'

const REDACTED = '[Secret]'

/** Owns bytes that must not be printed, kept longer than needed, or used after `wipe()`. */
export class Secret {
  #bytes: Uint8Array | undefined

  /** Takes ownership of `bytes`: the caller must not keep or change them. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  /** Length in bytes. @throws BaseError `base.secret.wiped` */
  get length(): number {
    return this.expose().length
  }

  /** True once `wipe()` was called. */
  get isWiped(): boolean {
    return this.#bytes === undefined
  }

  /** The bytes themselves, still owned by this object. @throws BaseError `base.secret.wiped` */
  expose(): Uint8Array {
    if (this.#bytes === undefined) throw new BaseError('base.secret.wiped')
    return this.#bytes
  }

  /** A second, independently owned secret with the same bytes. @throws BaseError `base.secret.wiped` */
  clone(): Secret {
    // a Buffer's slice would be a view of the same bytes
    return new Secret(new Uint8Array(this.expose()))
  }

  /** Overwrites the bytes with zeros; any later use throws. Calling it twice is harmless. */
  wipe(): void {
    this.#bytes?.fill(0)
    this.#bytes = undefined
  }

  toString(): string {
    return REDACTED
  }

  toJSON(): string {
    return REDACTED
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return REDACTED
  }
}
