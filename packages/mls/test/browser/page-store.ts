/**
 * IndexedDB with one table, for the page: what a web client keeps its keys and groups in.
 * The few types it needs are declared here, for the tests are compiled without the DOM.
 */
interface Request<T> {
  readonly result: T
  readonly error: Error | null
  onsuccess: (() => void) | null
  onerror: (() => void) | null
}

interface OpenRequest extends Request<Database> {
  onupgradeneeded: (() => void) | null
}

interface Table {
  get(key: string): Request<unknown>
  put(value: unknown, key: string): Request<unknown>
}

interface Database {
  createObjectStore(name: string): unknown
  transaction(name: string, mode: 'readonly' | 'readwrite'): { objectStore(name: string): Table }
}

const TABLE = 'state'

const settled = <T>(request: Request<T>): Promise<T> => new Promise((resolve, reject) => {
  request.onsuccess = () => { resolve(request.result) }
  request.onerror = () => { reject(request.error ?? new Error('IndexedDB refused')) }
})

const open = (): Promise<Database> => {
  const { indexedDB } = globalThis as unknown as { readonly indexedDB: { open(name: string, version: number): OpenRequest } }
  const request = indexedDB.open('famichat-test', 1)
  request.onupgradeneeded = () => { request.result.createObjectStore(TABLE) }
  return settled(request)
}

/** Writes one value. */
export const store = async (key: string, value: unknown): Promise<void> => {
  await settled((await open()).transaction(TABLE, 'readwrite').objectStore(TABLE).put(value, key))
}

/** Reads one value, undefined when there is none. */
export const load = async (key: string): Promise<unknown> =>
  settled((await open()).transaction(TABLE, 'readonly').objectStore(TABLE).get(key))
