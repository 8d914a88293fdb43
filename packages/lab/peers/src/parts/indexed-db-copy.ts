/**
 * A browser's database in memory, and what a thief does with it: copy it under another name.
 */
import 'fake-indexeddb/auto'

const settled = <T>(request: IDBRequest<T>): Promise<T> => new Promise((resolve, reject) => {
  request.onsuccess = () => { resolve(request.result) }
  request.onerror = () => { reject(request.error ?? new Error('the database refused')) }
})

/** Which database to copy, and to where. */
export interface DatabaseCopy {
  readonly from: IDBFactory
  readonly to: IDBFactory
  readonly name: string
  readonly newName: string
}

/** Copies every store, index and record. @throws RangeError where there is no such database */
export const copyDatabase = async ({ from, to, name: wanted, newName }: DatabaseCopy): Promise<void> => {
  const known = (await from.databases()).find(({ name }) => name === wanted)
  if (known?.version === undefined) throw new RangeError(`there is no database ${wanted}`)
  const source = await settled(from.open(wanted))
  const names = [...source.objectStoreNames]
  const contents = names.length === 0 ? [] : await readStores(source, names)
  const request = to.open(newName, known.version)
  request.onupgradeneeded = () => {
    for (const { name, keyPath, autoIncrement, indexes, records } of contents) {
      const store = request.result.createObjectStore(name, { keyPath, autoIncrement })
      for (const index of indexes) store.createIndex(index.name, index.keyPath, { unique: index.unique, multiEntry: index.multiEntry })
      for (const { key, value } of records) {
        if (keyPath === null) store.put(value, key)
        else store.put(value)
      }
    }
  }
  const target = await settled(request)
  target.close()
  source.close()
}

interface StoreContents {
  readonly name: string
  readonly keyPath: string | string[] | null
  readonly autoIncrement: boolean
  readonly indexes: readonly { readonly name: string; readonly keyPath: string | string[]; readonly unique: boolean; readonly multiEntry: boolean }[]
  readonly records: readonly { readonly key: IDBValidKey; readonly value: unknown }[]
}

const readStores = async (database: IDBDatabase, names: readonly string[]): Promise<readonly StoreContents[]> => {
  const transaction = database.transaction([...names], 'readonly')
  return Promise.all(names.map(async (name) => {
    const store = transaction.objectStore(name)
    const indexes = [...store.indexNames].map((indexName) => store.index(indexName))
      .map((index) => ({ name: index.name, keyPath: index.keyPath, unique: index.unique, multiEntry: index.multiEntry }))
    const [keys, values] = await Promise.all([settled(store.getAllKeys()), settled<unknown[]>(store.getAll())])
    const records = keys.map((key, index) => ({ key, value: values[index] }))
    return { name, keyPath: store.keyPath, autoIncrement: store.autoIncrement, indexes, records }
  }))
}
