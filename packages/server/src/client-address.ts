/**
 * Whose address a request counts for: the socket's own, or, behind a proxy that the operator has named, the last address in
 * X-Forwarded-For that no named proxy has. Anybody else may write what they like into that header.
 */
import type { IncomingMessage } from 'node:http'
import { BlockList, isIP, type Socket } from 'node:net'
import { ServerError } from './server-error.js'

/**
 * How an address was found: of the `socket` that nobody passed on; told by a `named` proxy; of a named proxy that was `silent`
 * about who came; of somebody `unnamed` who passed the request on; or told, and the one that `famichat doctor` makes up (`probe`).
 */
export type AddressSource = 'socket' | 'named' | 'silent' | 'unnamed' | 'probe'

/** Where the server says how it found the address of who asks. */
export const ADDRESS_PAGE = '/addressz'
/** Nobody's address (RFC 5737): whoever counts for it has made it up. */
export const FORWARDED_PROBE = '192.0.2.244'

/** Headers that say that somebody passed the request on. */
export const FORWARDING = ['x-forwarded-for', 'forwarded', 'x-real-ip', 'via', 'x-forwarded-host'] as const

/** Finds addresses and knows the operator's proxies. */
export class ClientAddresses {
  readonly #proxies = new BlockList()

  /** @param trustedProxies addresses or networks such as `10.0.0.0/8`. @throws ServerError `server.proxy.malformed` */
  constructor(trustedProxies: readonly string[] = []) {
    for (const proxy of trustedProxies) this.#add(proxy)
  }

  /** True when the other end is a named proxy. */
  isProxy(socket: Socket): boolean {
    return this.#isProxy(plain(socket.remoteAddress ?? ''))
  }

  /** The address of the other end, whoever it speaks for. */
  ofSocket(socket: Socket): string {
    return household(plain(socket.remoteAddress ?? ''))
  }

  /** The address to count for; of IPv6 its /64, which is one household's. */
  of(request: IncomingMessage): string {
    let address = plain(request.socket.remoteAddress ?? '')
    const forwarded = headerOf(request, 'x-forwarded-for').split(',').map((part) => plain(part.trim())).reverse()
    for (const previous of forwarded) {
      if (!this.#isProxy(address) || isIP(previous) === 0) break
      address = previous
    }
    return household(address)
  }

  /** How {@link of} comes to its answer, without the answer. */
  sourceOf(request: IncomingMessage): AddressSource {
    if (this.of(request) === FORWARDED_PROBE) return 'probe'
    if (this.isProxy(request.socket)) return headerOf(request, 'x-forwarded-for') === '' ? 'silent' : 'named'
    return FORWARDING.some((name) => request.headers[name] !== undefined) ? 'unnamed' : 'socket'
  }

  #isProxy(address: string): boolean {
    return isIP(address) !== 0 && this.#proxies.check(address, familyOf(address))
  }

  #add(proxy: string): void {
    const [address = '', prefix, ...rest] = proxy.split('/')
    const bits = prefix === undefined ? undefined : Number(prefix)
    const mostBits = isIP(address) === 4 ? 32 : 128
    const isWrong = isIP(address) === 0 || rest.length > 0 || (bits !== undefined && !(Number.isInteger(bits) && bits >= 1 && bits <= mostBits))
    if (isWrong) throw new ServerError('server.proxy.malformed')
    if (bits === undefined) this.#proxies.addAddress(address, familyOf(address))
    else this.#proxies.addSubnet(address, bits, familyOf(address))
  }
}

/** All values of a header, however often it came. */
const headerOf = ({ headers }: IncomingMessage, name: string): string => {
  const value = headers[name]
  return Array.isArray(value) ? value.join(',') : value ?? ''
}

const household = (address: string): string => (isIP(address) === 6 ? networkOf(address) : address)

const familyOf = (address: string): 'ipv4' | 'ipv6' => (isIP(address) === 4 ? 'ipv4' : 'ipv6')

/** Without the IPv6 clothes of an IPv4 address. */
const plain = (address: string): string => (/^::ffff:\d+\.\d+\.\d+\.\d+$/i.test(address) ? address.slice(7) : address)

/** The first four groups, written out. */
const networkOf = (address: string): string => {
  const [head = '', tail] = address.toLowerCase().split('%')[0]?.split('::') ?? []
  const before = head.split(':').filter((group) => group !== '')
  const after = (tail ?? '').split(':').filter((group) => group !== '')
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length
  const groups = [...before, ...Array.from({ length: Math.max(0, zeros) }, () => '0'), ...after].slice(0, 4)
  return `${groups.map((group) => group.replace(/^0+(?=.)/, '')).join(':')}::/64`
}
