/**
 * The audit trail: who did what to what, in random ids; no names, no addresses, no content. Written in the transaction of
 * the act itself. Read by admins of the community.
 */
import { AccountRole, type AccountId, type AuditEvent, type AuditList, LIMITS, ProtocolError } from '@famichat/protocol'
import type { AuthenticatedDevice, Services } from '../services.js'
import type { Store } from '../storage/open-database.js'

/** Older entries are dropped: about ten years of a lively community. */
const MAX_KEPT = 100_000

/** One act. `subject` is the id of the account, device, family or invite it was done to. */
export interface AuditEntry {
  readonly atMs: number
  readonly event: AuditEvent
  readonly actor: AccountId | undefined
  readonly subject: string
}

/** Adds an entry. */
export const recordAudit = async (store: Store, { atMs, event, actor, subject }: AuditEntry): Promise<void> => {
  const { insertId } = await store.insertInto('audit').values({ at_ms: atMs, event, actor: actor ?? null, subject }).executeTakeFirstOrThrow()
  if (insertId !== undefined) await store.deleteFrom('audit').where('audit_id', '<=', Number(insertId) - MAX_KEPT).execute()
}

/** The newest entries. @throws ProtocolError `protocol.access.refused` for anybody but an admin of the community */
export const listAudit = async (services: Services, caller: AuthenticatedDevice): Promise<AuditList> => {
  const { read } = services.database
  const account = await read.selectFrom('accounts').select('role').where('account_id', '=', caller.accountId).executeTakeFirst()
  if (account?.role !== AccountRole.admin) throw new ProtocolError('protocol.access.refused')
  const rows = await read.selectFrom('audit').selectAll().orderBy('audit_id', 'desc').limit(LIMITS.listedPerAnswer).execute()
  return { entries: rows.map(({ at_ms, event, actor, subject }) => ({ atMs: at_ms, event, actor: actor ?? undefined, subject })) }
}
