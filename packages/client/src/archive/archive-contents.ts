/**
 * What goes into an archive, and where it comes to rest: history, people and verifications, never keys of conversations.
 * Taking an archive in adds what is missing and changes nothing that is there.
 */
import { equal } from '@famichat/base'
import type { AccountId, ConversationId } from '@famichat/protocol'
import { decodeContent } from '../content/content.js'
import type { ConversationInfo } from '../conversation/catalogue.js'
import { encodeHistory, noticeKey, seqOfKey } from '../conversation/history.js'
import { writeDeviceLists } from '../identity/device-lists.js'
import { readDeviceNames, toldDeviceName } from '../identity/device-names.js'
import {
  ArchivedRecord, conversationPrefix, decodeRecord, DeviceListRecord, encodeRecord, HistoryKind, HistoryRecord, IdentityRecord, NameRecord, PinRecord,
  RecoveryRecord, SeenRecord, SettingsRecord, VerificationRecord,
} from '../store/records.js'
import type { Change, Entry, Store, Table } from '../store/store.js'
import { type ArchiveRecord, ArchiveRecordKind, type ArchiveRecordOf } from './archive-records.js'

/** What an archive holds, in numbers. */
export interface ArchiveSummary {
  readonly accountId: AccountId
  readonly accountName: string
  readonly origin: string
  readonly createdAtMs: number
  /** True when a new device can be made from it, without any other device. */
  readonly hasAccountKey: boolean
  readonly people: number
  readonly conversations: number
  readonly messages: number
}

const PAGE = 500

/** Whose archive it is, and of what. */
export interface ArchivedProfile {
  readonly identity: IdentityRecord & { readonly accountId: AccountId; readonly accountKey: Uint8Array }
  readonly conversations: readonly ConversationInfo[]
  readonly nowMs: number
  /** False for a device that is not to know the recovery phrase. */
  readonly withPhrase?: boolean
}

/** Everything that goes into an archive. */
export async function* recordsOf(
  store: Store, { identity, conversations, nowMs, withPhrase = true }: ArchivedProfile,
): AsyncGenerator<ArchiveRecord> {
  const recovery = withPhrase ? await store.get('profile', 'recovery') : undefined
  const settings = await store.get('profile', 'settings')
  yield {
    kind: ArchiveRecordKind.account, origin: identity.origin, accountId: identity.accountId, accountName: identity.accountName,
    accountKey: identity.accountKey, accountPrivateKey: identity.accountPrivateKey,
    phraseEntropy: recovery && decodeRecord(RecoveryRecord, recovery).entropy,
    sendsReceipts: settings !== undefined && decodeRecord(SettingsRecord, settings).sendsReceipts,
    createdAtMs: nowMs,
  }
  for await (const { key, value } of entries(store, 'pins', '')) {
    const name = await store.get('names', key)
    const verification = await store.get('verifications', key)
    yield {
      kind: ArchiveRecordKind.person, accountId: key as AccountId, ...decodeRecord(PinRecord, value),
      name: name === undefined ? '' : decodeRecord(NameRecord, name).accountName,
      verification: verification && decodeRecord(VerificationRecord, verification),
    }
  }
  for await (const { key, value } of entries(store, 'deviceLists', '')) {
    yield { kind: ArchiveRecordKind.deviceList, accountId: key as AccountId, list: decodeRecord(DeviceListRecord, value) }
  }
  for (const [deviceId, named] of await readDeviceNames(store)) yield { kind: ArchiveRecordKind.deviceName, deviceId, ...named }
  for (const { conversationId, kind, name, members, seq } of conversations) {
    yield { kind: ArchiveRecordKind.conversation, conversationId, conversationKind: kind, name, members: members.map(({ accountId }) => accountId), seq }
    const prefix = conversationPrefix(conversationId)
    for await (const { key, value } of entries(store, 'history', prefix)) {
      yield { kind: ArchiveRecordKind.event, conversationId, place: key.slice(prefix.length), event: decodeRecord(HistoryRecord, value) }
    }
    for await (const { key, value } of entries(store, 'seen', prefix)) {
      yield { kind: ArchiveRecordKind.seen, conversationId, id: key.slice(prefix.length), seen: decodeRecord(SeenRecord, value) }
    }
  }
}

/** Reads a table in pages: a history does not have to fit into memory. */
async function* entries(store: Store, table: Table, prefix: string): AsyncGenerator<Entry> {
  let after: string | undefined
  for (;;) {
    const page = await store.list(table, { prefix, limit: PAGE, ...(after === undefined ? {} : { after }) })
    yield* page
    if (page.length < PAGE) return
    after = page.at(-1)?.key
  }
}

