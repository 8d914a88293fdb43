/**
 * Safety numbers: sixty digits that two people compare to know that nobody is between them, and the same as a code to scan
 * (E16). Made of both account keys, so that both see the same digits; no server has a part in it.
 */
import { concat, decode, encode, equal, fixed, fromBase64url, isCodedError, struct, toBase64url, utf8 } from '@famichat/base'
import type { CipherSuite } from '@famichat/mls'
import { AccountId, idToBytes, serverOrigin } from '@famichat/protocol'
import { ClientError } from '../client-error.js'
import { bytes32 } from '../store/fields.js'

/** Hashes for one half: who looks for a key with given digits pays them for each try. */
const ITERATIONS = 5200
const GROUP_DIGITS = 5
const GROUP_BYTES = 5
const GROUPS_OF_HALF = 6

/** An account and its key. */
export interface AccountIdentity {
  readonly accountId: AccountId
  readonly accountKey: Uint8Array
}

/** One person's half: 32 bytes. */
const fingerprintOf = ({ hash }: CipherSuite, { accountId, accountKey }: AccountIdentity): Uint8Array => {
  let digest = hash.digest(concat(utf8('Famichat 1.0 SafetyNumber'), idToBytes(accountId), accountKey))
  for (let i = 1; i < ITERATIONS; i++) digest = hash.digest(concat(digest, accountKey))
  return digest
}

/** The number of two people, in either order: 60 digits in groups of five with spaces between. */
export const safetyNumber = (suite: CipherSuite, one: AccountIdentity, other: AccountIdentity): string =>
  [one, other].map((identity) => groupsOf(fingerprintOf(suite, identity), GROUPS_OF_HALF)).sort().join(' ')

/** A conversation's code: 30 digits that all devices show which agree on everything that happened in it. */
export const headCode = ({ hash }: CipherSuite, groupId: Uint8Array, epochAuthenticator: Uint8Array): string =>
  groupsOf(hash.digest(concat(utf8('Famichat 1.0 HeadCode'), groupId, epochAuthenticator)), GROUPS_OF_HALF)

const groupsOf = (bytes: Uint8Array, count: number): string =>
  Array.from({ length: count }, (_, group) => {
    const value = bytes.subarray(group * GROUP_BYTES, (group + 1) * GROUP_BYTES).reduce((sum, byte) => sum * 256 + byte, 0)
    return (value % 10 ** GROUP_DIGITS).toString().padStart(GROUP_DIGITS, '0')
  }).join(' ')

/** What one screen shows to the other: who shows it, for whom, and both halves as the shower's device knows them. */
const Scan = struct({ version: fixed(1), shownBy: AccountId, shownByHalf: bytes32, shownTo: AccountId, shownToHalf: bytes32 })
const SCAN_VERSION = Uint8Array.of(1)

/** The text of a code to scan. Its secret-free content stays behind the `#`, so that opening it by mistake tells no server. */
export const formatScan = (suite: CipherSuite, origin: string, { own, other }: { readonly own: AccountIdentity; readonly other: AccountIdentity }): string => {
  const scan = {
    version: SCAN_VERSION, shownBy: own.accountId, shownByHalf: fingerprintOf(suite, own),
    shownTo: other.accountId, shownToHalf: fingerprintOf(suite, other),
  }
  return `${serverOrigin(origin)}/v#v1.${toBase64url(encode(Scan, scan))}`
}

/** A code that was scanned, not compared yet. */
export interface ScannedCode {
  readonly shownBy: AccountId
  readonly shownTo: AccountId
  /** True when both halves are those of these two. */
  readonly matches: (own: AccountIdentity, other: AccountIdentity) => boolean
}

/** Reads a code as a camera or a person gives it. @throws ClientError `client.verification.malformed` */
export const parseScan = (suite: CipherSuite, scanned: string): ScannedCode => {
  try {
    const url = new URL(scanned.trim())
    const [version, payload = '', ...rest] = url.hash.slice(1).split('.')
    if (url.pathname !== '/v' || version !== 'v1' || rest.length > 0) throw new ClientError('client.verification.malformed')
    const scan = decode(Scan, fromBase64url(payload))
    if (!equal(scan.version, SCAN_VERSION)) throw new ClientError('client.verification.malformed')
    return {
      shownBy: scan.shownBy,
      shownTo: scan.shownTo,
      matches: (own, other) => equal(scan.shownByHalf, fingerprintOf(suite, other)) && equal(scan.shownToHalf, fingerprintOf(suite, own)),
    }
  } catch (cause) {
    if (cause instanceof ClientError) throw cause
    throw new ClientError('client.verification.malformed', isCodedError(cause) ? { reason: cause.code } : {})
  }
}
