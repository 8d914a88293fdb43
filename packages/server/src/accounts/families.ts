/**
 * Families: who belongs where, in which role, and what the roles allow. Roles in the community and in a family are two
 * separate axes: an admin of the community has no say in another family, a guardian none in the community.
 */
import {
  type AccountId, AccountRole, AuditEvent, type FamilyId, FamilyRole, type InviteFor, InvitePlace, makeId, normalizeAccountName,
  type Nothing, ProtocolError, type RoleChange,
} from '@famichat/protocol'
import type { AuthenticatedDevice, Services } from '../services.js'
import type { Store } from '../storage/open-database.js'
import { recordAudit } from './audit.js'

/** Where an account stands, on both axes. */
export interface Standing {
  readonly role: AccountRole
  readonly familyId: FamilyId
  readonly familyRole: FamilyRole
}

/** Family and role an invite gives; both null for the head of a new family. */
export interface InvitedPlace {
  readonly place: InvitePlace
  readonly family_id: FamilyId | null
  readonly family_role: FamilyRole | null
}

/** Where an account stands. @throws ProtocolError `protocol.access.refused` for no such account, or one that was ended */
export const readStanding = async (store: Store, accountId: AccountId): Promise<Standing> => {
  const row = await store.selectFrom('accounts').select(['role', 'family_id', 'family_role']).where('account_id', '=', accountId)
    .where('ended_at_ms', 'is', null).executeTakeFirst()
  if (row === undefined) throw new ProtocolError('protocol.access.refused')
  return { role: row.role, familyId: row.family_id, familyRole: row.family_role }
}

/**
 * What an invite of this account may give: adults bring adults into their family, guardians also guardians and children,
 * admins of the community new families. @throws ProtocolError `protocol.access.refused`
 */
export const placeInvited = ({ role, familyId, familyRole }: Standing, invited: InviteFor): InvitedPlace => {
  if (invited.place === InvitePlace.newFamily) {
    if (role !== AccountRole.admin) throw new ProtocolError('protocol.access.refused')
    return { place: invited.place, family_id: null, family_role: null }
  }
  const isAllowed = familyRole === FamilyRole.admin || (familyRole === FamilyRole.adult && invited.familyRole === FamilyRole.adult)
  if (!isAllowed) throw new ProtocolError('protocol.access.refused')
  return { place: invited.place, family_id: familyId, family_role: invited.familyRole }
}

/** An invite gives what its inviter may still give: roles may have changed since. @throws ProtocolError `protocol.invite.revoked` */
export const requireStillPlaced = async (store: Store, inviter: AccountId, { place, family_id, family_role }: InvitedPlace): Promise<void> => {
  const standing = await readStanding(store, inviter)
  const isOwnFamily = place === InvitePlace.newFamily || family_id === standing.familyId
  const invited: InviteFor = place === InvitePlace.ownFamily ? { place, familyRole: family_role ?? FamilyRole.child } : { place }
  try {
    placeInvited(standing, invited)
  } catch (cause) {
    throw new ProtocolError('protocol.invite.revoked', {}, { cause })
  }
  if (!isOwnFamily) throw new ProtocolError('protocol.invite.revoked')
}

/** The place an invite gave, made if it is a new family. @throws ProtocolError `protocol.name.malformed` */
export const takePlace = async (
  store: Store, services: Services, invited: InvitedPlace, founder: { readonly accountId: AccountId; readonly familyName: string; readonly nowMs: number },
): Promise<{ readonly familyId: FamilyId; readonly familyRole: FamilyRole }> => {
  if (invited.family_id !== null && invited.family_role !== null) return { familyId: invited.family_id, familyRole: invited.family_role }
  const familyId = makeId<FamilyId>(services.random)
  const name = normalizeAccountName(founder.familyName)
  await store.insertInto('families').values({ family_id: familyId, name, created_at_ms: founder.nowMs }).execute()
  await recordAudit(store, { atMs: founder.nowMs, event: AuditEvent.familyMade, actor: founder.accountId, subject: familyId })
  return { familyId, familyRole: FamilyRole.admin }
}

/** True when the account is a child and the caller a guardian of its family. */
export const isGuardianOf = async (store: Store, caller: AuthenticatedDevice, accountId: AccountId): Promise<boolean> => {
  const guardian = await readStanding(store, caller.accountId)
  const ward = await readStanding(store, accountId)
  return guardian.familyRole === FamilyRole.admin && ward.familyRole === FamilyRole.child && ward.familyId === guardian.familyId
}

/**
 * Changes roles: the community's by its admins, a family's by its guardians. One of each has to stay.
 * @throws ProtocolError `protocol.access.refused` | `protocol.role.last_admin`
 */
export const changeRole = (services: Services, caller: AuthenticatedDevice, { accountId, role, familyRole }: RoleChange): Promise<Nothing> =>
  services.database.write.write(async (store) => {
    // an empty change would be a free entry in the audit trail
    if (role === undefined && familyRole === undefined) throw new ProtocolError('protocol.access.refused')
    const own = await readStanding(store, caller.accountId)
    const standing = await readStanding(store, accountId)
    if (role !== undefined && own.role !== AccountRole.admin) throw new ProtocolError('protocol.access.refused')
    const isGuardian = own.familyRole === FamilyRole.admin && own.familyId === standing.familyId
    if (familyRole !== undefined && !isGuardian) throw new ProtocolError('protocol.access.refused')
    await store.updateTable('accounts').set({ role: role ?? standing.role, family_role: familyRole ?? standing.familyRole })
      .where('account_id', '=', accountId).execute()
    await requireAdmins(store, standing.familyId)
    await recordAudit(store, { atMs: services.clock.nowMs(), event: AuditEvent.roleChanged, actor: caller.accountId, subject: accountId })
    return {}
  })

/** The community has an admin, and the family, while anybody is left in it, a guardian. @throws ProtocolError `protocol.role.last_admin` */
export const requireAdmins = async (store: Store, familyId: FamilyId): Promise<void> => {
  const living = store.selectFrom('accounts').select('account_id').where('ended_at_ms', 'is', null).limit(1)
  const admin = await living.where('role', '=', AccountRole.admin).executeTakeFirst()
  const member = await living.where('family_id', '=', familyId).executeTakeFirst()
  const guardian = await living.where('family_id', '=', familyId).where('family_role', '=', FamilyRole.admin).executeTakeFirst()
  if (admin === undefined || (member !== undefined && guardian === undefined)) throw new ProtocolError('protocol.role.last_admin')
}
