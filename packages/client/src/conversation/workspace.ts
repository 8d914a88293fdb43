/**
 * Workspace: the one way to touch a conversation's state (E4). A turn holds the profile, loads, computes, and writes
 * everything in one transaction guarded by a version; only what it returns may be sent or shown. When anything fails,
 * memory is thrown away and the rows are the truth.
 */
import { type Clock, present, type RandomBytes } from '@famichat/base'
import { type CipherSuite, Group, type GroupConfig, type StateRow } from '@famichat/mls'
import type { ConversationId } from '@famichat/protocol'
import { ClientError } from '../client-error.js'
import type { Identity } from '../identity/identity.js'
import type { InvitePsks } from '../identity/invite-secrets.js'
import type { Trust } from '../identity/trust.js'
import { ConversationRecord, conversationPrefix, decodeRecord, encodeRecord } from '../store/records.js'
import type { Change, Store, Table } from '../store/store.js'

/** Named moments at which a test may end the process. */
export type PointListener = (point: string) => void

/** What everything in a client works with. */
export interface WorkspaceContext {
  readonly store: Store
  readonly suite: CipherSuite
  readonly groupConfig: GroupConfig
  readonly identity: Identity
  readonly trust: Trust
  /** Secrets of invites, for the conversations they lock. */
  readonly psks: InvitePsks
  readonly clock: Clock
  readonly random: RandomBytes
  readonly onPoint: PointListener
  /** Called after a turn has written history or membership of a conversation. */
  readonly onWritten: (conversationId: ConversationId) => void
}

/** One conversation, held for the length of a turn. */
export interface Turn {
  /** As stored; undefined when this device does not know the conversation. */
  readonly record: ConversationRecord | undefined
  /** The group, when there is one. */
  readonly group: Group | undefined
  /** Replaces fields of the record. */
  update(fields: Partial<ConversationRecord>): void
  /** Starts to keep a conversation with this group. */
  adopt(record: ConversationRecord, group: Group): void
  put(table: Table, key: string, value: Uint8Array | undefined): void
}

interface Kept {
  readonly version: number
  readonly group: Group
}

/** Gives turns on conversations. */
export class Workspace {
  readonly context: WorkspaceContext
  readonly #kept = new Map<ConversationId, Kept>()

  constructor(context: WorkspaceContext) {
    this.context = context
  }

  /**
   * Runs `work` on a conversation and writes what it did.
   * @param name of the turn: its crash points are `<name>.computed` and `<name>.written`
   */
  turn<T>(name: string, conversationId: ConversationId, work: (turn: Turn) => Promise<T>): Promise<T> {
    const { store, onPoint, onWritten } = this.context
    return store.exclusive(async () => {
      const version = await store.version(conversationId)
      try {
        const turn = new OpenTurn(await this.#readRecord(conversationId), await this.#load(conversationId, version))
        const result = await work(turn)
        const changes = await this.#changesOf(conversationId, turn)
        if (changes.length > 0) {
          onPoint(`${name}.computed`)
          await store.write(changes, { name: conversationId, version })
          this.#keep(conversationId, turn.group, version + 1)
          onPoint(`${name}.written`)
          onWritten(conversationId)
        }
        return result
      } catch (error) {
        this.#forget(conversationId)
        this.context.trust.forget()
        this.context.psks.forget()
        throw error
      }
    })
  }

  /** Reads the record without a turn: for lists and decisions that a turn repeats. */
  async read(conversationId: ConversationId): Promise<ConversationRecord> {
    const record = await this.#readRecord(conversationId)
    if (record !== undefined) return record
    throw new ClientError(await this.isArchived(conversationId) ? 'client.conversation.awaiting' : 'client.conversation.unknown')
  }

  /** True for a conversation that is known from an archive only. */
  async isArchived(conversationId: ConversationId): Promise<boolean> {
    return await this.context.store.get('archived', conversationId) !== undefined
  }

  /** All conversations, by id. */
  async list(): Promise<readonly { conversationId: ConversationId; record: ConversationRecord }[]> {
    const entries = await this.context.store.list('conversations', { prefix: '' })
    return entries.map(({ key, value }) => ({ conversationId: key as ConversationId, record: decodeRecord(ConversationRecord, value) }))
  }

  /** Deletes secrets from memory. */
  close(): void {
    for (const conversationId of [...this.#kept.keys()]) this.#forget(conversationId)
  }

  async #readRecord(conversationId: ConversationId): Promise<ConversationRecord | undefined> {
    const stored = await this.context.store.get('conversations', conversationId)
    return stored && decodeRecord(ConversationRecord, stored)
  }

  async #load(conversationId: ConversationId, version: number): Promise<Group | undefined> {
    const kept = this.#kept.get(conversationId)
    if (kept?.version === version) return kept.group
    this.#forget(conversationId)
    const prefix = conversationPrefix(conversationId)
    const entries = await this.context.store.list('groupRows', { prefix })
    if (entries.length === 0) return undefined
    const rows = entries.map(({ key, value }): StateRow => ({ key: key.slice(prefix.length), value }))
    const { groupConfig, identity } = this.context
    const group = Group.restore({ config: groupConfig, signer: identity.signer, rows })
    this.#keep(conversationId, group, version)
    return group
  }

  async #changesOf(conversationId: ConversationId, turn: OpenTurn): Promise<readonly Change[]> {
    const prefix = conversationPrefix(conversationId)
    const changes: Change[] = []
    if (turn.isAdopted) {
      // rows of an earlier membership must not mix with the new ones
      for (const { key } of await this.context.store.list('groupRows', { prefix })) changes.push({ table: 'groupRows', key, value: undefined })
    }
    for (const { key, value } of turn.group?.takeChanges() ?? []) changes.push({ table: 'groupRows', key: prefix + key, value })
    if (turn.isRecordChanged) {
      changes.push({ table: 'conversations', key: conversationId, value: encodeRecord(ConversationRecord, present(turn.record, 'a changed record is there')) })
    }
    return [...changes, ...turn.changes, ...this.context.trust.takeChanges()]
  }

  #keep(conversationId: ConversationId, group: Group | undefined, version: number): void {
    const kept = this.#kept.get(conversationId)
    if (kept !== undefined && kept.group !== group) kept.group.close()
    if (group === undefined) this.#kept.delete(conversationId)
    else this.#kept.set(conversationId, { group, version })
  }

  #forget(conversationId: ConversationId): void {
    this.#kept.get(conversationId)?.group.close()
    this.#kept.delete(conversationId)
  }
}

class OpenTurn implements Turn {
  readonly changes: Change[] = []
  isRecordChanged = false
  isAdopted = false
  #record: ConversationRecord | undefined
  #group: Group | undefined

  constructor(record: ConversationRecord | undefined, group: Group | undefined) {
    this.#record = record
    this.#group = group
  }

  get record(): ConversationRecord | undefined {
    return this.#record
  }

  get group(): Group | undefined {
    return this.#group
  }

  update(fields: Partial<ConversationRecord>): void {
    this.#record = { ...present(this.#record, 'only a known conversation is updated'), ...fields }
    this.isRecordChanged = true
  }

  adopt(record: ConversationRecord, group: Group): void {
    this.#record = record
    this.#group = group
    this.isRecordChanged = true
    this.isAdopted = true
  }

  put(table: Table, key: string, value: Uint8Array | undefined): void {
    this.changes.push({ table, key, value })
  }
}
