/**
 * What the browser tests can ask of a page: the contract of stores, and what only a browser's store has.
 */
/// <reference lib="dom" />
import type { Authenticator } from '@famichat/client'
import { browserAuthenticator, hasPasskeys, leadWhenFirst, openIndexedStore } from '@famichat/client/browser'
import { STORE_CASES } from '../store/contract.js'

const CANARY = 'only for the family'
let opened = 0
const freshName = (): string => `famichat-test-${(opened++).toString()}`

const request = <T>(asked: IDBRequest<T>): Promise<T> => new Promise((resolve, reject) => {
  asked.onsuccess = () => { resolve(asked.result) }
  asked.onerror = () => { reject(new Error(asked.error?.name ?? 'IndexedDB refused')) }
})

/** IndexedDB as anybody with the disk sees it. */
const rawly = async <T>(name: string, work: (database: IDBDatabase) => Promise<T>): Promise<T> => {
  const database = await request(indexedDB.open(name))
  try {
    return await work(database)
  } finally {
    database.close()
  }
}

const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(() => 'no error', (error: unknown) => (error instanceof Error && 'code' in error ? String(error.code) : String(error)))

const text = new TextEncoder()

const asks = {
  /** Runs one case of the contract on a profile of its own. */
  contract: async (at: number): Promise<void> => {
    const name = freshName()
    await STORE_CASES[at]?.run(() => openIndexedStore({ name }))
  },

  /** @returns whether the canary is anywhere in the database, whether the key can be exported, how writes are made */
  sealed: async (): Promise<{ readonly isReadable: boolean; readonly isExportable: boolean; readonly durabilities: readonly string[] }> => {
    const name = freshName()
    const durabilities: string[] = []
    // eslint-disable-next-line @typescript-eslint/unbound-method -- called with its own `this` below
    const { transaction } = IDBDatabase.prototype
    IDBDatabase.prototype.transaction = function spied(this: IDBDatabase, ...given: Parameters<typeof transaction>) {
      const made = transaction.apply(this, given)
      if (given[1] === 'readwrite') durabilities.push(made.durability)
      return made
    }
    const store = await openIndexedStore({ name })
    await store.write([{ table: 'history', key: 'a/1', value: text.encode(CANARY) }], { name: 'a', version: 0 })
    IDBDatabase.prototype.transaction = transaction
    await store.close()
    return rawly(name, async (database) => {
      const tables = [...database.objectStoreNames]
      const reading = database.transaction(tables)
      const values: unknown[] = (await Promise.all(tables.map((table) => request(reading.objectStore(table).getAll())))).flat()
      const isReadable = values.some((value) => value instanceof Uint8Array && new TextDecoder('latin1').decode(value).includes(CANARY))
      const key = values.find((value) => value instanceof CryptoKey)
      return { isReadable, isExportable: key?.extractable ?? true, durabilities }
    })
  },

  /** @returns what reading says of a record with one bit changed, of one at the place of another, and of one whose key is gone */
  tampered: async (): Promise<readonly string[]> => {
    const name = freshName()
    const store = await openIndexedStore({ name })
    await store.write(['a', 'b'].map((key) => ({ table: 'profile', key, value: text.encode(`value of ${key}`) })))
    await store.close()
    await rawly(name, async (database) => {
      const profile = database.transaction('profile', 'readwrite').objectStore('profile')
      const record = new Uint8Array(await request(profile.get('a') as IDBRequest<Uint8Array>))
      await request(profile.put(record.slice(), 'b'))
      record[record.length - 1] = (record[record.length - 1] ?? 0) ^ 1
      await request(profile.put(record, 'a'))
    })
    const again = await openIndexedStore({ name })
    const codes = [await codeOf(again.get('profile', 'a')), await codeOf(again.get('profile', 'b'))]
    await again.close()
    await rawly(name, (database) => request(database.transaction('keys', 'readwrite').objectStore('keys').clear()))
    return [...codes, await codeOf(openIndexedStore({ name }))]
  },

  /** @returns what a turn says that waits too long for another one */
  impatient: async (): Promise<string> => {
    const name = freshName()
    const [holder, waiter] = [await openIndexedStore({ name }), await openIndexedStore({ name, patienceMs: 1000 })]
    const outcome = await holder.exclusive(() => codeOf(waiter.exclusive(() => Promise.resolve())))
    await holder.close()
    await waiter.close()
    return outcome
  },

  /** @returns what the other one, and the writer itself, hear of a write */
  news: async (): Promise<readonly unknown[]> => {
    const name = freshName()
    const [writer, reader] = [await openIndexedStore({ name }), await openIndexedStore({ name })]
    const heard = [reader, writer].map((store) => new Promise((resolve) => { store.watch(resolve) }))
    await writer.write([
      { table: 'history', key: 'a/1', value: text.encode('1') }, { table: 'history', key: 'a/2', value: text.encode('2') },
      { table: 'conversations', key: 'a', value: text.encode('3') },
    ])
    const news = await Promise.all(heard)
    await writer.close()
    await reader.close()
    return news
  },

  /** Leads for ever, once it is this page's turn. */
  lead: (): void => {
    void leadWhenFirst('test', new AbortController().signal, () => {
      document.title = 'leads'
      return new Promise(() => undefined)
    })
  },

  /** @returns nothing, when a wait for the lead that is given up ends without leading */
  giveUpLeading: (): Promise<void> => {
    const waiting = new AbortController()
    const waited = leadWhenFirst('test', waiting.signal, () => Promise.reject(new Error('led')))
    waiting.abort()
    return waited
  },
}

/** What a worker asks of its page: the browser's own passkeys. A refusal comes as its code. */
const authenticator = {
  create: (...given: Parameters<Authenticator['create']>) => orCode(browserAuthenticator.create(...given)),
  answer: (...given: Parameters<Authenticator['answer']>) => orCode(browserAuthenticator.answer(...given)),
  hasPasskeys: () => hasPasskeys(),
}

const orCode = <T>(work: Promise<T>): Promise<T | string> =>
  work.catch((error: unknown) => (error instanceof Error && 'code' in error ? String(error.code) : String(error)))

/** What page.ts can be asked. */
export type Asks = typeof asks

Object.assign(globalThis, { famichatPage: asks, famichatAuthenticator: authenticator })
