/**
 * Passkeys of accounts: added and removed by a device of the account. A passkey vouches for nobody's device: it lets a new
 * device have the account's sealed bundle, and only what is in there makes it one (E22, E23).
 */
import { AuditEvent, LIMITS, makeId, type Nothing, type PasskeyCreationOptions, type PasskeyId, type PasskeyList, type PasskeyRegistration, ProtocolError } from '@famichat/protocol'
import { recordAudit } from '../accounts/audit.js'
import type { ChallengeBook } from '../accounts/tokens.js'
import type { AuthenticatedDevice, Services } from '../services.js'
import type { Store } from '../storage/open-database.js'
import { requireRelyingParty } from './relying-party.js'
import { verifyCreation } from './web-authn.js'

/** What an authenticator needs to make a passkey for the caller's account. @throws ProtocolError `protocol.passkey.unavailable` */
export const makeCreationOptions = async (services: Services, challenges: ChallengeBook, caller: AuthenticatedDevice): Promise<PasskeyCreationOptions> => {
  const { rpId } = requireRelyingParty(services.relyingParty())
  const { read } = services.database
  const { name } = await read.selectFrom('accounts').select('name').where('account_id', '=', caller.accountId).executeTakeFirstOrThrow()
  const known = await read.selectFrom('passkeys').select('credential_id').where('account_id', '=', caller.accountId).execute()
  return {
    challenge: challenges.make(services.clock.nowMs()), rpId, accountId: caller.accountId, accountName: name,
    known: known.map(({ credential_id }) => ({ credentialId: credential_id })),
  }
}

/** Adds a passkey. @throws ProtocolError `protocol.passkey.refused` for whatever is wrong | `protocol.passkey.too_many` | `protocol.passkey.unavailable` */
export const registerPasskey = async (
  services: Services, challenges: ChallengeBook, caller: AuthenticatedDevice, request: PasskeyRegistration,
): Promise<Nothing> => {
  const party = requireRelyingParty(services.relyingParty())
  const passkey = await verifyCreation(request, { party, challenges, nowMs: services.clock.nowMs() })
  return services.database.write.write(async (store) => {
    const nowMs = services.clock.nowMs()
    const { passkeys } = await store.selectFrom('passkeys').select((eb) => eb.fn.countAll<number>().as('passkeys'))
      .where('account_id', '=', caller.accountId).executeTakeFirstOrThrow()
    if (passkeys >= LIMITS.passkeysPerAccount) throw new ProtocolError('protocol.passkey.too_many', { passkeys })
    const passkeyId = makeId<PasskeyId>(services.random)
    const { numInsertedOrUpdatedRows } = await store.insertInto('passkeys').values({
      passkey_id: passkeyId, account_id: caller.accountId, credential_id: request.credentialId, public_key: passkey.publicKey,
      counter: passkey.counter, is_synced: passkey.isSynced ? 1 : 0, label: request.label, created_at_ms: nowMs, used_at_ms: null,
    }).onConflict((conflict) => conflict.column('credential_id').doNothing()).executeTakeFirstOrThrow()
    if (numInsertedOrUpdatedRows !== 1n) throw new ProtocolError('protocol.passkey.refused')
    await recordAudit(store, { atMs: nowMs, event: AuditEvent.passkeyAdded, actor: caller.accountId, subject: passkeyId })
    return {}
  })
}

/** The passkeys of the caller's account. */
export const listPasskeys = async (store: Store, caller: AuthenticatedDevice): Promise<PasskeyList> => {
  const rows = await store.selectFrom('passkeys').selectAll().where('account_id', '=', caller.accountId)
    .orderBy('created_at_ms').orderBy('passkey_id').execute()
  return {
    passkeys: rows.map((row) => ({
      passkeyId: row.passkey_id, credentialId: row.credential_id, label: row.label, createdAtMs: row.created_at_ms,
      usedAtMs: row.used_at_ms ?? undefined, isSynced: row.is_synced === 1,
    })),
  }
}

/** Removes a passkey of the caller's account. @throws ProtocolError `protocol.access.refused` for any other */
export const removePasskey = (services: Services, caller: AuthenticatedDevice, passkeyId: PasskeyId): Promise<Nothing> =>
  services.database.write.write(async (store) => {
    const { numDeletedRows } = await store.deleteFrom('passkeys').where('passkey_id', '=', passkeyId)
      .where('account_id', '=', caller.accountId).executeTakeFirst()
    if (numDeletedRows !== 1n) throw new ProtocolError('protocol.access.refused')
    await recordAudit(store, { atMs: services.clock.nowMs(), event: AuditEvent.passkeyRemoved, actor: caller.accountId, subject: passkeyId })
    return {}
  })
