/**
 * The HTTP side of a push service (RFC 8030), on this machine: takes rings and remembers all of each.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** One ring, as it arrived. */
export interface Ring {
  readonly path: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Buffer
}

/** A push service. */
export interface PushService {
  readonly origin: string
  readonly rings: readonly Ring[]
  /** The status of its answers. */
  status: number
  /** Waits for the n-th ring. */
  ring(count: number): Promise<Ring>
  close(): Promise<void>
}

/** Starts one. */
export const startPushService = async (): Promise<PushService> => {
  const rings: Ring[] = []
  let arrived = (): void => undefined
  const server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      rings.push({ path: request.url ?? '', headers: request.headers, body: Buffer.concat(parts) })
      response.writeHead(service.status).end()
      arrived()
    })
  })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  const service: PushService = {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, rings, status: 201,
    ring: async (count) => {
      for (;;) {
        const ring = rings[count - 1]
        if (ring !== undefined) return ring
        await new Promise<void>((resolve) => { arrived = resolve })
      }
    },
    close: () => new Promise((resolve) => {
      server.close(() => { resolve() })
      server.closeAllConnections()
    }),
  }
  return service
}