/** Reads an archive to its end, down to what each message says. @throws ClientError `client.archive.damaged` */
export const summarize = async (records: AsyncIterable<ArchiveRecord>): Promise<{ readonly account: ArchiveRecordOf<'account'>; readonly summary: ArchiveSummary }> => {
  let account: ArchiveRecordOf<'account'> | undefined
  let people = 0
  let conversations = 0
  let messages = 0
  for await (const record of records) {
    if (record.kind === ArchiveRecordKind.account) account = record
    if (record.kind === ArchiveRecordKind.person) people++
    if (record.kind === ArchiveRecordKind.conversation) conversations++
    if (record.kind === ArchiveRecordKind.event && record.event.kind === HistoryKind.message) {
      decodeContent(record.event.content)
      messages++
    }
  }
  if (account === undefined) throw new TypeError('records start with the account')
  const { accountId, accountName, origin, createdAtMs, accountPrivateKey } = account
  return { account, summary: { accountId, accountName, origin, createdAtMs, hasAccountKey: accountPrivateKey !== undefined, people, conversations, messages } }
}

/** Puts records where they belong, page by page; doing it twice changes nothing. */
export const takeRecords = async (store: Store, records: AsyncIterable<ArchiveRecord>): Promise<void> => {
  let page: ArchiveRecord[] = []
  for await (const record of records) {
    page.push(record)
    if (page.length === PAGE) {
      await takePage(store, page)
      page = []
    }
  }
  await takePage(store, page)
}

const takePage = (store: Store, page: readonly ArchiveRecord[]): Promise<void> =>
  store.exclusive(async () => {
    const changes: Change[] = []
    for (const record of page) changes.push(...await changesFor(store, record))
    if (changes.length > 0) await writeDeviceLists(store, changes)
  })

const changesFor = async (store: Store, record: ArchiveRecord): Promise<readonly Change[]> => {
  const missing = async (table: Table, key: string, value: () => Uint8Array): Promise<readonly Change[]> =>
    await store.get(table, key) === undefined ? [{ table, key, value: value() }] : []
  switch (record.kind) {
    case ArchiveRecordKind.account: {
      const { phraseEntropy, sendsReceipts, createdAtMs } = record
      const settings = await missing('profile', 'settings', () => encodeRecord(SettingsRecord, { sendsReceipts }))
      if (phraseEntropy === undefined) return settings
      return [...settings, ...await missing('profile', 'recovery', () => encodeRecord(RecoveryRecord, { entropy: phraseEntropy, madeAtMs: createdAtMs, rehearsedAtMs: 0 }))]
    }
    case ArchiveRecordKind.person: {
      const { accountId, accountKey, source, pinnedAtMs, name, verification } = record
      const pinned = await store.get('pins', accountId)
      // another key is known here: what was known elsewhere says nothing about it
      if (pinned !== undefined && !equal(decodeRecord(PinRecord, pinned).accountKey, accountKey)) return []
      return [
        ...await missing('pins', accountId, () => encodeRecord(PinRecord, { accountKey, source, pinnedAtMs })),
        ...name === '' ? [] : await missing('names', accountId, () => encodeRecord(NameRecord, { accountName: name })),
        ...verification === undefined ? [] : await missing('verifications', accountId, () => encodeRecord(VerificationRecord, verification)),
      ]
    }
    case ArchiveRecordKind.conversation: {
      const { conversationId, conversationKind: kind, name, members, seq } = record
      if (await store.get('conversations', conversationId) !== undefined) return gapBefore(store, conversationId, seq)
      return missing('archived', conversationId, () => encodeRecord(ArchivedRecord, { kind, name, members, seq }))
    }
    case ArchiveRecordKind.event:
      return missing('history', conversationPrefix(record.conversationId) + record.place, () => encodeRecord(HistoryRecord, record.event))
    case ArchiveRecordKind.seen:
      return missing('seen', conversationPrefix(record.conversationId) + record.id, () => encodeRecord(SeenRecord, record.seen))
    case ArchiveRecordKind.deviceList:
      return missing('deviceLists', record.accountId, () => encodeRecord(DeviceListRecord, record.list))
    case ArchiveRecordKind.deviceName:
      return toldDeviceName(store, record)
    case ArchiveRecordKind.end:
      return []
  }
}

/** The device came in before the archive did: what was said between the two is not here, and a notice says so. */
const gapBefore = async (store: Store, conversationId: ConversationId, seq: number): Promise<readonly Change[]> => {
  const prefix = conversationPrefix(conversationId)
  const [first] = await store.list('history', { prefix, limit: 1 })
  const record = first && decodeRecord(HistoryRecord, first.value)
  if (first === undefined || record?.kind !== HistoryKind.joined) return []
  const { accountId, deviceId, atMs, epoch } = record
  const count = seqOfKey(conversationId, first.key) - seq
  if (count <= 0) return []
  const code = 'client.history.gap'
  return [{ table: 'history', key: noticeKey(conversationId, seq, { code, deviceId }), value: encodeHistory({ kind: HistoryKind.notice, accountId, deviceId, atMs, epoch, errorCode: code, count }) }]
}
