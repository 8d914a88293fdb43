/**
 * `localhost` is two addresses, and browsers try either first: the same port is opened on both, so that the name leads here and to
 * nobody else on this machine.
 */
import type { Server } from 'node:http'
import { createServer, type Socket } from 'node:net'

/** What became of it: `absent` where this machine has no IPv6, `taken` where somebody else listens there. */
export type SecondAddress = { readonly outcome: 'absent' | 'taken' } | {
  readonly outcome: 'open'
  /** Takes nobody in any more; who is in is the server's. */
  readonly close: () => void
}

/** Opens a port of `::1` for a server that listens on 127.0.0.1: whoever connects there is its own from the first byte on. */
export const openSecondAddress = (server: Server, port: number): Promise<SecondAddress> => new Promise((resolve) => {
  const door = createServer((socket: Socket) => { server.emit('connection', socket) })
  door.once('error', ({ code }: NodeJS.ErrnoException) => { resolve({ outcome: code === 'EADDRINUSE' ? 'taken' : 'absent' }) })
  door.listen({ host: '::1', port, ipv6Only: true }, () => { resolve({ outcome: 'open', close: () => { door.close() } }) })
})
