/**
 * Invites: single-use, 72 hours, revocable. The server holds the hash of a proof, never the secret of the link.
 */
import { constantTimeEqual, equal } from '@famichat/base'
import {
  type AccountId, AuditEvent, formatInviteLink, INVITE_SECRET_BYTES, type InviteCreation, type InviteId, type InviteList,
  InvitePlace, inviteProofInput, InviteState, LIFETIMES, LIMITS, makeId, type Nothing, ProtocolError, type ProtocolErrorCode,
} from '@famichat/protocol'
import { recordAudit } from './audit.js'
import { type InvitedPlace, placeInvited, readStanding } from './families.js'
import type { AuthenticatedDevice, Services } from '../services.js'
import { sha256 } from '../signatures.js'
import type { Store } from '../storage/open-database.js'

/** An invite and the proof its holder showed. */
export interface InviteProof {
  readonly inviteId: InviteId
  readonly proof: Uint8Array
}

const REFUSALS = {
  [InviteState.used]: 'protocol.invite.used',
  [InviteState.expired]: 'protocol.invite.expired',
  [InviteState.revoked]: 'protocol.invite.revoked',
} as const satisfies Record<number, ProtocolErrorCode>

/**
 * Makes the link that lets the first person in; links of earlier starts stop working.
 * @returns nothing once there is an account
 */
export const makeSetupLink = async (services: Services, origin: string): Promise<string | undefined> => {
  const inviteId = makeId<InviteId>(services.random)
  const secret = services.random(INVITE_SECRET_BYTES)
  const nowMs = services.clock.nowMs()
  const isNeeded = await services.database.write.write(async (store) => {
    const account = await store.selectFrom('accounts').select('account_id').limit(1).executeTakeFirst()
    if (account !== undefined) return false
    await store.deleteFrom('invites').where('inviter', 'is', null).execute()
    await store.insertInto('invites').values({
      invite_id: inviteId, inviter: null, proof_hash: sha256(sha256(inviteProofInput(inviteId, secret))),
      created_at_ms: nowMs, expires_at_ms: nowMs + LIFETIMES.inviteMs, used_by: null, revoked_at_ms: null,
      place: InvitePlace.newFamily, family_id: null, family_role: null,
    }).execute()
    return true
  })
  return isNeeded ? formatInviteLink({ origin, inviteId, secret, inviterFingerprint: undefined }) : undefined
}

/**
 * Registers an invite that the caller's client made; the same again gets the same answer.
 * @throws ProtocolError `protocol.access.refused` for a place the caller may not give | `protocol.rate.limited`
 */
export const createInvite = (
  services: Services, caller: AuthenticatedDevice, invite: InviteCreation,
): Promise<{ expiresAtMs: number }> => {
  const nowMs = services.clock.nowMs()
  const expiresAtMs = nowMs + LIFETIMES.inviteMs
  return services.database.write.write(async (store) => {
    const existing = await store.selectFrom('invites').selectAll().where('invite_id', '=', invite.inviteId).executeTakeFirst()
    if (existing !== undefined) {
      // the answer to the first request was lost
      if (existing.inviter === caller.accountId && equal(existing.proof_hash, invite.proofHash)) return { expiresAtMs: existing.expires_at_ms }
      throw new ProtocolError('protocol.access.refused')
    }
    const place = placeInvited(await readStanding(store, caller.accountId), invite.invited)
    const { open } = await store.selectFrom('invites').select((eb) => eb.fn.countAll<number>().as('open'))
      .where('inviter', '=', caller.accountId).where('used_by', 'is', null).where('revoked_at_ms', 'is', null)
      .where('expires_at_ms', '>', nowMs).executeTakeFirstOrThrow()
    if (open >= LIMITS.openInvitesPerAccount) throw new ProtocolError('protocol.rate.limited')
    await forgetOldInvites(store, caller.accountId, nowMs)
    await store.insertInto('invites').values({
      invite_id: invite.inviteId, inviter: caller.accountId, proof_hash: invite.proofHash, created_at_ms: nowMs,
      expires_at_ms: expiresAtMs, used_by: null, revoked_at_ms: null, ...place,
    }).execute()
    await recordAudit(store, { atMs: nowMs, event: AuditEvent.inviteMade, actor: caller.accountId, subject: invite.inviteId })
    return { expiresAtMs }
  })
}

