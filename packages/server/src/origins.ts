/**
 * The origins under which this server is reached: signed statements must name one of them (E17).
 */
import type { IncomingMessage } from 'node:http'
import { hostname, networkInterfaces } from 'node:os'
import { serverOrigin } from '@famichat/protocol'

/** Finds the acceptable origins for a request's Host header; the public one is always among them. */
export const makeOrigins = (
  { publicUrl, host, port }: { publicUrl: string | undefined; host: string; port: number },
): ((hostHeader: string | undefined) => readonly string[]) => {
  const publicOrigin = publicUrl === undefined ? undefined : serverOrigin(publicUrl)
  const local = new Set(localNames(host).map((name) => serverOrigin(`http://${name}:${port}`)))
  return (hostHeader) => {
    const dialled = hostHeader === undefined ? undefined : originOfHost(hostHeader)
    const origins = [publicOrigin, dialled !== undefined && local.has(dialled) ? dialled : undefined]
    return origins.filter((origin) => origin !== undefined)
  }
}

/**
 * A browser says which page calls: only our own may (S45). Programs say nothing of the kind; nothing would be gained by
 * asking them, who could say anything. A browser that hides its page still says that another site calls.
 */
export const isOurPage = ({ headers: { origin, 'sec-fetch-site': site } }: IncomingMessage, origins: readonly string[]): boolean =>
  origin === undefined ? site === undefined || site === 'same-origin' || site === 'none' : origins.includes(origin)

const originOfHost = (hostHeader: string): string | undefined => {
  try {
    return serverOrigin(`http://${hostHeader}`)
  } catch {
    return undefined
  }
}

const bracketed = (address: string): string => (address.includes(':') ? `[${address}]` : address)

const localNames = (host: string): string[] => {
  const loopback = ['127.0.0.1', 'localhost', '[::1]']
  if (host !== '0.0.0.0' && host !== '::') return [...loopback, bracketed(host)]
  const addresses = Object.values(networkInterfaces()).flatMap((entries) => entries ?? [])
    .filter((entry) => !entry.address.startsWith('fe80')).map((entry) => bracketed(entry.address))
  const name = /^[a-zA-Z0-9.-]+$/.test(hostname()) ? [hostname(), `${hostname()}.local`] : []
  return [...loopback, ...addresses, ...name]
}
