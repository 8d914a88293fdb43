/**
 * What every backend refuses in EdDSA (RFC 8032 §5.1.7, §5.2.7), so that no signer can make platforms disagree:
 * points in a second encoding or of small order, and a scalar that is not reduced.
 * Layer: crypto. Public values only.
 */
import { toHex } from '@famichat/base'

type EdwardsName = 'ed25519' | 'ed448'

interface Parameters {
  readonly length: number
  readonly prime: bigint
  readonly order: bigint
  /** y of every point whose order divides the cofactor; x does not matter. */
  readonly smallOrder: readonly bigint[]
}

const P25519 = 2n ** 255n - 19n
const P448 = 2n ** 448n - 2n ** 224n - 1n
const ORDER_EIGHT_Y = 0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd83d3d706a17c7n

const PARAMETERS: Readonly<Record<EdwardsName, Parameters>> = {
  ed25519: {
    length: 32,
    prime: P25519,
    order: 2n ** 252n + 27742317777372353535851937790883648493n,
    smallOrder: [0n, 1n, P25519 - 1n, ORDER_EIGHT_Y, P25519 - ORDER_EIGHT_Y],
  },
  ed448: {
    length: 57,
    prime: P448,
    order: 2n ** 446n - 13818066809895115352007386748515426880336692474882178609894547503885n,
    smallOrder: [0n, 1n, P448 - 1n],
  },
}

/** True for the canonical encoding of a y coordinate whose point is not of small order. */
export const isStrictPoint = (name: EdwardsName, point: Uint8Array): boolean => {
  const { length, prime, smallOrder } = PARAMETERS[name]
  if (point.length !== length) return false
  const y = littleEndian(point) & ((1n << BigInt(8 * length - 1)) - 1n)
  return y < prime && !smallOrder.includes(y)
}

/** True when the second half of a signature is a reduced scalar: S and S + L do not both verify. */
export const isReducedScalar = (name: EdwardsName, scalar: Uint8Array): boolean => {
  const { length, order } = PARAMETERS[name]
  return scalar.length === length && littleEndian(scalar) < order
}

/** Copied by `from`: `slice` of a Node Buffer is a view, and reversing that would change the caller's key. */
const littleEndian = (bytes: Uint8Array): bigint => BigInt(`0x${toHex(Uint8Array.from(bytes).reverse())}`)
