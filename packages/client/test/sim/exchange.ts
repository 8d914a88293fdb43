/**
 * One HTTP exchange with the server's own framework, without a socket: the request is read from memory, and of the answer only
 * status and body are kept. The framework's test double does the same, and spends most of its time on headers that nobody reads here.
 */
import { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** One HTTP exchange. */
export interface Asked {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}
export interface Answered {
  readonly status: number
  readonly body: Uint8Array
}

/** What the framework is to a request. */
export type Route = (request: IncomingMessage, response: ServerResponse) => void

/** How every request came: from this machine. */
const SOCKET = { remoteAddress: '127.0.0.1', readableHighWaterMark: 64 * 1024, destroy: () => undefined } as unknown as Socket

/** Asks. */
export const exchange = (route: Route, { method, path, headers, body }: Asked): Promise<Answered> =>
  new Promise((resolve, reject) => {
    const request = new IncomingMessage(SOCKET)
    const lower = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
    Object.assign(request, { method, url: path, httpVersion: '1.1', complete: true, headers: method === 'GET' ? lower : { ...lower, 'content-length': body.length.toString() } })
    if (method !== 'GET') request.push(body)
    request.push(null)
    const response = new Kept(request, resolve)
    response.once('error', reject)
    route(request, response)
  })

/** An answer that stays here. */
class Kept extends ServerResponse {
  readonly #chunks: Uint8Array[] = []
  readonly #answer: (answered: Answered) => void

  constructor(request: IncomingMessage, answer: (answered: Answered) => void) {
    super(request)
    this.#answer = answer
  }

  override writeHead(status: number): this {
    this.statusCode = status
    return this
  }

  override write(chunk: unknown): boolean {
    this.#keep(chunk)
    return true
  }

  override end(chunk?: unknown): this {
    this.#keep(chunk)
    this.#answer({ status: this.statusCode, body: new Uint8Array(Buffer.concat(this.#chunks)) })
    this.emit('finish')
    this.emit('close')
    return this
  }

  #keep(chunk: unknown): void {
    if (typeof chunk === 'string') this.#chunks.push(Buffer.from(chunk))
    else if (chunk instanceof Uint8Array) this.#chunks.push(chunk)
  }
}
