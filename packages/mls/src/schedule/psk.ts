/**
 * Pre-shared keys (RFC 9420 §8.4): many PSKs into one psk_secret.
 * Layer: schedule.
 */
import { encode, type Secret } from '@famichat/base'
import type { CipherSuite } from '../crypto/cipher-suite.js'
import { expandWithLabel, extract, zeroSecret } from '../crypto/labels.js'
import { type PreSharedKeyID, PSKLabel } from '../wire/proposal.js'

/** A PSK and its id as it stands in the proposal. */
export interface PreSharedKey {
  readonly id: PreSharedKeyID
  readonly psk: Secret
}

/** psk_secret (§8.4); all-zero when there are no PSKs. The inputs stay the caller's. */
export const derivePskSecret = (suite: CipherSuite, psks: readonly PreSharedKey[]): Secret => {
  let pskSecret = zeroSecret(suite)
  const zero = zeroSecret(suite)
  psks.forEach(({ id, psk }, index) => {
    const extracted = extract(suite, zero, psk)
    const label = encode(PSKLabel, { id, index, count: psks.length })
    const input = expandWithLabel(suite, extracted, 'derived psk', label, suite.hashLength)
    const next = extract(suite, input, pskSecret)
    for (const spent of [extracted, input, pskSecret]) spent.wipe()
    pskSecret = next
  })
  return pskSecret
}
