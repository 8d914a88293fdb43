/**
 * Photos and small files that were shown, saved or sent here, kept sealed on this device: they are there without a
 * connection, and after the server has let them go. The oldest ones make room.
 */
import { type BrowserStore, openIndexedStore } from '@famichat/client/browser'
import type { MessageName } from '../requests.js'

/** What is bigger is fetched anew each time. */
const MAX_FILE_BYTES = 5e6
/** Of all kept files together … */
const MAX_TOTAL_BYTES = 200e6
/** … and no more than this part of what the browser allows: messages go first. */
const MAX_SHARE = 0.2
const INDEX = 'kept'

interface Kept {
  readonly key: string
  readonly bytes: number
}

/** Files of messages, by message. */
export class KeptFiles {
  readonly #store: BrowserStore
  readonly #forgotten = new Set<string>()

  private constructor(store: BrowserStore) {
    this.#store = store
  }

  static async open(): Promise<KeptFiles> {
    return new KeptFiles(await openIndexedStore({ name: 'famichat-files' }))
  }

  /** The file of a message, if it is kept. What is damaged counts as not kept: the server is asked. */
  async get(conversationId: string, message: MessageName): Promise<Blob | undefined> {
    const bytes = await this.#store.get('history', keyOf(conversationId, message)).catch(() => undefined)
    return bytes === undefined ? undefined : new Blob([bytes as Uint8Array<ArrayBuffer>])
  }

  /** Keeps a file if it is small enough. A device without room goes on without. */
  async keep(conversationId: string, message: MessageName, file: Blob): Promise<void> {
    if (file.size > MAX_FILE_BYTES) return
    const key = keyOf(conversationId, message)
    try {
      const value = new Uint8Array(await file.arrayBuffer())
      const { quota = Infinity } = await navigator.storage.estimate()
      const room = Math.min(MAX_TOTAL_BYTES, quota * MAX_SHARE)
      await this.#store.exclusive(async () => {
        const kept = [...(await this.#kept()).filter((other) => other.key !== key), { key, bytes: value.length }]
        let total = kept.reduce((sum, { bytes }) => sum + bytes, 0)
        const over: Kept[] = []
        for (let oldest = kept[0]; total > room && oldest !== undefined; [oldest] = kept) {
          over.push(oldest)
          kept.shift()
          total -= oldest.bytes
        }
        if (kept.length === 0) return
        await this.#store.write([{ table: 'history', key, value }, ...over.map((old) => ({ table: 'history' as const, key: old.key, value: undefined })), indexOf(kept)])
      })
    } catch {
      // it was shown all the same
    }
  }

  /** The message was taken back. */
  async forget(conversationId: string, message: MessageName): Promise<void> {
    const key = keyOf(conversationId, message)
    if (this.#forgotten.has(key)) return
    this.#forgotten.add(key)
    await this.#store.exclusive(async () => {
      const kept = await this.#kept()
      if (kept.some((other) => other.key === key)) await this.#store.write([{ table: 'history', key, value: undefined }, indexOf(kept.filter((other) => other.key !== key))])
    }).catch(() => { this.#forgotten.delete(key) })
  }

  async #kept(): Promise<readonly Kept[]> {
    const stored = await this.#store.get('profile', INDEX)
    return stored === undefined ? [] : JSON.parse(new TextDecoder().decode(stored)) as readonly Kept[]
  }
}

const keyOf = (conversationId: string, { accountId, messageId }: MessageName): string => `${conversationId}/${accountId}/${messageId}`

const indexOf = (kept: readonly Kept[]): { readonly table: 'profile'; readonly key: string; readonly value: Uint8Array } =>
  ({ table: 'profile', key: INDEX, value: new TextEncoder().encode(JSON.stringify(kept)) })
