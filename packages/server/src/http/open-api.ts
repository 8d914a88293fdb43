/**
 * The OpenAPI 3.1 document of the routes, made from the table the server dispatches from: it cannot name a route that
 * is not there, nor miss one. Bodies are strict binary structs; the document says which, and how large they may be.
 */
import { BODY_CONTENT_TYPE, PROOF_HEADER, PROTOCOL_ERRORS, PROTOCOL_VERSION, type RouteAuth, type RouteName, ROUTES } from '@famichat/protocol'

/** Where the document is. */
export const OPEN_API_PATH = '/api/openapi.json'

type Json = Readonly<Record<string, unknown>>

const SECURITY: Readonly<Record<RouteAuth, readonly Json[]>> = {
  none: [], invite: [{ invite: [] }], registered: [{ device: [], proof: [] }], device: [{ device: [], proof: [] }],
}

/** Builds the document. */
export const makeOpenApi = (): Json => ({
  openapi: '3.1.0',
  info: {
    title: 'Famichat server',
    version: PROTOCOL_VERSION.toString(),
    description: 'Bodies are binary structs in the presentation language of TLS (RFC 8446 §3), read strictly: '
      + 'packages/protocol of the source has each one. Refusals are JSON with one code of a closed list. Messages come over a WebSocket, which OpenAPI does not describe.',
    license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
  },
  servers: [{ url: '/' }],
  paths: Object.fromEntries((Object.keys(ROUTES) as RouteName[]).map((name): [string, Json] => [ROUTES[name].path, pathItem(name)])),
  components: {
    securitySchemes: {
      device: { type: 'http', scheme: 'bearer', description: 'A device\'s access token, from /api/v1/tokens/issue: ten minutes. Good only together with the device\'s proof.' },
      proof: { type: 'apiKey', in: 'header', name: PROOF_HEADER, description: 'base64url of time, nonce and the device\'s signature over RequestTBS: this call, once.' },
      invite: { type: 'apiKey', in: 'header', name: 'Authorization', description: 'Invite <invite id>.<proof>: what a link gives to who holds it.' },
    },
    schemas: {
      Refusal: {
        type: 'object',
        required: ['code', 'text'],
        properties: {
          code: { type: 'string', enum: Object.keys(PROTOCOL_ERRORS) },
          text: { type: 'string', description: 'For people.' },
          winner: {
            type: 'object',
            description: 'Which commit came first, for protocol.epoch.conflict.',
            required: ['seq', 'epoch'],
            properties: { seq: { type: 'integer', minimum: 0 }, epoch: { type: 'string', pattern: '^[0-9]{1,20}$' } },
          },
        },
      },
    },
  },
})

const pathItem = (name: RouteName): Json => {
  const { method, summary, auth, maxRequestBytes } = ROUTES[name]
  return {
    [method.toLowerCase()]: {
      operationId: name,
      summary,
      security: SECURITY[auth],
      ...(method === 'POST' ? { requestBody: { required: true, content: binary({ maxLength: maxRequestBytes }) } } : {}),
      responses: {
        200: { description: 'Done.', content: binary({}) },
        default: { description: 'Refused; nothing has changed.', content: { 'application/json': { schema: { $ref: '#/components/schemas/Refusal' } } } },
      },
    },
  }
}

const binary = (bounds: Json): Json => ({ [BODY_CONTENT_TYPE]: { schema: { type: 'string', contentMediaType: BODY_CONTENT_TYPE, ...bounds } } })
