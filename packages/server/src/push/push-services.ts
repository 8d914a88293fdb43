/**
 * Which push services the server rings. Clients name the address, so only addresses of the browsers' makers are taken: a
 * server that posts to any address it is given can be sent against others, or into its own network.
 */
import { LIMITS, ProtocolError } from '@famichat/protocol'

/** Chrome and Edge on Android, Firefox, Safari, Edge on Windows. A name covers what ends with it after a dot. */
const MAKERS = ['fcm.googleapis.com', 'updates.push.services.mozilla.com', 'push.services.mozilla.com', 'push.apple.com', 'notify.windows.com']

/**
 * Checks an address to ring at.
 * @param more origins that are taken besides, letter for letter
 * @throws ProtocolError `protocol.push.refused`
 */
export const requirePushService = (endpoint: string, more: readonly string[]): void => {
  const url = URL.canParse(endpoint) && endpoint.length <= LIMITS.pushEndpointBytes ? new URL(endpoint) : undefined
  if (url?.username !== '' || url.password !== '') throw new ProtocolError('protocol.push.refused')
  const isMakers = url.protocol === 'https:' && url.port === '' && MAKERS.some((maker) => url.hostname === maker || url.hostname.endsWith(`.${maker}`))
  if (!isMakers && !more.includes(url.origin)) throw new ProtocolError('protocol.push.refused')
}
