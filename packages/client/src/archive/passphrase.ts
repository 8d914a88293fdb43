/**
 * Argon2id (RFC 9106): what stands between a stolen archive and a passphrase that a person can remember. Without the platform's
 * help, so that Node and browsers open each other's archives.
 */
import { utf8 } from '@famichat/base'
import { ClientError } from '../client-error.js'
import { PARAMETERS } from '../parameters.js'

/** What an archive says about how its passphrase was stretched. */
export interface Stretching {
  readonly memoryKiB: number
  readonly passes: number
  readonly lanes: number
}

/** How new archives stretch: the second recommendation of RFC 9106 §4 with one lane, because a page has one thread. */
export const STRETCHING: Stretching = { memoryKiB: PARAMETERS.archiveMemoryBytes / 1024, passes: PARAMETERS.archivePasses, lanes: 1 }

/** Below, an archive would fall to guessing; above, a crafted one would stop the device that opens it. */
const isAcceptable = ({ memoryKiB, passes, lanes }: Stretching): boolean =>
  memoryKiB >= 19 * 1024 && memoryKiB <= 1024 * 1024 && passes >= 2 && passes <= 16 && lanes >= 1 && lanes <= 8

/** Fewer characters are refused when an archive is made. */
const SHORTEST_PASSPHRASE = 8
const KEY_BYTES = 32

/** @throws ClientError `client.archive.passphrase_short` */
export const requirePassphrase = (passphrase: string): void => {
  if (Array.from(passphrase.normalize('NFKC')).length < SHORTEST_PASSPHRASE) throw new ClientError('client.archive.passphrase_short')
}

/** 32 bytes from a passphrase, typed in any Unicode form. @throws ClientError `client.archive.damaged` for parameters out of bounds */
export const stretch = async (passphrase: string, salt: Uint8Array, stretching: Stretching): Promise<Uint8Array> => {
  if (!isAcceptable(stretching)) throw new ClientError('client.archive.damaged')
  const { memoryKiB: m, passes: t, lanes: p } = stretching
  // few open an archive: a page that opens should not wait for this
  const { argon2idAsync } = await import('@noble/hashes/argon2.js')
  return argon2idAsync(utf8(passphrase.normalize('NFKC')), salt, { m, t, p, dkLen: KEY_BYTES })
}
