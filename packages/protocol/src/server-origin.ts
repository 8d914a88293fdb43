/**
 * The server's origin, as both sides put it into signed statements: a statement for one server is no use to another.
 */
import { ProtocolError } from './protocol-error.js'

/** `https://chat.example` or `http://127.0.0.1:8080`, lower case, without a default port. @throws ProtocolError `protocol.origin.malformed` */
export const serverOrigin = (url: string): string => {
  let parsed: URL
  try {
    parsed = new URL(url)
  } catch (cause) {
    throw new ProtocolError('protocol.origin.malformed', {}, { cause })
  }
  if (!['http:', 'https:'].includes(parsed.protocol) || parsed.username !== '' || parsed.password !== '') {
    throw new ProtocolError('protocol.origin.malformed')
  }
  return parsed.origin
}
