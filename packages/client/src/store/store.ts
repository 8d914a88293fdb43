/**
 * Store: what a client keeps, as one contract for SQLite and IndexedDB. Records are bytes under a text key in a table.
 * Values hold secrets and plaintext: an implementation must seal what it writes.
 */

/** The tables. Keys that start with a conversation's id are listed by that prefix. */
export const TABLES = [
  /** Who this device is. */
  'profile',
  /** Private halves of published KeyPackages, by reference. */
  'keyPackages',
  /** Account keys, pinned when first seen. */
  'pins',
  /** Device lists of accounts as far as this device has followed them, by account id. */
  'deviceLists',
  /** Their signed versions as they came, the last ones, for a server that lost them: `<account>/<number modulo how many are kept>`. */
  'listVersions',
  /** Names of accounts, by account id. */
  'names',
  /** What people call devices: those of this account, and those that it lets in; by device id. */
  'deviceNames',
  /** Whose key was compared by people, by account id. */
  'verifications',
  /** Whose key changed and is not acknowledged, by account id. */
  'keyChanges',
  'conversations',
  /** Conversations that are known from an archive only, by id. */
  'archived',
  /** The engine's rows: `<conversation>/<row>`. */
  'groupRows',
  /** Log entries as they came, the last ones, for a server that lost them: `<conversation>/<seq modulo their number>`. */
  'taken',
  /** What was shown: `<conversation>/<seq>`. */
  'history',
  /** Message ids that were taken: `<conversation>/<account>/<message>`. */
  'seen',
  /** Messages to be said again, wanted from others or owed to them: `<conversation>/<what>/<message>`. */
  'resends',
  /** Who wrote how many messages: `<conversation>/<device>`. */
  'senders',
  /** When which device gave its last sign: `<conversation>/<device>`. */
  'presence',
  /** Files on their way to the server: `<conversation>/<hash of the file>`. */
  'uploads',
  /** Secrets of invites that this device made or came by, by invite. */
  'invites',
  /** What was said, on its way to or from another device of the account: `out/<device>` and `in`, and their pieces behind another `/`. */
  'transfers',
  /** Written, encrypted, not accepted yet: `<conversation>/<order>`. */
  'outbox',
  /** The commit this device waits for, by conversation. */
  'commits',
  /** Changes that are wanted but not made: `<conversation>/<id>`. */
  'intents',
] as const
export type Table = (typeof TABLES)[number]

/** Puts a value at a key, or deletes the key when the value is undefined. */
export interface Change {
  readonly table: Table
  readonly key: string
  readonly value: Uint8Array | undefined
}

/** A version that must not have moved since it was read; the write moves it by one (E4). */
export interface Guard {
  readonly name: string
  readonly version: number
}

/** A stored record. */
export interface Entry {
  readonly key: string
  readonly value: Uint8Array
}

/** Which records of a table, in the order of their keys. */
export interface Range {
  /** Only keys that start with this; empty for all. */
  readonly prefix: string
  /** Only keys after this one. */
  readonly after?: string
  readonly limit?: number
}

/** A client's storage. */
export interface Store {
  /**
   * Runs `work` while no other work runs on this profile, in this process or another. Not reentrant: keep the network out.
   * @throws ClientError `client.profile.busy`
   */
  exclusive<T>(work: () => Promise<T>): Promise<T>
  get(table: Table, key: string): Promise<Uint8Array | undefined>
  list(table: Table, range: Range): Promise<readonly Entry[]>
  /** How often a guarded write went to this name; 0 at first. */
  version(name: string): Promise<number>
  /** Writes all or nothing, and returns when it is durable. @throws ClientError `client.store.stale` | `client.store.failed` */
  write(changes: readonly Change[], guard?: Guard): Promise<void>
  close(): Promise<void>
}
