/**
 * @famichat/client/browser: profiles in a sealed IndexedDB, sockets and primitives of browsers. Runs in pages and workers.
 */
import { makeWebCryptoBackend } from '@famichat/mls/webcrypto'
import type { Platform } from '../platform.js'
import { openBrowserSocket } from './socket.js'

export { browserAuthenticator, hasPasskeys } from './authenticator.js'
export { type BrowserStore, type BrowserStoreOptions, openIndexedStore, type Written } from './indexed-store.js'
export { leadWhenFirst } from './leader.js'

/** Where browser clients run; finds out what this browser's WebCrypto has. */
export const openBrowserPlatform = async (): Promise<Platform> =>
  ({ backend: await makeWebCryptoBackend({ withAesGcm: false }), network: { fetch: (url, init) => fetch(url, init), openSocket: openBrowserSocket } })
