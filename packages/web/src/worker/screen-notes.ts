/**
 * What screens remember on this device: unfinished texts, and how far the person has read. Sealed like everything else.
 */
import { type BrowserStore, openIndexedStore } from '@famichat/client/browser'

/** Worth several of the longest messages, with all that is kept of each. */
const TRIED_BYTES = 1 << 19

/** Drafts and reading positions. */
export class ScreenNotes {
  readonly #store: BrowserStore

  private constructor(store: BrowserStore) {
    this.#store = store
  }

  static async open(): Promise<ScreenNotes> {
    return new ScreenNotes(await openIndexedStore({ name: 'famichat-screens' }))
  }

  async draft(conversationId: string): Promise<string> {
    const kept = await this.#store.get('profile', `draft/${conversationId}`)
    return kept === undefined ? '' : new TextDecoder().decode(kept)
  }

  keepDraft(conversationId: string, text: string): Promise<void> {
    return this.#store.write([{ table: 'profile', key: `draft/${conversationId}`, value: text === '' ? undefined : new TextEncoder().encode(text) }])
  }

  /** Saves a good deal and drops it again. @throws ClientError `client.store.failed` where there is no room */
  async tryToSave(): Promise<void> {
    await this.#store.write([{ table: 'profile', key: 'room', value: new Uint8Array(TRIED_BYTES) }])
    await this.#store.write([{ table: 'profile', key: 'room', value: undefined }])
  }

  async seenSeq(conversationId: string): Promise<number> {
    const kept = await this.#store.get('profile', `seen/${conversationId}`)
    return kept === undefined ? 0 : Number(new TextDecoder().decode(kept))
  }

  /** @returns whether that is news */
  async see(conversationId: string, seq: number): Promise<boolean> {
    if (await this.seenSeq(conversationId) >= seq) return false
    await this.#store.write([{ table: 'profile', key: `seen/${conversationId}`, value: new TextEncoder().encode(seq.toString()) }])
    return true
  }
}
