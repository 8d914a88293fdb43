/**
 * The operator's pages: is the process up (/healthz), can it do its work (/readyz), how does it find addresses (/addressz, one
 * word and no address), and its figures (/metrics). Figures are for this machine or for whoever has the token; to others the page
 * does not exist.
 */
import { constantTimeEqual, utf8 } from '@famichat/base'
import { ProtocolError } from '@famichat/protocol'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { ADDRESS_PAGE, type ClientAddresses, FORWARDING } from '../client-address.js'
import { ServerError } from '../server-error.js'
import { sha256 } from '../signatures.js'
import type { Health } from '../telemetry/health.js'
import type { Telemetry } from '../telemetry/telemetry.js'

const MIN_TOKEN_CHARACTERS = 20
const LOOPBACK = /^(?:::ffff:)?127\.|^::1$/

/** Serves the pages. */
export class OperatorPages {
  readonly #telemetry: Telemetry
  readonly #health: Health
  readonly #tokenHash: Uint8Array | undefined
  readonly #isProxied: boolean

  /** @throws ServerError `server.metrics.weak_token` */
  constructor({ telemetry, health, token, isProxied }: {
    readonly telemetry: Telemetry
    readonly health: Health
    readonly token: string | undefined
    /** A proxy makes everybody look as if they were on this machine: then only the token counts. */
    readonly isProxied: boolean
  }) {
    if (token !== undefined && token.length < MIN_TOKEN_CHARACTERS) throw new ServerError('server.metrics.weak_token')
    this.#telemetry = telemetry
    this.#health = health
    this.#tokenHash = token === undefined ? undefined : sha256(utf8(token))
    this.#isProxied = isProxied
  }

  serve(app: FastifyInstance, addresses: ClientAddresses): void {
    app.get('/healthz', (_request, reply) => reply.type('text/plain').send('ok\n'))
    app.get('/readyz', (_request, reply) => {
      const { problem } = this.#health
      return reply.code(problem === undefined ? 200 : 503).type('text/plain').send(`${problem ?? 'ready'}\n`)
    })
    app.get(ADDRESS_PAGE, ({ raw }, reply) => reply.type('text/plain').send(`${addresses.sourceOf(raw)}\n`))
    app.get('/metrics', async (request, reply) => {
      if (!this.#mayRead(request)) throw new ProtocolError('protocol.route.unknown')
      return reply.type(this.#telemetry.contentType).send(await this.#telemetry.read())
    })
  }

  #mayRead({ raw, headers }: FastifyRequest): boolean {
    const [, shown] = /^Bearer (\S{1,512})$/.exec(headers.authorization ?? '') ?? []
    if (this.#tokenHash !== undefined) return shown !== undefined && constantTimeEqual(this.#tokenHash, sha256(utf8(shown)))
    return !this.#isProxied && LOOPBACK.test(raw.socket.remoteAddress ?? '') && FORWARDING.every((name) => headers[name] === undefined)
  }
}
