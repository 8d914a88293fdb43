/**
 * Calls of the server's routes. A refusal is thrown as the ProtocolError it names; no answer as a ClientError.
 * Tokens are asked for when needed and kept in memory only.
 */
import { type Clock, concat, isCodedError, type RandomBytes } from '@famichat/base'
import type { Signer } from '@famichat/mls'
import {
  BODY_CONTENT_TYPE, type ConversationId, decodeResponse, type DeviceId, encodeRequest, formatDeviceAuthorization, formatRequestProof, isInScope, type IssuedToken,
  parseErrorBody,
  PROOF_HEADER, ProtocolError, requestTbs, type RouteAuthOf,
  type RouteName, type RouteRequest, type RouteResponse, ROUTES, tokenRefreshTbs, tokenRequestTbs, type TokenScope,
} from '@famichat/protocol'
import { ClientError } from '../client-error.js'

/** `fetch`, or a test's stand-in. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>

/** Routes that only a device with a token may call. */
export type DeviceRoute = { [Name in RouteName]: RouteAuthOf<Name> extends 'device' | 'registered' ? Name : never }[RouteName]

/** What is sent: the encoded body, empty for a GET, and who sends it. */
interface Sending {
  readonly body: Uint8Array
  readonly headers: Readonly<Record<string, string>>
}

/** Calls one route. @throws ProtocolError | ClientError `client.server.unreachable` */
export const callRoute = async <Name extends RouteName>(
  server: { readonly origin: string; readonly fetch: Fetch }, name: Name, request: RouteRequest<Name>, authorization?: string,
): Promise<RouteResponse<Name>> =>
  exchange(server, name, { body: encodeRequest(name, request), headers: authorization === undefined ? {} : { authorization } })

const exchange = async <Name extends RouteName>(
  server: { readonly origin: string; readonly fetch: Fetch }, name: Name, sending: Sending,
): Promise<RouteResponse<Name>> => {
  const { method, path, maxResponseBytes } = ROUTES[name]
  const isPost = method === 'POST'
  let response: Response
  let body: Uint8Array
  try {
    response = await server.fetch(server.origin + path, {
      method,
      headers: { ...(isPost ? { 'content-type': BODY_CONTENT_TYPE } : {}), ...sending.headers },
      ...(isPost ? { body: sending.body as Uint8Array<ArrayBuffer> } : {}),
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    })
    body = await readBody(response, Math.max(maxResponseBytes, REFUSAL_BYTES))
  } catch (cause) {
    if (isCodedError(cause)) throw cause
    throw new ClientError('client.server.unreachable', {}, { cause })
  }
  if (response.ok) return decodeResponse(name, body)
  const refusal = parseErrorBody(parseJson(body))
  if (refusal.code === 'protocol.response.malformed' && NOBODY_THERE.includes(response.status)) throw new ClientError('client.server.unreachable')
  throw refusal
}

/** What a proxy says, in its own words, while the server behind it starts or is too slow; and HTTP's own door-keeper of a request that came too slowly. */
const NOBODY_THERE: readonly number[] = [408, 502, 503, 504]
const REQUEST_TIMEOUT_MS = 30_000
/** A refusal is read whole on every route. */
const REFUSAL_BYTES = 4096
/** A token is renewed this long before it ends. */
const TOKEN_MARGIN_MS = 60_000

/** Reads to the end, but no more than so much (E30). @throws ProtocolError `protocol.response.malformed` */
const readBody = async (response: Response, maxBytes: number): Promise<Uint8Array> => {
  const reader = response.body?.getReader()
  const parts: Uint8Array[] = []
  for (let bytes = 0; reader !== undefined;) {
    const { done, value } = await reader.read()
    if (done) break
    bytes += value.length
    if (bytes > maxBytes) {
      reader.cancel().catch(() => undefined)
      throw new ProtocolError('protocol.response.malformed', { maxBytes })
    }
    parts.push(value)
  }
  return parts.length === 1 && parts[0] !== undefined ? parts[0] : concat(...parts)
}

const parseJson = (body: Uint8Array): unknown => {
  try {
    return JSON.parse(new TextDecoder().decode(body))
  } catch {
    return undefined
  }
}

/** A device's calls. */
export class DeviceCalls {
  readonly origin: string
  readonly #fetch: Fetch
  readonly #signer: Signer
  readonly #deviceId: DeviceId
  readonly #clock: Clock
  readonly #random: RandomBytes
  /** What tokens are asked for; undefined for whole ones. */
  #scope: TokenScope | undefined
  /** How far the server's clock is ahead of this device's. */
  #aheadMs = 0
  #token: { readonly token: Uint8Array; readonly renewAtMs: number } | undefined
  #refreshToken: Uint8Array | undefined
  #asking: Promise<Uint8Array> | undefined

  constructor({ origin, fetch, signer, deviceId, clock, random }: {
    origin: string; fetch: Fetch; signer: Signer; deviceId: DeviceId; clock: Clock; random: RandomBytes
  }) {
    this.origin = origin
    this.#fetch = fetch
    this.#signer = signer
    this.#deviceId = deviceId
    this.#clock = clock
    this.#random = random
  }

