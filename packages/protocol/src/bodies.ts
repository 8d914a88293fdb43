/**
 * Bodies of requests and answers: encoded and strictly decoded by their route's codec.
 */
import { type Codec, decode, encode, isCodedError } from '@famichat/base'
import { ProtocolError, type ProtocolErrorCode } from './protocol-error.js'
import { ROUTES, type RouteName, type RouteRequest, type RouteResponse } from './routes.js'

/** The body of a request; empty for a GET. */
export const encodeRequest = <Name extends RouteName>(name: Name, request: RouteRequest<Name>): Uint8Array =>
  encode(ROUTES[name].request as Codec<RouteRequest<Name>>, request)

/** Reads the body of a request; views `bytes`. @throws ProtocolError `protocol.request.malformed` */
export const decodeRequest = <Name extends RouteName>(name: Name, bytes: Uint8Array): RouteRequest<Name> =>
  decodeStrictly(ROUTES[name].request as Codec<RouteRequest<Name>>, bytes, 'protocol.request.malformed')

/** The body of an answer. */
export const encodeResponse = <Name extends RouteName>(name: Name, response: RouteResponse<Name>): Uint8Array =>
  encode(ROUTES[name].response as Codec<RouteResponse<Name>>, response)

/** Reads the body of an answer; views `bytes`. @throws ProtocolError `protocol.response.malformed` */
export const decodeResponse = <Name extends RouteName>(name: Name, bytes: Uint8Array): RouteResponse<Name> =>
  decodeStrictly(ROUTES[name].response as Codec<RouteResponse<Name>>, bytes, 'protocol.response.malformed')

const decodeStrictly = <T>(codec: Codec<T>, bytes: Uint8Array, code: ProtocolErrorCode): T => {
  try {
    return decode(codec, bytes)
  } catch (cause) {
    if (!isCodedError(cause)) throw cause
    throw new ProtocolError(code, { reason: cause.code }, { cause })
  }
}
