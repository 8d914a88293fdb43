/**
 * How many connections the server keeps, and how many of one address, before a byte is read: a machine that opens sockets
 * and says nothing takes none from others (S30).
 */
import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import type { ClientAddresses } from './client-address.js'

/** The caps; every value may be changed by the operator. */
export interface ConnectionCaps {
  /** Of everybody. */
  readonly total: number
  /** Of one address; named proxies bring many people and are not held to it. */
  readonly perAddress: number
  /** Channels of one address that have connected and not yet authenticated. */
  readonly strangersPerAddress: number
  /** … of everybody. */
  readonly strangers: number
}

/** For a community of some thousand devices, many of them behind one home's router. */
export const DEFAULT_CONNECTION_CAPS: ConnectionCaps = { total: 12_000, perAddress: 1000, strangersPerAddress: 100, strangers: 1000 }

/** Counts by key; a key that is not counted any more is forgotten. */
export class Counts {
  readonly #counts = new Map<string, number>()
  #total = 0

  get total(): number {
    return this.#total
  }

  of(key: string): number {
    return this.#counts.get(key) ?? 0
  }

  add(key: string): void {
    this.#counts.set(key, this.of(key) + 1)
    this.#total++
  }

  remove(key: string): void {
    const left = this.of(key) - 1
    if (left > 0) this.#counts.set(key, left)
    else this.#counts.delete(key)
    this.#total--
  }
}

/** Cuts what is beyond the caps as it connects. */
export const capConnections = (server: Server, caps: ConnectionCaps, addresses: ClientAddresses): Counts => {
  const counts = new Counts()
  server.on('connection', (socket: Socket) => {
    const address = addresses.ofSocket(socket)
    if (counts.total >= caps.total || (counts.of(address) >= caps.perAddress && !addresses.isProxy(socket))) {
      socket.destroy()
      return
    }
    counts.add(address)
    socket.once('close', () => { counts.remove(address) })
  })
  return counts
}
