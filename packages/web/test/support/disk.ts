/**
 * A disk that fills up: the browser gives an origin little, and that is used to its last bytes.
 */
import type { Page } from 'playwright-core'

/** Enough for the app, and soon full. */
export const QUOTA_BYTES = 40e6

/** Fills what the browser gives this origin, to the last bytes. The browser's answer is its own: `QuotaExceededError`. */
export const fillUp = (page: Page): Promise<void> => page.evaluate(async () => {
  const opening = indexedDB.open('filler')
  opening.onupgradeneeded = () => { opening.result.createObjectStore('all', { autoIncrement: true }) }
  await new Promise((resolve) => { opening.onsuccess = resolve })
  const isKept = (bytes: number): Promise<boolean> => new Promise((resolve) => {
    // not to be compressed: each step of this generator is as good as random here
    let state = bytes
    const filling = Uint8Array.from({ length: bytes }, () => (state = Math.imul(state, 1_103_515_245) + 12_345 | 0) >>> 16)
    const transaction = opening.result.transaction('all', 'readwrite')
    transaction.objectStore('all').add(filling)
    transaction.oncomplete = () => { resolve(true) }
    transaction.onabort = () => { resolve(false) }
  })
  for (let bytes = 1 << 22; bytes > 16;) if (!(await isKept(bytes))) bytes >>= 1
})
