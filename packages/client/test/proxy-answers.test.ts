/**
 * What stands between a client and its server answers in words of its own: that is a server out of reach, not a wrong address.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeErrorBody } from '@famichat/protocol'
import { callRoute } from '../dist/net/http.js'

const origin = 'http://127.0.0.1:1'
const answering = (status: number, body: string) => ({ origin, fetch: () => Promise.resolve(new Response(body, { status })) })

test('a proxy whose server is starting is a server out of reach: what is written waits, and nobody is told to check the address', async () => {
  for (const status of [408, 502, 503, 504]) {
    for (const body of ['', '<html><h1>Bad Gateway</h1></html>', '{"message":"upstream"}']) {
      await assert.rejects(callRoute(answering(status, body), 'serverInfo', {}), { code: 'client.server.unreachable' })
    }
  }
})

test('a refusal of the server stays what it is, whatever its status', async () => {
  await assert.rejects(callRoute(answering(503, JSON.stringify(makeErrorBody('protocol.server.unavailable'))), 'serverInfo', {}), { code: 'protocol.server.unavailable' })
  await assert.rejects(callRoute(answering(404, '<html>not here</html>'), 'serverInfo', {}), { code: 'protocol.response.malformed' })
})
