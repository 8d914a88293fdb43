/**
 * Public keys no backend may compute with.
 */
import { concat, EMPTY, fromHex } from '@famichat/base'
import type { CurveName } from '../../dist/crypto/backend.js'

/** A public key and what is wrong with it. */
export interface WrongPublicKey {
  readonly what: string
  readonly publicKey: Uint8Array
}

/** u of every point of small order on Curve25519 and its twist, and the second encodings of 0 and 1. */
const LOW_ORDER_25519: readonly string[] = [
  '00'.repeat(32),
  `01${'00'.repeat(31)}`,
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  `ec${'ff'.repeat(30)}7f`,
  `ed${'ff'.repeat(30)}7f`,
  `ee${'ff'.repeat(30)}7f`,
]
/** The same for Curve448: 0, 1, p − 1, p, p + 1. */
const LOW_ORDER_448: readonly string[] = [
  '00'.repeat(56),
  `01${'00'.repeat(55)}`,
  `fe${'ff'.repeat(27)}fe${'ff'.repeat(27)}`,
  `${'ff'.repeat(28)}fe${'ff'.repeat(27)}`,
  `${'00'.repeat(28)}${'ff'.repeat(28)}`,
]

/** Keys to refuse; `good` is one to accept. */
export const wrongPublicKeys = (name: CurveName, good: Uint8Array): readonly WrongPublicKey[] => {
  const lengths = [EMPTY, good.subarray(1), good.subarray(0, -1), concat(good, Uint8Array.of(0))]
    .map((publicKey) => ({ what: `${publicKey.length.toString()} bytes`, publicKey }))
  switch (name) {
    case 'x25519':
      return [...lengths, ...LOW_ORDER_25519.flatMap((hex) => [lowOrder(hex), withHighBit(hex)])]
    case 'x448':
      return [...lengths, ...LOW_ORDER_448.map(lowOrder)]
    default:
      return [...lengths, ...wrongPoints(good)]
  }
}

const lowOrder = (hex: string): WrongPublicKey => ({ what: `small order: ${hex}`, publicKey: fromHex(hex) })

/** RFC 7748 §5: the highest bit of an X25519 key is ignored, so it must not hide a point of small order. */
const withHighBit = (hex: string): WrongPublicKey => {
  const publicKey = fromHex(hex)
  publicKey[31] = (publicKey[31] ?? 0) | 0x80
  return { what: `small order behind the ignored bit: ${hex}`, publicKey }
}

const wrongPoints = (good: Uint8Array): readonly WrongPublicKey[] => {
  const size = (good.length - 1) / 2
  const parity = (good[good.length - 1] ?? 0) & 1
  const x = good.subarray(1, 1 + size)
  const offCurve = good.slice()
  offCurve[good.length - 1] = (offCurve[good.length - 1] ?? 0) ^ 1
  return [
    { what: 'off the curve', publicKey: offCurve },
    { what: 'zero coordinates', publicKey: concat(Uint8Array.of(4), new Uint8Array(2 * size)) },
    { what: 'coordinates beyond the field', publicKey: concat(Uint8Array.of(4), new Uint8Array(2 * size).fill(255)) },
    { what: 'the point at infinity', publicKey: Uint8Array.of(0) },
    { what: 'the point at infinity, padded', publicKey: new Uint8Array(good.length) },
    { what: 'compressed', publicKey: concat(Uint8Array.of(2 + parity), x) },
    { what: 'compressed, padded', publicKey: concat(Uint8Array.of(2 + parity), x, new Uint8Array(size)) },
    { what: 'hybrid', publicKey: concat(Uint8Array.of(6 + parity), good.subarray(1)) },
  ]
}
