/**
 * Stored form of ratchets and unused message keys.
 * Layer: schedule. The bytes are secret.
 */
import { decode, encode, opaque, Secret, struct, uint32 } from '@famichat/base'
import type { CipherSuite } from '../crypto/cipher-suite.js'
import { check, MlsError } from '../errors.js'
import type { MessageKey, Ratchet } from './ratchet.js'

const StoredRatchet = struct({ generation: uint32, secret: opaque({ min: 1 }) })
const StoredKey = struct({ generation: uint32, key: opaque({ min: 1 }), nonce: opaque({ min: 1 }) })

export const encodeRatchet = ({ generation, secret }: Ratchet): Uint8Array =>
  encode(StoredRatchet, { generation, secret: secret.expose() })

export const decodeRatchet = (suite: CipherSuite, row: Uint8Array): Ratchet => {
  const { generation, secret } = decode(StoredRatchet, row)
  check(secret.length === suite.hashLength, 'mls.snapshot.malformed')
  return { generation, secret: new Secret(secret.slice()) }
}

export const encodeMessageKey = ({ generation, key, nonce }: MessageKey): Uint8Array =>
  encode(StoredKey, { generation, key: key.expose(), nonce: nonce.expose() })

/** @param named the generation the row's key names */
export const decodeMessageKey = ({ aead }: CipherSuite, row: Uint8Array, named: number): MessageKey => {
  const { generation, key, nonce } = decode(StoredKey, row)
  check(generation === named && key.length === aead.keyLength && nonce.length === aead.nonceLength, 'mls.snapshot.malformed')
  return { generation, key: new Secret(key.slice()), nonce: new Secret(nonce.slice()) }
}

/** `n` and a node, `r` and a ratchet, or `k`, a ratchet, a dot and a generation. */
const ROW_KEY = /^(?:([nr])(\d{1,9})|(k)(\d{1,9})\.(\d{1,10}))$/

/** What a row of a tree with so many leaves is about. @throws MlsError `mls.snapshot.malformed` */
export const readRowKey = (key: string, leafCount: number): { readonly kind: 'n' | 'r' | 'k'; readonly id: number; readonly generation: number } => {
  const [, single, singleId, double, doubleId, generation] = ROW_KEY.exec(key) ?? []
  const kind = single ?? double
  const id = Number(singleId ?? doubleId)
  if ((kind !== 'n' && kind !== 'r' && kind !== 'k') || id >= 2 * leafCount - (kind === 'n' ? 1 : 0)) throw new MlsError('mls.snapshot.malformed')
  return { kind, id, generation: Number(generation ?? 0) }
}