/** Whoever makes and revokes invites without end fills no disk: of those that are not open the oldest go. */
const forgetOldInvites = async (store: Store, inviter: AccountId, nowMs: number): Promise<void> => {
  const { held } = await store.selectFrom('invites').select((eb) => eb.fn.countAll<number>().as('held')).where('inviter', '=', inviter).executeTakeFirstOrThrow()
  if (held < LIMITS.invitesPerAccount) return
  const oldest = await store.selectFrom('invites').select('invite_id').where('inviter', '=', inviter)
    .where((eb) => eb.or([eb('used_by', 'is not', null), eb('revoked_at_ms', 'is not', null), eb('expires_at_ms', '<=', nowMs)]))
    .orderBy('created_at_ms').limit(held - LIMITS.invitesPerAccount + 1).execute()
  await store.deleteFrom('invites').where('invite_id', 'in', oldest.map(({ invite_id }) => invite_id)).execute()
}

/** The caller's own invites, newest first. */
export const listInvites = async (services: Services, caller: AuthenticatedDevice): Promise<InviteList> => {
  const nowMs = services.clock.nowMs()
  const rows = await services.database.read.selectFrom('invites').selectAll().where('inviter', '=', caller.accountId)
    .orderBy('created_at_ms', 'desc').limit(LIMITS.listedPerAnswer).execute()
  return {
    invites: rows.map((row) => ({
      inviteId: row.invite_id, state: stateOf(row, nowMs), createdAtMs: row.created_at_ms,
      expiresAtMs: row.expires_at_ms, usedBy: row.used_by ?? undefined,
      joinerProof: row.joiner_proof ?? undefined, sealedDeviceName: row.sealed_device_name ?? undefined,
    })),
  }
}

/** Takes an open invite back. @throws ProtocolError `protocol.access.refused` for one that is not the caller's */
export const revokeInvite = (
  services: Services, caller: AuthenticatedDevice, { inviteId }: { inviteId: InviteId },
): Promise<Nothing> =>
  services.database.write.write(async (store) => {
    const nowMs = services.clock.nowMs()
    const { numUpdatedRows } = await store.updateTable('invites').set({ revoked_at_ms: nowMs })
      .where('invite_id', '=', inviteId).where('inviter', '=', caller.accountId).where('used_by', 'is', null).executeTakeFirst()
    if (numUpdatedRows === 0n) throw new ProtocolError('protocol.access.refused')
    await recordAudit(store, { atMs: nowMs, event: AuditEvent.inviteRevoked, actor: caller.accountId, subject: inviteId })
    return {}
  })

/**
 * Checks that the proof is the invite's, and returns the place it gives and the account that used it, if one did.
 * Why an invite no longer works is told only to who holds its secret.
 * @throws ProtocolError `protocol.invite.refused` | `protocol.invite.expired` | `protocol.invite.revoked`
 */
export const validateInvite = async (store: Store, { inviteId, proof }: InviteProof, nowMs: number): Promise<InvitedPlace & { readonly inviter: AccountId | undefined; readonly usedBy: AccountId | undefined }> => {
  const row = await store.selectFrom('invites').selectAll().where('invite_id', '=', inviteId).executeTakeFirst()
  if (row === undefined || !constantTimeEqual(sha256(proof), row.proof_hash)) throw new ProtocolError('protocol.invite.refused')
  const state = stateOf(row, nowMs)
  if (state !== InviteState.used && state !== InviteState.open) throw new ProtocolError(REFUSALS[state])
  return { place: row.place, family_id: row.family_id, family_role: row.family_role, inviter: row.inviter ?? undefined, usedBy: row.used_by ?? undefined }
}

const stateOf = (
  row: { used_by: AccountId | null; revoked_at_ms: number | null; expires_at_ms: number }, nowMs: number,
): InviteState => {
  if (row.used_by !== null) return InviteState.used
  if (row.revoked_at_ms !== null) return InviteState.revoked
  return row.expires_at_ms <= nowMs ? InviteState.expired : InviteState.open
}
