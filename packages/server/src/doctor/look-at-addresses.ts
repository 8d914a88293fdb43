/**
 * Whether the server counts everybody for themselves: it must believe X-Forwarded-For from the operator's proxy, and from
 * nobody else. The server says how it found the address of who asks, never the address.
 */
import { ADDRESS_PAGE, type AddressSource, FORWARDED_PROBE } from '../client-address.js'

/** What is wrong with the addresses, and what to do; undefined when all is well. */
export type AddressFault = string | undefined

type Get = (url: string, headers?: Readonly<Record<string, string>>) => Promise<Response>

/** Asks twice: with a header of our own making, and without. A server that has no such page says so by a word of its own. */
export const lookAtAddresses = async (url: string, get: Get): Promise<AddressFault> => {
  const ask = async (headers: Readonly<Record<string, string>>): Promise<string> => (await (await get(url + ADDRESS_PAGE, headers)).text()).trim()
  return addressFaultOf({ forged: await ask({ 'x-forwarded-for': FORWARDED_PROBE }), plain: await ask({}), isHttps: url.startsWith('https:') })
}

const SHARED = 'so all people share the limits of one address, and one of them can use them up'
const PASS_ON = 'let the proxy add the address of whoever comes to X-Forwarded-For (nginx: proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for)'

/** The server itself speaks no https: where people come by it, a proxy stands in front, whether it says so or not. */
export const addressFaultOf = (
  { forged, plain, isHttps }: { readonly forged: string; readonly plain: string; readonly isHttps: boolean },
): AddressFault => {
  if (forged === ('probe' satisfies AddressSource)) {
    return `whoever writes X-Forwarded-For is believed, so nobody is held to any limit: ${PASS_ON}, and name with --trusted-proxy the proxy alone, not a network that people come from`
  }
  switch (plain) {
    case 'named' satisfies AddressSource:
      return undefined
    case 'silent' satisfies AddressSource:
      return `the proxy does not say who comes, ${SHARED}: ${PASS_ON}`
    case 'unnamed' satisfies AddressSource:
      return `a proxy that the server does not believe stands in front, ${SHARED}: start it with --trusted-proxy and the proxy's address`
    case 'socket' satisfies AddressSource:
      return isHttps ? `the proxy in front does not say who comes and is not believed, ${SHARED}: ${PASS_ON}, and start the server with --trusted-proxy and the proxy's address` : undefined
    default:
      return 'the server does not say how it finds addresses: let the proxy pass on all of its pages, and update the server'
  }
}
