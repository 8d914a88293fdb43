/**
 * A server that answers without end, or with far more than it seems to send: the client reads what the route's answer may
 * hold, and no more (E30).
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { test, type TestContext } from 'node:test'
import { gzipSync } from 'node:zlib'
import { BODY_CONTENT_TYPE, LIMITS, type RouteName, ROUTES } from '@famichat/protocol'
import { WebSocketServer } from 'ws'
import { callRoute } from '../dist/net/http.js'
import { openNodeSocket } from '../dist/node/socket.js'

const PIECE_BYTES = 64 * 1024

/** A server that answers everything alike; says how many bytes it got rid of before the client hung up. */
const startServer = async (t: TestContext, answer: (response: ServerResponse) => void): Promise<{ readonly origin: string; readonly hungUp: Promise<unknown> }> => {
  const hungUp: { resolve?: () => void } = {}
  const ended = new Promise<void>((resolve) => { hungUp.resolve = resolve })
  const server = createServer((_request, response) => {
    response.once('close', () => { hungUp.resolve?.() })
    answer(response)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  return { origin: `http://127.0.0.1:${(typeof address === 'object' ? address?.port ?? 0 : 0).toString()}`, hungUp: ended }
}

/** Says the same piece again for as long as somebody listens. */
const sayForEver = (response: ServerResponse): void => {
  const piece = Buffer.alloc(PIECE_BYTES, 1)
  const more = (): void => {
    let hasRoom = true
    while (hasRoom && !response.destroyed) hasRoom = response.write(piece)
    if (!response.destroyed) response.once('drain', more)
  }
  more()
}

const ROUTE_NAMES: readonly RouteName[] = ['serverInfo', 'tokenChallenge', 'directory']

for (const name of ROUTE_NAMES) {
  test(`an answer to ${name} that does not end is cut off at what the route may answer`, async (t) => {
    for (const status of [200, 500]) {
      const { origin, hungUp } = await startServer(t, (response) => {
        response.writeHead(status, { 'content-type': BODY_CONTENT_TYPE })
        sayForEver(response)
      })
      await assert.rejects(callRoute({ origin, fetch }, name, {}), { code: 'protocol.response.malformed' })
      await hungUp
    }
  })
}

test('a small answer that unpacks to a large one is cut off too', async (t) => {
  const packed = gzipSync(Buffer.alloc(ROUTES.serverInfo.maxResponseBytes * 1000))
  assert.ok(packed.length < 8 * 1024)
  const { origin } = await startServer(t, (response) => {
    response.writeHead(200, { 'content-type': BODY_CONTENT_TYPE, 'content-encoding': 'gzip', 'content-length': packed.length.toString() }).end(packed)
  })
  await assert.rejects(callRoute({ origin, fetch }, 'serverInfo', {}), { code: 'protocol.response.malformed' })
})

test('a frame that is larger than frames are ends the channel, and nobody reads it', async (t) => {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
  await once(server, 'listening')
  t.after(() => { server.close() })
  server.on('connection', (socket) => {
    socket.on('error', () => undefined)
    socket.send(new Uint8Array(LIMITS.frameBytes))
    socket.send(new Uint8Array(LIMITS.frameBytes + 1))
    socket.send(new Uint8Array(1))
  })
  const address = server.address()
  const lengths: number[] = []
  await new Promise<void>((resolve) => {
    openNodeSocket(`ws://127.0.0.1:${(typeof address === 'object' ? address?.port ?? 0 : 0).toString()}`, { onMessage: ({ length }) => { lengths.push(length) }, onClose: resolve })
  })
  assert.deepEqual(lengths, [LIMITS.frameBytes])
})
