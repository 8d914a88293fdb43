/**
 * Whose leaf is this: judged without the server, and side by side with others.
 */
import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import { systemRandom } from '@famichat/base'
import { DEFAULT_CIPHER_SUITE, generateSignatureKey, makeBasicCredential, makeCipherSuite } from '@famichat/mls'
import { nodeBackend } from '@famichat/mls/node'
import { type AccountId, deviceCertificateTbs, type DeviceId, encodeDeviceCertificate, makeId } from '@famichat/protocol'
import { Trust } from '../dist/identity/trust.js'

const suite = makeCipherSuite(DEFAULT_CIPHER_SUITE, nodeBackend, systemRandom)

/** A leaf whose certificate is signed by a key of its own. */
const makeClaim = async (accountId: AccountId) => {
  const account = await generateSignatureKey(suite)
  const device = await generateSignatureKey(suite)
  const unsigned = {
    version: 1, accountId, deviceId: makeId<DeviceId>(systemRandom), accountKey: account.signer.publicKey, deviceSignatureKey: device.signer.publicKey, createdAtMs: 1,
  }
  const signature = await account.signer.sign(deviceCertificateTbs(unsigned))
  return { credential: makeBasicCredential(encodeDeviceCertificate({ ...unsigned, signature })), signatureKey: device.signer.publicKey }
}

test('of two leaves that claim one new account with different keys one is refused, judged side by side or in turn', async () => {
  const accountId = makeId<AccountId>(systemRandom)
  const real = await makeClaim(accountId)
  const ghost = await makeClaim(accountId)
  const trust = (): Trust => new Trust({ store: { get: () => Promise.resolve(undefined) }, suite, nowMs: () => 0 })
  const together = trust()
  deepEqual((await Promise.all([together.isValid(real), together.isValid(ghost)])).filter(Boolean).length, 1)
  const inTurn = trust()
  equal(await inTurn.isValid(real), true)
  equal(await inTurn.isValid(ghost), false)
})
