/**
 * For whom passkeys are good: one domain, and the exact origins whose pages may ask for them (WebAuthn §5.1.4.1, §13.4.9).
 * A passkey works for a name, never for an address in numbers, and over https or on this very machine.
 */
import { ProtocolError, serverOrigin } from '@famichat/protocol'
import { ServerError } from '../server-error.js'

/** What authenticators call this server. */
export interface RelyingParty {
  /** A domain: of the public address or above it, or `localhost`. */
  readonly rpId: string
  /** Compared letter for letter. */
  readonly origins: readonly string[]
}

/**
 * The relying party of a server; undefined where passkeys cannot work.
 * @param passkeyDomain for passkeys that are to be good under a whole domain, such as `example.org` for chat.example.org
 * @throws ServerError `server.passkey_domain.unusable` for a domain that the public address is not under
 */
export const makeRelyingParty = (
  { publicUrl, passkeyDomain, port }: { readonly publicUrl: string | undefined; readonly passkeyDomain: string | undefined; readonly port: number },
): RelyingParty | undefined => {
  if (publicUrl === undefined) {
    if (passkeyDomain !== undefined && passkeyDomain !== 'localhost') throw new ServerError('server.passkey_domain.unusable')
    return { rpId: 'localhost', origins: [serverOrigin(`http://localhost:${port}`)] }
  }
  const origin = serverOrigin(publicUrl)
  const { hostname, protocol } = new URL(origin)
  const rpId = passkeyDomain ?? hostname
  const isUnder = hostname === rpId || (hostname.endsWith(`.${rpId}`) && rpId.includes('.'))
  if (!isUnder) throw new ServerError('server.passkey_domain.unusable')
  const isName = hostname === 'localhost' || (hostname.includes('.') && !/^[\d.]+$/.test(hostname))
  return isName && (protocol === 'https:' || hostname === 'localhost') ? { rpId, origins: [origin] } : undefined
}

/** @throws ProtocolError `protocol.passkey.unavailable` */
export const requireRelyingParty = (party: RelyingParty | undefined): RelyingParty => {
  if (party === undefined) throw new ProtocolError('protocol.passkey.unavailable')
  return party
}
