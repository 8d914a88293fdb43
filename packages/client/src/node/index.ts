/**
 * @famichat/client/node: profiles in an encrypted SQLite file, sockets and primitives of Node.
 */
import { nodeBackend } from '@famichat/mls/node'
import type { Platform } from '../platform.js'
import { openNodeSocket } from './socket.js'

export { fileOnDisk } from './file-on-disk.js'
export { openSqliteStore, PROFILE_KEY_FILE, profileExists, type ProfileOptions } from './sqlite-store.js'

/** Where Node clients run. */
export const nodePlatform: Platform = { backend: nodeBackend, network: { fetch: (url, init) => fetch(url, init), openSocket: openNodeSocket } }
