/**
 * A store in memory, for tests of single parts.
 */
import type { Change, Entry, Guard, Range, Store, Table } from '../../dist/store/store.js'

export const memoryStore = (): Store => {
  const tables = new Map<Table, Map<string, Uint8Array>>()
  const table = (name: Table): Map<string, Uint8Array> => {
    const found = tables.get(name) ?? new Map<string, Uint8Array>()
    tables.set(name, found)
    return found
  }
  const versions = new Map<string, number>()
  let last: Promise<unknown> = Promise.resolve()
  return {
    exclusive: <T>(work: () => Promise<T>) => {
      const turn = last.then(work)
      last = turn.catch(() => undefined)
      return turn
    },
    get: (name, key) => Promise.resolve(table(name).get(key)),
    list: (name, { prefix, after, limit }: Range) => Promise.resolve([...table(name)].filter(([key]) => key.startsWith(prefix) && (after === undefined || key > after))
      .sort(([a], [b]) => (a < b ? -1 : 1)).slice(0, limit).map(([key, value]): Entry => ({ key, value }))),
    version: (name) => Promise.resolve(versions.get(name) ?? 0),
    write: (changes: readonly Change[], guard?: Guard) => {
      if (guard !== undefined) versions.set(guard.name, guard.version + 1)
      for (const { table: name, key, value } of changes) {
        if (value === undefined) table(name).delete(key)
        else table(name).set(key, value)
      }
      return Promise.resolve()
    },
    close: () => Promise.resolve(),
  }
}
