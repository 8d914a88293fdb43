/**
 * The key of a profile: from the environment, or from a 0600 file beside it that the first use makes.
 */
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { fromHex, type RandomBytes, Secret, toHex } from '@famichat/base'
import { ClientError } from '../client-error.js'

const KEY_BYTES = 32
/** The name of the key file in the profile folder. */
export const PROFILE_KEY_FILE = 'profile.key'

/** Finds or makes the key; the caller owns it. @throws ClientError `client.key.*` */
export const takeProfileKey = (
  { folder, given, databaseExists, random }:
  { folder: string; given: string | undefined; databaseExists: boolean; random: RandomBytes },
): Secret => {
  if (given !== undefined) return parseKey(given)
  const path = join(folder, PROFILE_KEY_FILE)
  if (existsSync(path)) return readKeyFile(path)
  if (databaseExists) throw new ClientError('client.key.missing')
  const key = new Secret(random(KEY_BYTES))
  writeKeyFile(path, key)
  return key
}

const readKeyFile = (path: string): Secret => {
  if ((statSync(path).mode & 0o077) !== 0) throw new ClientError('client.key.exposed')
  return parseKey(readFileSync(path, 'utf8').trim())
}

const parseKey = (hex: string): Secret => {
  if (!/^[0-9a-fA-F]{64}$/.test(hex)) throw new ClientError('client.key.malformed', { characters: hex.length })
  return new Secret(fromHex(hex))
}

/** Durable before the database is made: a database whose key was lost in a power cut is lost. */
const writeKeyFile = (path: string, key: Secret): void => {
  const file = openSync(path, 'wx', 0o600)
  try {
    writeSync(file, `${toHex(key.expose())}\n`)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}
