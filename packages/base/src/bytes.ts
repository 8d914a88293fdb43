/**
 * Plain byte strings: compare, join, and turn into text and back.
 * Pure; nothing here knows what the bytes mean.
 */
import { BaseError } from './base-error.js'

const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))
const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const textEncoder = new TextEncoder()
const textDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The empty byte string. */
export const EMPTY: Uint8Array = new Uint8Array(0)

/** Compares public bytes; returns at the first difference. For secrets use {@link constantTimeEqual}. */
export const equal = (a: Uint8Array, b: Uint8Array): boolean => {
  if (a === b) return true
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** Compares tags, MACs and tokens in time that depends on the length only. */
export const constantTimeEqual = (a: Uint8Array, b: Uint8Array): boolean => {
  if (a.length !== b.length) return false
  let difference = 0
  for (let i = 0; i < a.length; i++) difference |= (a[i] ?? 0) ^ (b[i] ?? 0)
  return difference === 0
}

/** Joins byte strings into a fresh one. */
export const concat = (...parts: readonly Uint8Array[]): Uint8Array => {
  let length = 0
  for (const part of parts) length += part.length
  const joined = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    joined.set(part, at)
    at += part.length
  }
  return joined
}

/** A string usable as a Map key; equal exactly when the bytes are equal. Not for display. */
export const bytesKey = (bytes: Uint8Array): string => {
  if (bytes.length <= 1024) return String.fromCharCode.apply(null, bytes as unknown as number[])
  let key = ''
  for (const byte of bytes) key += String.fromCharCode(byte)
  return key
}

/** Lower-case hexadecimal. */
export const toHex = (bytes: Uint8Array): string => {
  let hex = ''
  for (const byte of bytes) hex += HEX[byte] ?? ''
  return hex
}

/** Reads hexadecimal of either case. @throws BaseError `base.text.malformed` */
export const fromHex = (hex: string): Uint8Array => {
  if (hex.length % 2 !== 0 || /[^0-9a-fA-F]/.test(hex)) throw new BaseError('base.text.malformed')
  const bytes = new Uint8Array(hex.length / 2)
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16)
  return bytes
}

/** Base64url without padding (RFC 4648 §5). */
export const toBase64url = (bytes: Uint8Array): string => {
  let text = ''
  for (let i = 0; i < bytes.length; i += 3) {
    const group = ((bytes[i] ?? 0) << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0)
    const digits = Math.min(4, bytes.length - i + 1)
    for (let d = 0; d < digits; d++) text += BASE64URL[(group >>> (18 - 6 * d)) & 63] ?? ''
  }
  return text
}

/** Reads canonical unpadded base64url. @throws BaseError `base.text.malformed` */
export const fromBase64url = (text: string): Uint8Array => {
  const bytes = new Uint8Array(Math.floor((text.length * 3) / 4))
  let bits = 0
  let held = 0
  let at = 0
  for (const character of text) {
    const digit = BASE64URL.indexOf(character)
    if (digit < 0) throw new BaseError('base.text.malformed')
    bits = ((bits << 6) | digit) & 0xffff
    held += 6
    if (held >= 8) {
      held -= 8
      bytes[at++] = (bits >>> held) & 0xff
    }
  }
  if (held >= 6 || (bits & ((1 << held) - 1)) !== 0) throw new BaseError('base.text.malformed')
  return bytes
}

/** UTF-8 bytes of a string. */
export const utf8 = (text: string): Uint8Array => textEncoder.encode(text)

/** Reads well-formed UTF-8 only. @throws BaseError `base.text.malformed` */
export const fromUtf8 = (bytes: Uint8Array): string => {
  try {
    return textDecoder.decode(bytes)
  } catch {
    throw new BaseError('base.text.malformed')
  }
}
