/**
 * Stands in for `@famichat/mls/node` in the page: what the builders take for Node's backend is the browser's.
 */
import { makeWebCryptoBackend } from '@famichat/mls/webcrypto'

export const nodeBackend = await makeWebCryptoBackend()
