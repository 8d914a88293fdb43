/**
 * Ending an account, as one act: an admin of the community, a guardian of the account's family or, unless it is a child's, whoever's it
 * is, shuts out all its devices at once and for good. What it said stays with those who have it; the groups it is in lose it by their members' commits (E18).
 */
import { type AccountRequest, AccountRole, AuditEvent, FamilyRole, type Nothing, ProtocolError } from '@famichat/protocol'
import type { AuthenticatedDevice, Services } from '../services.js'
import { recordAudit } from './audit.js'
import { shutOut } from './devices.js'
import { readStanding, requireAdmins, type Standing } from './families.js'

/**
 * Ends an account: tokens, channels, KeyPackages, links, passkeys, the sealed bundle, open invites and rings go in one transaction.
 * Doing it twice is harmless.
 * @throws ProtocolError `protocol.access.refused` | `protocol.role.last_admin`
 */
export const endAccount = (services: Services, caller: AuthenticatedDevice, { accountId }: AccountRequest): Promise<Nothing> =>
  services.database.write.write(async (store, afterCommit) => {
    const own = await readStanding(store, caller.accountId)
    const account = await store.selectFrom('accounts').select(['role', 'family_id', 'family_role', 'ended_at_ms']).where('account_id', '=', accountId).executeTakeFirst()
    if (account === undefined) throw new ProtocolError('protocol.access.refused')
    if (caller.accountId !== accountId || own.familyRole === FamilyRole.child) requireMayEnd(own, { role: account.role, familyId: account.family_id, familyRole: account.family_role })
    if (account.ended_at_ms !== null) return {}
    const nowMs = services.clock.nowMs()
    await store.updateTable('accounts').set({ ended_at_ms: nowMs }).where('account_id', '=', accountId).execute()
    await requireAdmins(store, account.family_id)
    await recordAudit(store, { atMs: nowMs, event: AuditEvent.accountEnded, actor: caller.accountId, subject: accountId })
    for (const table of ['passkeys', 'bundles'] as const) await store.deleteFrom(table).where('account_id', '=', accountId).execute()
    await store.updateTable('invites').set({ revoked_at_ms: nowMs }).where('inviter', '=', accountId).where('used_by', 'is', null).where('revoked_at_ms', 'is', null).execute()
    const devices = await store.selectFrom('devices').select(['device_id', 'revoked_at_ms']).where('account_id', '=', accountId).execute()
    const deviceIds = devices.map(({ device_id }) => device_id)
    for (const table of ['push_subscriptions', 'readds'] as const) await store.deleteFrom(table).where('device_id', 'in', deviceIds).execute()
    await shutOut(services, { store, afterCommit }, devices.filter(({ revoked_at_ms }) => revoked_at_ms === null).map(({ device_id }) => device_id))
    return {}
  })

/** Admins of the community end any account, guardians those of their family but for the community's admins. */
const requireMayEnd = (own: Standing, of: Standing): void => {
  const isGuardian = own.familyRole === FamilyRole.admin && own.familyId === of.familyId && of.role !== AccountRole.admin
  if (own.role !== AccountRole.admin && !isGuardian) throw new ProtocolError('protocol.access.refused')
}
