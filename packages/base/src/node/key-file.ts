/**
 * A 256-bit key that its owner gives, or that lies in a 0600 file which the first use makes.
 */
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, statSync, writeSync } from 'node:fs'
import { fromHex, toHex } from '../bytes.js'
import type { RandomBytes } from '../clock.js'
import { Secret } from '../secret.js'

const KEY_BYTES = 32

/** Why there is no key: no file beside data that needs one, a file others can read, or not 64 hexadecimal digits. */
export type KeyFileProblem = 'missing' | 'exposed' | 'malformed'

/** Where the key comes from. */
export interface KeySource {
  readonly path: string
  /** 64 hexadecimal digits, from the environment; wins over the file. */
  readonly given: string | undefined
  /** Whether there is data that only the old key opens: then none is made. */
  readonly dataExists: boolean
  readonly random: RandomBytes
  /** The caller's error for a problem. */
  readonly refuse: (problem: KeyFileProblem) => Error
}

/** Finds or makes the key; the caller owns it. @throws what `refuse` makes */
export const takeKey = ({ path, given, dataExists, random, refuse }: KeySource): Secret => {
  if (given !== undefined) return parseKey(given, refuse)
  if (existsSync(path)) return readKeyFile(path, refuse)
  if (dataExists) throw refuse('missing')
  const key = new Secret(random(KEY_BYTES))
  writeKeyFile(path, key)
  return key
}

const readKeyFile = (path: string, refuse: KeySource['refuse']): Secret => {
  if ((statSync(path).mode & 0o077) !== 0) throw refuse('exposed')
  return parseKey(readFileSync(path, 'utf8').trim(), refuse)
}

const parseKey = (hex: string, refuse: KeySource['refuse']): Secret => {
  if (!/^[0-9a-fA-F]{64}$/.test(hex)) throw refuse('malformed')
  return new Secret(fromHex(hex))
}

/** Durable before anything is encrypted with it: data whose key was lost in a power cut is lost. */
const writeKeyFile = (path: string, key: Secret): void => {
  const file = openSync(path, 'wx', 0o600)
  try {
    writeSync(file, `${toHex(key.expose())}\n`)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}
