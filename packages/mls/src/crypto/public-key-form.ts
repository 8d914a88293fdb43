/**
 * What a public key tells of itself without any private key (RFC 9420 §5.1.1, RFC 9180 §7.1.4): keys nobody can encrypt to
 * are refused when they come into a group, for else one leaf or node could stop every later commit.
 * Layer: crypto. Public values only: no need for constant time.
 */
import { bytesKey, toHex } from '@famichat/base'
import type { CurveName } from './backend.js'

interface Weierstrass {
  readonly p: bigint
  readonly b: bigint
  readonly bytes: number
}

const weierstrass = (p: string, b: string, bytes: number): Weierstrass => ({ p: BigInt(p), b: BigInt(b), bytes })

/** SP 800-186: y² = x³ − 3x + b. */
const NIST: Readonly<Partial<Record<CurveName, Weierstrass>>> = {
  p256: weierstrass(
    '0xffffffff00000001000000000000000000000000ffffffffffffffffffffffff',
    '0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b', 32,
  ),
  p384: weierstrass(
    '0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000ffffffff',
    '0xb3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aef', 48,
  ),
  p521: weierstrass(
    `0x1ff${'ff'.repeat(64)}`,
    '0x51953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109e156193951ec7e937b1652c0bd3bb1bf073573df883d2c34f1ef451fd46b503f00', 66,
  ),
}

const P25519 = (1n << 255n) - 19n
const P448 = (1n << 448n) - (1n << 224n) - 1n

/** u-coordinates as they are sent (RFC 7748 §5): little-endian. */
const coordinates = (values: readonly bigint[], bytes: number): ReadonlySet<string> =>
  new Set(values.map((u) => bytesKey(Uint8Array.from({ length: bytes }, (_, index) => Number(BigInt.asUintN(8, u >> BigInt(8 * index)))))))

/** RFC 7748 §6.1, §6.2: u-coordinates whose shared secret is all zero with every private key, in every form they can take. */
const LOW_ORDER: Readonly<Partial<Record<CurveName, ReadonlySet<string>>>> = {
  x25519: coordinates([
    0n, 1n, P25519 - 1n, P25519, P25519 + 1n,
    325606250916557431795983626356110631294008115727848805560023387167927233504n,
    39382357235489614581723060781553021112529911719440698176882885853963445705823n,
  ], 32),
  x448: coordinates([0n, 1n, P448 - 1n, P448, P448 + 1n], 56),
}

/** True when a key of the right length can be agreed with at all: on the curve, and not of low order. */
export const isAgreeable = (curve: CurveName, publicKey: Uint8Array): boolean => {
  const nist = NIST[curve]
  if (nist !== undefined) return isOnCurve(nist, publicKey)
  const u = publicKey.slice()
  // RFC 7748 §5: the topmost bit of an X25519 coordinate is ignored
  if (curve === 'x25519') u[31] = (u[31] ?? 0) & 0x7f
  return LOW_ORDER[curve]?.has(bytesKey(u)) !== true
}

/** RFC 9420 §5.1.1: the uncompressed form of a point on the curve. */
const isOnCurve = ({ p, b, bytes }: Weierstrass, publicKey: Uint8Array): boolean => {
  if (publicKey[0] !== 4) return false
  const coordinate = (from: number): bigint => BigInt(`0x${toHex(publicKey.subarray(from, from + bytes))}`)
  const [x, y] = [coordinate(1), coordinate(1 + bytes)]
  return x < p && y < p && (y * y - (x * x * x - 3n * x + b)) % p === 0n
}
