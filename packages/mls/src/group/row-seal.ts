/**
 * A checksum behind every stored row: damage, and a row of another group or place, is noticed before it is used.
 * Layer: group. Not a protection from whoever holds the store's key: the store is sealed by its owner.
 */
import { concat, equal, utf8 } from '@famichat/base'
import type { Hash } from '../crypto/backend.js'
import { check } from '../errors.js'

const CHECKSUM_BYTES = 8

/** The row's value with its checksum: 8 bytes longer. */
export const sealRow = (hash: Hash, groupId: Uint8Array, row: { readonly key: string; readonly value: Uint8Array }): Uint8Array =>
  concat(row.value, checksum(hash, groupId, row))

/** @throws MlsError `mls.snapshot.malformed` */
export const openRow = (hash: Hash, groupId: Uint8Array, { key, value: sealed }: { readonly key: string; readonly value: Uint8Array }): Uint8Array => {
  const value = withoutChecksum(sealed)
  check(equal(sealed.subarray(value.length), checksum(hash, groupId, { key, value })), 'mls.snapshot.malformed')
  return value
}

/** The value alone: to learn which group a header speaks of, before it is checked. @throws MlsError `mls.snapshot.malformed` */
export const withoutChecksum = (sealed: Uint8Array): Uint8Array => {
  check(sealed.length >= CHECKSUM_BYTES, 'mls.snapshot.malformed')
  return sealed.subarray(0, sealed.length - CHECKSUM_BYTES)
}

const checksum = (hash: Hash, groupId: Uint8Array, { key, value }: { readonly key: string; readonly value: Uint8Array }): Uint8Array =>
  hash.digest(concat(Uint8Array.of(groupId.length), groupId, utf8(key), Uint8Array.of(0), value)).subarray(0, CHECKSUM_BYTES)
