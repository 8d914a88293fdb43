/**
 * Private keys of the NIST curves: whole numbers from 1 to below the order of the curve.
 * Layer: crypto.
 */
import { fromHex, Secret, type RandomBytes } from '@famichat/base'
import { check } from '../errors.js'
import { CURVE_BYTES, type NistName } from './algorithm-sizes.js'

const ORDERS: Readonly<Record<NistName, Uint8Array>> = {
  p256: fromHex('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551'),
  p384: fromHex('ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973'),
  p521: fromHex(`01ff${'ff'.repeat(31)}fa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409`),
}

/**
 * The full-length form of a big-endian private key; leading zeros may be missing, as some implementations write it.
 * @returns `raw` itself when it is full length
 * @throws MlsError `mls.crypto.bad_private_key` unless it is a number from 1 to order − 1
 */
export const fullNistScalar = (name: NistName, raw: Uint8Array): Uint8Array => {
  const length = CURVE_BYTES[name]
  let scalar = raw
  if (raw.length < length) {
    scalar = new Uint8Array(length)
    scalar.set(raw, length - raw.length)
  }
  check(isNistScalar(name, scalar), 'mls.crypto.bad_private_key')
  return scalar
}

/** A private key drawn evenly: candidates until one is in range. */
export const drawNistScalar = (name: NistName, random: RandomBytes): Secret => {
  for (;;) {
    const candidate = random(CURVE_BYTES[name])
    // the first byte of a P-521 scalar has one bit
    if (name === 'p521') candidate[0] = (candidate[0] ?? 0) & 1
    if (isNistScalar(name, candidate)) return new Secret(candidate)
    candidate.fill(0)
  }
}

/** The time this takes does not depend on the number. */
const isNistScalar = (name: NistName, scalar: Uint8Array): boolean => {
  const order = ORDERS[name]
  if (scalar.length !== order.length) return false
  let borrow = 0
  let any = 0
  for (let i = order.length - 1; i >= 0; i--) {
    const digit = scalar[i] ?? 0
    any |= digit
    borrow = (digit - (order[i] ?? 0) - borrow) >>> 31
  }
  return borrow === 1 && any !== 0
}
