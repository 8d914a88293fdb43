/**
 * EdDSA signatures that only the holder of a private key can make, and only to make verifiers disagree:
 * second encodings, points of small order, commitments and keys with a part of small order.
 */
import { ed25519 } from '@noble/curves/ed25519.js'
import { ed448 } from '@noble/curves/ed448.js'
import { bytesToNumberLE, numberToBytesLE } from '@noble/curves/utils.js'
import { sha512 } from '@noble/hashes/sha2.js'
import { shake256 } from '@noble/hashes/sha3.js'
import { concat, utf8 } from '@famichat/base'

/** A signature and what it claims to sign. */
export interface Forgery {
  readonly what: string
  readonly publicKey: Uint8Array
  readonly message: Uint8Array
  readonly signature: Uint8Array
}

const MESSAGE = utf8('a message')
const NONCE = 0x1234567890abcdefn

const CURVES = {
  ed25519: { curve: ed25519, length: 32, prime: 2n ** 255n - 19n, challenge: (input: Uint8Array) => sha512(input) },
  ed448: {
    curve: ed448, length: 57, prime: 2n ** 448n - 2n ** 224n - 1n,
    challenge: (input: Uint8Array) => shake256(concat(utf8('SigEd448'), Uint8Array.of(0, 0), input), { dkLen: 114 }),
  },
} as const

type EdwardsName = keyof typeof CURVES
type Point = InstanceType<typeof ed25519.Point>

interface Keys {
  readonly scalar: bigint
  readonly point: Point
}

const keysOf = (name: EdwardsName): Keys => {
  const { curve, length } = CURVES[name]
  const { scalar, point } = curve.utils.getExtendedPublicKey(new Uint8Array(length).fill(7))
  return { scalar, point }
}

const known = new Map<EdwardsName, readonly Point[]>()

/** Points whose order divides the cofactor, the neutral element left out. */
const smallOrderPoints = (name: EdwardsName): readonly Point[] => {
  const points = known.get(name) ?? findSmallOrderPoints(name)
  known.set(name, points)
  return points
}

const findSmallOrderPoints = (name: EdwardsName): readonly Point[] => {
  const { curve, length } = CURVES[name]
  const { Point } = curve
  const wanted = name === 'ed25519' ? 7 : 3
  const found = new Map<string, Point>()
  // any point times the prime order lies in the small subgroup
  for (let seed = 2n; found.size < wanted; seed++) {
    let point: Point
    try {
      point = Point.fromBytes(numberToBytesLE(seed, length))
    } catch {
      continue
    }
    // one short of the order, then once more: multiply takes scalars below the order
    const small = point.multiplyUnsafe(Point.Fn.ORDER - 1n).add(point)
    if (!small.is0()) found.set(small.toHex(), small)
  }
  return [...found.values()]
}

/** Signs as RFC 8032 does, but with whatever encodings of R and A are given. */
const signWith = (name: EdwardsName, nonce: bigint, scalar: bigint, commitment: Uint8Array, publicKey: Uint8Array): Uint8Array => {
  const { curve, length, challenge } = CURVES[name]
  const { Fn } = curve.Point
  const k = Fn.create(bytesToNumberLE(challenge(concat(commitment, publicKey, MESSAGE))))
  return concat(commitment, numberToBytesLE(Fn.create(nonce + k * scalar), length))
}

/** Every case refuses on every backend. */
export const edwardsForgeries = (name: EdwardsName): readonly Forgery[] => {
  const { curve, length, prime } = CURVES[name]
  const { Point } = curve
  const { scalar, point } = keysOf(name)
  const publicKey = point.toBytes()
  const commitment = Point.BASE.multiply(NONCE).toBytes()
  const honest = signWith(name, NONCE, scalar, commitment, publicKey)
  const response = bytesToNumberLE(honest.subarray(length))
  const forgery = (what: string, signature: Uint8Array, key: Uint8Array = publicKey): Forgery => ({ what, publicKey: key, message: MESSAGE, signature })
  const neutral = Point.ZERO.toBytes()
  const negativeNeutral = neutral.slice()
  negativeNeutral[length - 1] = 0x80
  const second = numberToBytesLE(prime + 1n, length)
  return [
    forgery('S + L, the same signature once more', concat(commitment, numberToBytesLE(response + Point.Fn.ORDER, length))),
    forgery('the neutral element as key: anything verifies', concat(neutral, new Uint8Array(length)), neutral),
    ...smallOrderPoints(name).map((small) => forgery(
      `a key of small order, ${small.toHex()}`, concat(neutral, new Uint8Array(length)), small.toBytes())),
    forgery('the neutral element with a sign as key', concat(neutral, new Uint8Array(length)), negativeNeutral),
    forgery('the neutral element as key, in its second encoding', concat(neutral, new Uint8Array(length)), second),
    forgery('a commitment in its second encoding', signWith(name, 0n, scalar, second, publicKey)),
    forgery('a neutral commitment with a sign', signWith(name, 0n, scalar, negativeNeutral, publicKey)),
    ...(name === 'ed25519' ? torsionCases(forgery) : []),
  ]
}

/** Signatures that verify with the cofactor and not without: Ed25519 is checked without, everywhere. */
const torsionCases = (forgery: (what: string, signature: Uint8Array, key?: Uint8Array) => Forgery): readonly Forgery[] => {
  const { scalar, point } = keysOf('ed25519')
  const publicKey = point.toBytes()
  const commitment = ed25519.Point.BASE.multiply(NONCE)
  return smallOrderPoints('ed25519').map((small) =>
    forgery(`a commitment with a part of small order, ${small.toHex()}`, signWith('ed25519', NONCE, scalar, commitment.add(small).toBytes(), publicKey)))
}

/** Signatures with parts of small order whose verdict must be the same on all backends, whichever it is. */
export const contestedSignatures = (name: EdwardsName): readonly Forgery[] => {
  const { curve } = CURVES[name]
  const { scalar, point } = keysOf(name)
  const commitment = curve.Point.BASE.multiply(NONCE)
  return [undefined, ...smallOrderPoints(name)].flatMap((inKey) => [undefined, ...smallOrderPoints(name)].map((inCommitment): Forgery => {
    const publicKey = (inKey === undefined ? point : point.add(inKey)).toBytes()
    const sent = (inCommitment === undefined ? commitment : commitment.add(inCommitment)).toBytes()
    return {
      what: `small parts ${inKey?.toHex() ?? 'none'} and ${inCommitment?.toHex() ?? 'none'}`,
      publicKey, message: MESSAGE, signature: signWith(name, NONCE, scalar, sent, publicKey),
    }
  }))
}

