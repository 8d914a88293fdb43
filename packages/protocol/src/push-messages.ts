/**
 * Bodies of the routes about push: the server's public key, and where a device is rung. A ring says nothing.
 */
import { fixed, type Infer, struct, text } from '@famichat/base'
import { LIMITS } from './limits.js'

/** The server's public key for push services (RFC 8292): an uncompressed P-256 point. */
export const PushServerKey = struct({ publicKey: fixed(65) })
export type PushServerKey = Infer<typeof PushServerKey>

/** Where a push service takes rings for the calling device. */
export const PushSubscription = struct({ endpoint: text(LIMITS.pushEndpointBytes) })
export type PushSubscription = Infer<typeof PushSubscription>
