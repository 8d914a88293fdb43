/**
 * The audit trail in words: who did what to what. The server keeps random ids; the names are this device's own.
 */
import { type AccountId, AuditEvent, type AuditList } from '@famichat/protocol'
import type { People } from './directory.js'

/** What happened, in one word for programs. */
export type AuditAct = keyof typeof AuditEvent

/** One act. */
export interface AuditLine {
  readonly atMs: number
  readonly act: AuditAct
  /** Who did it, by name; undefined for the server's own doing and for accounts this device does not know. */
  readonly actor: string | undefined
  readonly actorId: AccountId | undefined
  /** The id of the account, device, family, invite or passkey it was done to. */
  readonly subject: string
  /** The name of the account it was done to, or whose device it was. */
  readonly subjectName: string | undefined
}

/** The entries with the names that are known here, newest first. */
export const auditLines = ({ entries }: AuditList, { accounts }: Pick<People, 'accounts'>): readonly AuditLine[] => {
  const names = new Map<string, string>()
  for (const { accountId, accountName, devices } of accounts) {
    names.set(accountId, accountName)
    for (const { deviceId } of devices) names.set(deviceId, accountName)
  }
  return entries.map(({ atMs, event, actor, subject }) => ({
    atMs, act: ACTS.get(event) ?? 'roleChanged', actor: actor === undefined ? undefined : names.get(actor), actorId: actor, subject, subjectName: names.get(subject),
  }))
}

const ACTS = new Map<number, AuditAct>((Object.keys(AuditEvent) as AuditAct[]).map((act) => [AuditEvent[act], act]))
