/**
 * Stored form of ratchets and unused message keys.
 * Layer: schedule. The bytes are secret.
 */
import { decode, encode, opaque, Secret, struct, uint32 } from '@famichat/base'
import type { MessageKey, Ratchet } from './ratchet.js'

const StoredRatchet = struct({ generation: uint32, secret: opaque({ min: 1 }) })
const StoredKey = struct({ generation: uint32, key: opaque({ min: 1 }), nonce: opaque({ min: 1 }) })

export const encodeRatchet = ({ generation, secret }: Ratchet): Uint8Array =>
  encode(StoredRatchet, { generation, secret: secret.expose() })

export const decodeRatchet = (row: Uint8Array): Ratchet => {
  const { generation, secret } = decode(StoredRatchet, row)
  return { generation, secret: new Secret(secret.slice()) }
}

export const encodeMessageKey = ({ generation, key, nonce }: MessageKey): Uint8Array =>
  encode(StoredKey, { generation, key: key.expose(), nonce: nonce.expose() })

export const decodeMessageKey = (row: Uint8Array): MessageKey => {
  const { generation, key, nonce } = decode(StoredKey, row)
  return { generation, key: new Secret(key.slice()), nonce: new Secret(nonce.slice()) }
}
