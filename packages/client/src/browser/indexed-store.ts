/**
 * The Store of browsers: IndexedDB, every value sealed (sealing.ts), every write durable before it counts. Keys of records
 * are ids and stay readable. Tabs share it: turns are a Web Lock, and whoever writes tells the others.
 */
import { type DBSchema, type IDBPDatabase, openDB, type StoreNames } from 'idb'
import { present, type RandomBytes, systemRandom } from '@famichat/base'
import { ClientError } from '../client-error.js'
import { type Change, type Entry, type Guard, type Range, type Store, type Table, TABLES } from '../store/store.js'
import { makeSealingKey, Sealer } from './sealing.js'

/** Tables are only ever added, so their number tells which there are. */
const SCHEMA_VERSION = TABLES.length
const SEALING_KEY = 'sealing'
/** Above every character of a key. */
const AFTER_ALL = '\uffff'

/** What was written: the table, and the first part of the key, which is a conversation's id in the tables that have it. */
export interface Written {
  readonly table: Table
  readonly id: string
}

/** A Store whose writes can be heard. */
export interface BrowserStore extends Store {
  /** Hears of every write, of this tab and of others, after it is durable. @returns stops hearing */
  watch(listener: (written: readonly Written[]) => void): () => void
}

/** How a profile is opened in a browser. */
export interface BrowserStoreOptions {
  /** Of the database; default `famichat`. */
  readonly name?: string
  readonly random?: RandomBytes
  /** How long a turn waits for other tabs; default 20 s. */
  readonly patienceMs?: number
}

type SealedTables = Record<Table, { key: string; value: Uint8Array }>
interface Schema extends DBSchema, SealedTables {
  versions: { key: string; value: number }
  keys: { key: string; value: CryptoKey }
}

/** Opens or makes the profile of this browser. @throws ClientError `client.store.*` */
export const openIndexedStore = async ({ name = 'famichat', random = systemRandom, patienceMs = 20_000 }: BrowserStoreOptions = {}): Promise<BrowserStore> =>
  guarded(async () => {
    const database = await openDB<Schema>(name, SCHEMA_VERSION, {
      upgrade: (changing) => {
        for (const table of [...TABLES, 'versions', 'keys'] as const) if (!changing.objectStoreNames.contains(table)) changing.createObjectStore(table)
      },
      // a newer page wants to change the schema: it must not wait for this one
      blocking: (_from, _to, event) => { (event.target as IDBDatabase).close() },
    })
    return new IndexedStore({ database, name, patienceMs, sealer: new Sealer(await findSealingKey(database), random) })
  })

/** The key is made once; of two tabs that open at the same moment, one makes it. */
const findSealingKey = async (database: IDBPDatabase<Schema>): Promise<CryptoKey> => {
  const fresh = await makeSealingKey()
  const transaction = database.transaction(['keys', 'profile'], 'readwrite', { durability: 'strict' })
  const kept = await transaction.objectStore('keys').get(SEALING_KEY)
  const isNew = await transaction.objectStore('profile').count() === 0
  if (kept === undefined && isNew) await transaction.objectStore('keys').put(fresh, SEALING_KEY)
  await transaction.done
  // records whose key is gone: a new key would only hide that
  if (kept === undefined && !isNew) throw new ClientError('client.store.malformed')
  return kept ?? fresh
}

class IndexedStore implements BrowserStore {
  readonly #database: IDBPDatabase<Schema>
  readonly #sealer: Sealer
  readonly #lockName: string
  readonly #patienceMs: number
  readonly #news: BroadcastChannel
  readonly #listeners = new Set<(written: readonly Written[]) => void>()

  constructor({ database, sealer, name, patienceMs }: { database: IDBPDatabase<Schema>; sealer: Sealer; name: string; patienceMs: number }) {
    this.#database = database
    this.#sealer = sealer
    this.#lockName = `${name} profile`
    this.#patienceMs = patienceMs
    this.#news = new BroadcastChannel(`${name} written`)
    this.#news.onmessage = ({ data }: MessageEvent<readonly Written[]>) => { this.#tell(data) }
  }

