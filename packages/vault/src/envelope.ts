/**
 * The stored form of a value: version (1 byte) | key id (2) | nonce (12) | ciphertext | tag (16), as base64url. The first
 * three bytes are exactly the first four characters, so SQL can count values by key without opening them.
 */
import { Buffer } from 'node:buffer'
import { concat } from '@famichat/base'
import { VaultError } from './vault-error.js'

const VERSION = 1
const HEADER_BYTES = 3
/** AES-GCM's. */
export const NONCE_BYTES = 12
/** AES-GCM's full tag. */
const TAG_BYTES = 16
/** Characters that say version and key. */
export const PREFIX_CHARACTERS = 4

/** The parts of a stored value. */
export interface Envelope {
  readonly keyId: number
  readonly nonce: Uint8Array
  readonly ciphertext: Uint8Array
  readonly tag: Uint8Array
}

/** Version and key id as bytes; authenticated with the value. */
export const envelopeHeader = (keyId: number): Uint8Array => Uint8Array.of(VERSION, keyId >>> 8, keyId & 0xff)

/** What all values under a key begin with. */
export const envelopePrefix = (keyId: number): string => encodeText(envelopeHeader(keyId))

/** The key id of a prefix that SQL cut off; nothing if no value begins so. */
export const prefixKeyId = (prefix: string): number | undefined => {
  const [version, high, low] = decodeText(prefix) ?? []
  return version === VERSION && high !== undefined && low !== undefined ? (high << 8) | low : undefined
}

/** The text to store. */
export const encodeEnvelope = ({ keyId, nonce, ciphertext, tag }: Envelope): string =>
  encodeText(concat(envelopeHeader(keyId), nonce, ciphertext, tag))

/** Reads a stored text. @throws VaultError `vault.value.malformed` */
export const decodeEnvelope = (stored: string): Envelope => {
  const bytes = decodeText(stored)
  const [version, high, low] = bytes ?? []
  if (bytes === undefined || version !== VERSION || high === undefined || low === undefined || bytes.length < HEADER_BYTES + NONCE_BYTES + TAG_BYTES) {
    throw new VaultError('vault.value.malformed')
  }
  const tagAt = bytes.length - TAG_BYTES
  return {
    keyId: (high << 8) | low,
    nonce: bytes.subarray(HEADER_BYTES, HEADER_BYTES + NONCE_BYTES),
    ciphertext: bytes.subarray(HEADER_BYTES + NONCE_BYTES, tagAt),
    tag: bytes.subarray(tagAt),
  }
}

const encodeText = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64url')

/** Canonical texts only: Node reads others too, and writes this one. */
const decodeText = (text: string): Uint8Array | undefined => {
  const bytes = Buffer.from(text, 'base64url')
  return bytes.toString('base64url') === text ? bytes : undefined
}
