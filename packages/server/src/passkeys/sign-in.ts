/**
 * Signing in with a passkey: a device that is nobody yet shows a passkey's answer and gets the account's sealed bundle. With
 * the account's key out of it, it registers like a recovered one. Every refusal is the same, and takes the same way.
 */
import { fromHex } from '@famichat/base'
import { type AccountId, AuditEvent, type PasskeyAssertion, type PasskeyId, type PasskeySignInOptions, ProtocolError, type StoredBundle } from '@famichat/protocol'
import { recordAudit } from '../accounts/audit.js'
import type { ChallengeBook } from '../accounts/tokens.js'
import type { Services } from '../services.js'
import { readBundle } from './bundles.js'
import { requireRelyingParty } from './relying-party.js'
import { verifyAssertion } from './web-authn.js'

/** What an authenticator needs to answer. @throws ProtocolError `protocol.passkey.unavailable` */
export const makeSignInOptions = (services: Services, challenges: ChallengeBook): PasskeySignInOptions =>
  ({ challenge: challenges.make(services.clock.nowMs()), rpId: requireRelyingParty(services.relyingParty()).rpId })

/** The sealed bundle of the passkey's account. @throws ProtocolError `protocol.passkey.refused` for whatever is wrong */
export const signInWithPasskey = async (services: Services, challenges: ChallengeBook, assertion: PasskeyAssertion): Promise<StoredBundle> => {
  const party = services.relyingParty()
  if (party === undefined) throw new ProtocolError('protocol.passkey.refused')
  const row = await services.database.read.selectFrom('passkeys').select(['passkey_id', 'public_key', 'counter'])
    .where('credential_id', '=', assertion.credentialId).executeTakeFirst()
  const passkey = row === undefined ? NOBODYS : { publicKey: row.public_key, counter: row.counter }
  const counter = await verifyAssertion(assertion, passkey, { party, challenges, nowMs: services.clock.nowMs() })
  if (row === undefined) throw new ProtocolError('protocol.passkey.refused')
  return services.database.write.write(async (store) => {
    const nowMs = services.clock.nowMs()
    // it may have been removed meanwhile, or have answered elsewhere: a counter that stood still is a copy's (WebAuthn §6.1.1)
    const used: { readonly account_id: AccountId; readonly passkey_id: PasskeyId } | undefined = await store.updateTable('passkeys').set({ counter, used_at_ms: nowMs })
      .where('passkey_id', '=', row.passkey_id).where('counter', counter === 0 ? '=' : '<', counter)
      .returning(['account_id', 'passkey_id']).executeTakeFirst()
    if (used === undefined) throw new ProtocolError('protocol.passkey.refused')
    await recordAudit(store, { atMs: nowMs, event: AuditEvent.passkeyUsed, actor: used.account_id, subject: used.passkey_id })
    return readBundle(store, used.account_id)
  })
}

/** A P-256 key (COSE, RFC 9053 §7.1.1): an unknown passkey takes as long as a known one. What it verifies is refused all the same. */
const NOBODYS = {
  publicKey: fromHex(
    'a5010203262001215820' + '6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296'
    + '225820' + '4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5',
  ),
  counter: 0,
}