  async exclusive<T>(work: () => Promise<T>): Promise<T> {
    const patience = AbortSignal.timeout(this.#patienceMs)
    let result: { readonly value: T } | undefined
    try {
      await navigator.locks.request(this.#lockName, { signal: patience }, async () => { result = { value: await work() } })
    } catch (cause) {
      // the signal ends only the wait; what the work throws is another error
      if (cause !== patience.reason) throw cause
      throw new ClientError('client.profile.busy', {}, { cause })
    }
    return present(result, 'a granted turn has a result').value
  }

  get(table: Table, key: string): Promise<Uint8Array | undefined> {
    return guarded(async () => {
      const record = await this.#database.get(table, key)
      return record === undefined ? undefined : this.#sealer.open(table, key, record)
    })
  }

  list(table: Table, { prefix, after = '', limit }: Range): Promise<readonly Entry[]> {
    return guarded(async () => {
      if (limit === 0 || after >= prefix + AFTER_ALL) return []
      const range = after >= prefix && after !== ''
        ? IDBKeyRange.bound(after, prefix + AFTER_ALL, true, true)
        : IDBKeyRange.bound(prefix, prefix + AFTER_ALL, false, true)
      const transaction = this.#database.transaction(table)
      const [keys, records] = await Promise.all([transaction.store.getAllKeys(range, limit), transaction.store.getAll(range, limit), transaction.done])
      return Promise.all(keys.map(async (key, at) => ({ key, value: await this.#sealer.open(table, key, records[at]) })))
    })
  }

  version(name: string): Promise<number> {
    return guarded(async () => await this.#database.get('versions', name) ?? 0)
  }

  write(changes: readonly Change[], guard?: Guard): Promise<void> {
    return guarded(async () => {
      // sealed first: a transaction would close while waiting for the cipher
      const sealed = await Promise.all(changes.map(async ({ table, key, value }) =>
        ({ table, key, record: value && await this.#sealer.seal(table, key, value) })))
      await this.#commit(sealed, guard)
      this.#announce(changes)
    })
  }

  watch(listener: (written: readonly Written[]) => void): () => void {
    this.#listeners.add(listener)
    return () => { this.#listeners.delete(listener) }
  }

  async close(): Promise<void> {
    await this.exclusive(() => Promise.resolve())
    this.#news.close()
    this.#listeners.clear()
    this.#database.close()
  }

  async #commit(sealed: readonly { table: Table; key: string; record: Uint8Array | undefined }[], guard: Guard | undefined): Promise<void> {
    const stores: StoreNames<Schema>[] = ['versions', ...new Set(sealed.map(({ table }) => table))]
    const transaction = this.#database.transaction(stores, 'readwrite', { durability: 'strict' })
    const done = transaction.done
    // awaited below; an earlier throw must not leave its rejection unheard
    done.catch(() => undefined)
    if (guard !== undefined) {
      const versions = transaction.objectStore('versions')
      if ((await versions.get(guard.name) ?? 0) !== guard.version) {
        transaction.abort()
        throw new ClientError('client.store.stale')
      }
      await versions.put(guard.version + 1, guard.name)
    }
    const writes = sealed.map(({ table, key, record }) =>
      record === undefined ? transaction.objectStore(table).delete(key) : transaction.objectStore(table).put(record, key))
    await Promise.all(writes)
    await done
  }

  #announce(changes: readonly Change[]): void {
    const written = new Map<string, Written>()
    for (const { table, key } of changes) {
      const [id = key] = key.split('/', 1)
      written.set(`${table}/${id}`, { table, id })
    }
    const news = [...written.values()]
    this.#news.postMessage(news)
    this.#tell(news)
  }

  #tell(written: readonly Written[]): void {
    for (const listener of this.#listeners) listener(written)
  }
}

/** What IndexedDB throws becomes ours; its names, such as QuotaExceededError, hold nothing of a person. */
const guarded = async <T>(work: () => Promise<T>): Promise<T> => {
  try {
    return await work()
  } catch (cause) {
    if (cause instanceof ClientError) throw cause
    throw new ClientError('client.store.failed', { reason: cause instanceof Error ? cause.name : '' }, { cause })
  }
}
