/**
 * A device's disk in memory: what was written stays when the process is killed, and nothing else does. Several processes
 * may have it open; turns are theirs one at a time, and a killed one's turn is free again, as with the real lock.
 */
import { type Change, ClientError, type Entry, type Guard, type Range, type Store, type Table, TABLES } from '@famichat/client'

/** The content of a disk at one moment. */
export type DiskImage = ReadonlyMap<string, Uint8Array>

/** A process that has the disk open. */
export interface DiskUser {
  readonly isDead: boolean
  /** Called before and after a write that names its purpose by its tables. */
  onWrite(moment: 'before' | 'after'): void
}

/** Makes a write do something else than it should: for tests of the simulation itself. */
export interface DiskDefect {
  /** What is written of these changes. */
  readonly keeps?: (change: Change) => boolean
  /** Reads that see nothing. */
  readonly hides?: (table: Table) => boolean
  /** So many last writes are lost when the process is killed. */
  readonly losesLast?: number
}

const never = <T>(): Promise<T> => new Promise<T>(() => undefined)

/** What a device has stored. */
export class Disk {
  #tables = new Map<Table, Map<string, Uint8Array>>()
  #versions = new Map<string, number>()
  #sorted = new Map<Table, readonly string[]>()
  #holder: DiskUser | undefined
  readonly #waiting: { readonly user: DiskUser; readonly go: () => void }[] = []
  readonly #before: { tables: Map<Table, Map<string, Uint8Array>>; versions: Map<string, number> }[] = []
  readonly defect: DiskDefect
  /** Hears what is written. */
  onChange: ((change: Change) => void) | undefined
  /** Set while every write fails, as on a full disk. */
  isFull = false

  constructor(image?: DiskImage, defect: DiskDefect = {}) {
    this.defect = defect
    if (image !== undefined) this.restore(image)
  }

  /** Everything, to be put back later. */
  image(): DiskImage {
    const records = [...this.#tables].flatMap(([table, rows]) => [...rows].map(([key, value]) => [`${table}:${key}`, value] as const))
    return new Map([...records, ...[...this.#versions].map(([name, version]) => [`version:${name}`, Uint8Array.of(version >>> 24, version >>> 16, version >>> 8, version)] as const)])
  }

  restore(image: DiskImage): void {
    this.#tables = new Map()
    this.#versions = new Map()
    this.#sorted = new Map()
    for (const [path, value] of image) {
      const [table, key] = [path.slice(0, path.indexOf(':')), path.slice(path.indexOf(':') + 1)]
      if (table === 'version') this.#versions.set(key, new DataView(value.buffer, value.byteOffset).getUint32(0))
      else this.#rowsOf(table as Table).set(key, value)
    }
  }

  /** For a process. */
  open(user: DiskUser): Store {
    const alive = <T>(work: () => T): Promise<T> => {
      if (user.isDead) return never<T>()
      return Promise.resolve().then(() => (user.isDead ? never<T>() : work()))
    }
    return {
      exclusive: (work) => this.#exclusive(user, work),
      get: (table, key) => alive(() => (this.defect.hides?.(table) === true ? undefined : this.#tables.get(table)?.get(key)?.slice())),
      list: (table, range) => alive(() => this.list(table, range)),
      version: (name) => alive(() => this.#versions.get(name) ?? 0),
      write: async (changes, guard) => {
        await alive(() => { user.onWrite('before') })
        await alive(() => { this.#write(changes, guard) })
        await alive(() => { user.onWrite('after') })
        await alive(() => undefined)
      },
      close: () => (user.isDead ? never() : Promise.resolve()),
    }
  }

  /** The process is gone: its turn goes to whoever waits. */
  killed(user: DiskUser): void {
    const { losesLast = 0 } = this.defect
    const [earlier] = this.#before.slice(-losesLast)
    if (losesLast > 0 && earlier !== undefined) {
      this.#tables = earlier.tables
      this.#versions = earlier.versions
      this.#sorted = new Map()
    }
    if (this.#holder === user) this.#passOn()
  }

  list(table: Table, { prefix, after = '', limit = -1 }: Range): readonly Entry[] {
    if (this.defect.hides?.(table) === true) return []
    const keys = this.#keysOf(table)
    const rows = this.#rowsOf(table)
    const entries: Entry[] = []
    for (let at = firstFrom(keys, prefix > after ? prefix : after); at < keys.length && entries.length !== limit; at++) {
      const key = keys[at] ?? ''
      if (!key.startsWith(prefix)) break
      if (key > after) entries.push({ key, value: (rows.get(key) ?? new Uint8Array(0)).slice() })
    }
    return entries
  }

  #rowsOf(table: Table): Map<string, Uint8Array> {
    const known = this.#tables.get(table)
    if (known !== undefined) return known
    const rows = new Map<string, Uint8Array>()
    this.#tables.set(table, rows)
    return rows
  }

  #keysOf(table: Table): readonly string[] {
    const known = this.#sorted.get(table)
    if (known !== undefined) return known
    const keys = [...this.#rowsOf(table).keys()].sort()
    this.#sorted.set(table, keys)
    return keys
  }

  #write(changes: readonly Change[], guard: Guard | undefined): void {
    if (this.isFull) throw new ClientError('client.store.failed', { sqlite: 'SQLITE_FULL' })
    if (guard !== undefined && (this.#versions.get(guard.name) ?? 0) !== guard.version) throw new ClientError('client.store.stale')
    if ((this.defect.losesLast ?? 0) > 0) {
      this.#before.push({ tables: new Map([...this.#tables].map(([table, rows]) => [table, new Map(rows)])), versions: new Map(this.#versions) })
      if (this.#before.length > 8) this.#before.shift()
    }
    if (guard !== undefined) this.#versions.set(guard.name, guard.version + 1)
    const reordered = new Set<Table>()
    for (const change of changes) {
      if (this.defect.keeps?.(change) === false) continue
      this.onChange?.(change)
      const { table, key, value } = change
      if (!TABLES.includes(table)) throw new RangeError(`no table ${table}`)
      const rows = this.#rowsOf(table)
      if (value === undefined ? rows.delete(key) : !rows.has(key)) reordered.add(table)
      if (value !== undefined) rows.set(key, value.slice())
    }
    for (const table of reordered) this.#sorted.delete(table)
  }

  async #exclusive<T>(user: DiskUser, work: () => Promise<T>): Promise<T> {
    if (user.isDead) return never<T>()
    if (this.#holder === undefined) this.#holder = user
    else await new Promise<void>((go) => { this.#waiting.push({ user, go }) })
    try {
      return await work()
    } finally {
      // a killed one's turn was passed on when it was killed
      if (this.#holder === user) this.#passOn()
    }
  }

  #passOn(): void {
    let next = this.#waiting.shift()
    while (next?.user.isDead === true) next = this.#waiting.shift()
    this.#holder = next?.user
    next?.go()
  }
}

const firstFrom = (keys: readonly string[], key: string): number => {
  let [low, high] = [0, keys.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((keys[middle] ?? '') < key) low = middle + 1
    else high = middle
  }
  return low
}
