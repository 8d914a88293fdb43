/**
 * The key that proves to push services that it is this server that rings (VAPID, RFC 8292): P-256, made at the first start,
 * in a file of its own beside the database's key.
 */
import { createECDH, createPrivateKey, type KeyObject } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type RandomBytes, toBase64url } from '@famichat/base'
import { takeKey } from '@famichat/base/node'
import { ServerError } from '../server-error.js'

/** Browsers are subscribed with its public half; another key would leave them all without a bell. */
export const PUSH_KEY_FILE = 'push.key'

/** The key, ready to sign. */
export interface PushKey {
  /** 65 bytes: the uncompressed point, which browsers take as `applicationServerKey`. */
  readonly publicKey: Uint8Array
  readonly privateKey: KeyObject
}

/** The key as its file has it, for a backup; nothing where no server has started yet, or what is there is no key. */
export const readPushKeyHex = (dataDir: string): string | undefined => {
  const path = join(dataDir, PUSH_KEY_FILE)
  const [hex] = existsSync(path) ? /^[0-9a-f]{64}/i.exec(readFileSync(path, 'utf8')) ?? [] : []
  return hex
}

/** Takes the key of a data folder; makes it when there is none. @throws ServerError `server.key.exposed` | `server.key.malformed` */
export const takePushKey = (dataDir: string, random: RandomBytes): PushKey => {
  const secret = takeKey({
    path: join(dataDir, PUSH_KEY_FILE), given: undefined, dataExists: false, random, refuse: (problem) => new ServerError(`server.key.${problem}`),
  })
  const scalar = secret.expose()
  try {
    const curve = createECDH('prime256v1')
    curve.setPrivateKey(scalar)
    const publicKey = new Uint8Array(curve.getPublicKey())
    const coordinates = { x: toBase64url(publicKey.subarray(1, 33)), y: toBase64url(publicKey.subarray(33)) }
    return { publicKey, privateKey: createPrivateKey({ format: 'jwk', key: { kty: 'EC', crv: 'P-256', ...coordinates, d: toBase64url(scalar) } }) }
  } finally {
    secret.wipe()
  }
}