  /** Calls a device route; a token that has died is replaced once. @throws ProtocolError | ClientError `client.server.unreachable` | `client.device.revoked` */
  async call<Name extends DeviceRoute>(name: Name, request: RouteRequest<Name>): Promise<RouteResponse<Name>> {
    const server = { origin: this.origin, fetch: this.#fetch }
    const body = encodeRequest(name, request)
    const attempt = async (): Promise<RouteResponse<Name>> => exchange(server, name, await this.#proven(name, body))
    try {
      return await attempt()
    } catch (error) {
      if (!isCodedError(error, 'protocol.auth.refused')) throw error
      // the refused call may have been for its time: only a challenge tells the server's
      this.forgetTokens()
      return attempt()
    }
  }

  /** True while tokens are narrowed. */
  get isNarrowed(): boolean {
    return this.#scope !== undefined
  }

  /** Whether the tokens that are asked for let this device read or write in a conversation. */
  reaches(conversationId: ConversationId, access: 'read' | 'write'): boolean {
    return isInScope(this.#scope, conversationId, access)
  }

  /** Asks for no more than this from now on (E17). */
  narrow(scope: TokenScope): void {
    this.#scope = scope
    this.forgetTokens()
  }

  /** The next call or channel starts with a challenge. */
  forgetTokens(): void {
    this.#token = undefined
    this.#refreshToken = undefined
  }

  /** The call with its token and this device's signature over all of it (E17). */
  async #proven(name: DeviceRoute, body: Uint8Array): Promise<Sending> {
    const { method, path } = ROUTES[name]
    const token = await this.token()
    const timeMs = this.#clock.nowMs() + this.#aheadMs
    const nonce = this.#random(16)
    const signature = await this.#signer.sign(requestTbs({ origin: this.origin, token, method, path, timeMs, nonce, body }))
    return { body, headers: { authorization: formatDeviceAuthorization(token), [PROOF_HEADER]: formatRequestProof({ timeMs, nonce, signature }) } }
  }

  /** A token that is good for a while. @throws ClientError `client.device.revoked` when the server knows no such device */
  token(): Promise<Uint8Array> {
    if (this.#token !== undefined && this.#clock.nowMs() < this.#token.renewAtMs) return Promise.resolve(this.#token.token)
    this.#asking ??= this.#ask().finally(() => { this.#asking = undefined })
    return this.#asking
  }

  /** By refresh token while there is one, else for a signed challenge. */
  async #ask(): Promise<Uint8Array> {
    try {
      return this.#take(await this.#refreshed() ?? await this.#challenged())
    } catch (error) {
      if (isCodedError(error, 'protocol.auth.refused')) throw new ClientError('client.device.revoked', {}, { cause: error })
      throw error
    }
  }

  #take(issued: IssuedToken): Uint8Array {
    const lifetimeMs = Math.max(0, issued.expiresAtMs - this.#clock.nowMs() - this.#aheadMs)
    this.#token = { token: issued.token, renewAtMs: this.#clock.nowMs() + Math.min(lifetimeMs, 10 * TOKEN_MARGIN_MS) - TOKEN_MARGIN_MS }
    this.#refreshToken = issued.refreshToken
    return issued.token
  }

  /** Undefined when there is none, or it is refused: the device's key always opens the door. */
  async #refreshed(): Promise<IssuedToken | undefined> {
    const refreshToken = this.#refreshToken
    if (refreshToken === undefined) return undefined
    this.#refreshToken = undefined
    const deviceId = this.#deviceId
    const signature = await this.#signer.sign(tokenRefreshTbs({ origin: this.origin, refreshToken, deviceId }))
    try {
      return await callRoute({ origin: this.origin, fetch: this.#fetch }, 'tokenRefresh', { deviceId, refreshToken, signature })
    } catch (error) {
      if (isCodedError(error, 'protocol.auth.refused')) return undefined
      this.#refreshToken = refreshToken
      throw error
    }
  }

  /** Asks once more when it is refused: a server that started in between knows nothing of the challenge, and has shut nobody out. */
  async #challenged(): Promise<IssuedToken> {
    try {
      return await this.#answerChallenge()
    } catch (error) {
      if (!isCodedError(error, 'protocol.auth.refused')) throw error
      return this.#answerChallenge()
    }
  }

  async #answerChallenge(): Promise<IssuedToken> {
    const server = { origin: this.origin, fetch: this.#fetch }
    const { nonce, serverTimeMs } = await callRoute(server, 'tokenChallenge', {})
    this.#aheadMs = serverTimeMs - this.#clock.nowMs()
    const request = { deviceId: this.#deviceId, nonce, scope: this.#scope }
    const signature = await this.#signer.sign(tokenRequestTbs({ origin: this.origin, ...request }))
    return callRoute(server, 'tokenIssue', { ...request, signature })
  }
}
