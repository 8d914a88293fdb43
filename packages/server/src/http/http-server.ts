/**
 * The HTTP side: registers the routes of @famichat/protocol, maps every error to one coded answer, logs through the
 * allow-list. No framework message ever reaches a caller.
 */
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import {
  BODY_CONTENT_TYPE, decodeRequest, encodeResponse, epochWinnerOf, LIFETIMES, makeErrorBody, PROOF_HEADER, PROTOCOL_ERRORS, ProtocolError, type ProtocolErrorCode,
  type RouteAuthOf, type RouteName, type RouteRequest, ROUTES,
} from '@famichat/protocol'
import { requireScope } from '../accounts/token-scopes.js'
import { kindOf } from '../server-log.js'
import type { Services } from '../services.js'
import { isOurPage } from '../origins.js'
import { Admission, type Caller } from './admission.js'
import type { Callers, Handlers } from './handlers.js'
import type { OperatorPages } from './operator-pages.js'
import { makeOpenApi, OPEN_API_PATH } from './open-api.js'
import { isPersonAsking, sendNothingHere, serveWebFiles, type WebFiles } from './web-files.js'

const HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
} as const

/** A year; only where the operator said that people come by https. */
const HSTS = { 'strict-transport-security': 'max-age=31536000' } as const

const RETRY_AFTER_SECONDS: Partial<Record<ProtocolErrorCode, string>> = { 'protocol.rate.limited': '2', 'protocol.server.unavailable': '5' }

const INVITE_PAGE = `This is an invitation to a Famichat community.
Copy the whole link, with everything after the #, and give it to the Famichat program:

    famichat join 'LINK'

The part after the # has not reached this server, and should not: it is for your device only.
`

/** What is around the routes. */
export interface HttpSurroundings {
  /** Without it the server serves programs only. */
  readonly webFiles?: WebFiles | undefined
  /** Health and metrics. */
  readonly pages: OperatorPages
  /** People reach the server by https alone: browsers may insist on it. */
  readonly isBehindTls: boolean
}

/** Builds the HTTP server; it does not listen yet. */
export const makeHttpServer = (services: Services, handlers: Handlers, { webFiles, pages, isBehindTls }: HttpSurroundings): FastifyInstance => {
  const app = Fastify({
    logger: false, bodyLimit: 1024, requestTimeout: 60_000, routerOptions: { maxParamLength: 64 },
    // an address that does not decode: said in our words, which quote nothing
    frameworkErrors: (_error, _request, reply) => { (reply as FastifyReply).headers(HEADERS).code(404).send(makeErrorBody('protocol.route.unknown')) },
    // who connects and says nothing, or says it byte by byte, is cut as early as a channel that does not authenticate (S30)
    http: { headersTimeout: LIFETIMES.channelAuthenticationMs, connectionsCheckingInterval: 1000 },
  })
  const admission = new Admission(services)
  const callers = new WeakMap<FastifyRequest, Caller>()
  const codes = new WeakMap<FastifyRequest, string>()

  app.removeAllContentTypeParsers()
  app.addContentTypeParser(BODY_CONTENT_TYPE, { parseAs: 'buffer' }, (_request, body, done) => { done(null, body) })
  app.addHook('onRequest', (_request, reply, done) => {
    reply.headers(isBehindTls ? { ...HEADERS, ...HSTS } : HEADERS)
    done()
  })
  app.addHook('onResponse', (request, reply, done) => {
    const code = codes.get(request)
    const caller = callers.get(request)
    const fields = {
      route: request.routeOptions.url ?? 'unknown', method: request.method, status: reply.statusCode, ...(code === undefined ? {} : { code }),
      ...(caller !== undefined && 'deviceId' in caller ? { device: caller.deviceId } : {}),
    }
    services.log.request({ ...fields, durationMs: Math.round(reply.elapsedTime) })
    services.telemetry.count('famichat_http_requests_total', fields)
    services.telemetry.observe('famichat_http_request_seconds', reply.elapsedTime / 1000, fields)
    services.telemetry.span('http.request', reply.elapsedTime / 1000, fields)
    done()
  })

  const refuse = (request: FastifyRequest, reply: FastifyReply, error: ProtocolError): FastifyReply => {
    codes.set(request, error.code)
    const seconds = RETRY_AFTER_SECONDS[error.code]
    if (seconds !== undefined) reply.header('retry-after', seconds)
    return reply.code(PROTOCOL_ERRORS[error.code].status).send(makeErrorBody(error.code, epochWinnerOf(error)))
  }
  app.setErrorHandler((error, request, reply) => {
    const refusal = toProtocolError(error)
    if (refusal.code === 'protocol.server.failed') services.log.error('http.failed', { kind: kindOf(error) })
    return refuse(request, reply, refusal)
  })
  app.setNotFoundHandler((request, reply) => (isPersonAsking(request) ? sendNothingHere(reply) : refuse(request, reply, new ProtocolError('protocol.route.unknown'))))

  // eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- ties the route's handler to its codecs
  const register = <Name extends RouteName>(name: Name): void => {
    const { method, path, auth, maxRequestBytes } = ROUTES[name]
    app.route({
      method,
      url: path,
      bodyLimit: Math.max(1, maxRequestBytes),
      onRequest: async (request) => {
        if (!isOurPage(request.raw, services.originsFor(request.headers.host))) throw new ProtocolError('protocol.access.refused')
        callers.set(request, await admission.admit(auth, { address: services.addresses.of(request.raw), authorization: request.headers.authorization }))
      },
      handler: async (request, reply) => {
        const caller = callers.get(request)
        const origins = services.originsFor(request.headers.host)
        const body = bodyOf(request)
        if (caller !== undefined && 'deviceId' in caller) {
          const { authorization, [PROOF_HEADER]: proof } = request.headers
          admission.prove(caller, { authorization, proof: typeof proof === 'string' ? proof : undefined, method, path, body, origins })
        }
        const decoded = decodeRequest(name, body)
        if (caller !== undefined && 'deviceId' in caller) await requireScope(services.database.read, caller, name, decoded as RouteRequest<RouteName>)
        const call = { caller: caller as Callers[RouteAuthOf<Name>], request: decoded, origins }
        const response = await handlers[name](call)
        return reply.type(BODY_CONTENT_TYPE).send(encodeResponse(name, response))
      },
    })
  }
  for (const name of Object.keys(ROUTES) as RouteName[]) register(name)

  const openApi = makeOpenApi()
  app.get(OPEN_API_PATH, () => openApi)
  pages.serve(app, services.addresses)
  if (webFiles === undefined) app.get('/i', (_request, reply) => reply.type('text/plain; charset=utf-8').send(INVITE_PAGE))
  else serveWebFiles(app, webFiles)
  return app
}

const bodyOf = (request: FastifyRequest): Uint8Array => {
  if (request.body === undefined || request.body === null) return new Uint8Array(0)
  if (request.body instanceof Uint8Array) return request.body
  throw new ProtocolError('protocol.request.malformed')
}

/** Fastify's own refusals have a status below 500; what is left is our fault and says nothing of itself. */
const toProtocolError = (error: unknown): ProtocolError => {
  if (error instanceof ProtocolError) return error
  const status = typeof error === 'object' && error !== null && 'statusCode' in error ? error.statusCode : undefined
  if (status === 413) return new ProtocolError('protocol.request.too_large')
  if (status === 503) return new ProtocolError('protocol.server.unavailable')
  if (typeof status === 'number' && status >= 400 && status < 500) return new ProtocolError('protocol.request.malformed')
  return new ProtocolError('protocol.server.failed', {}, { cause: error })
}
