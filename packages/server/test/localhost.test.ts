/**
 * `localhost`: the default at the command line, good for passkeys, and two addresses of which a browser may try either.
 */
import assert from 'node:assert/strict'
import { get } from 'node:http'
import { createServer, type Server } from 'node:net'
import { test } from 'node:test'
import { PROTOCOL_ERRORS, ROUTES } from '@famichat/protocol'
import { startServer } from '@famichat/server'
import { startTestServer, temporaryFolder } from './support/test-server.js'

/** Somebody else at a port of ::1; undefined where this machine has no IPv6. */
const listenOn6 = (port: number): Promise<Server | undefined> => new Promise((resolve) => {
  const other = createServer().once('error', () => { resolve(undefined) })
  other.listen({ host: '::1', port, ipv6Only: true }, () => { resolve(other) })
})

/** How the server answers a page of an origin. */
const statusFor = (address: string, origin: string): Promise<number> => new Promise((resolve, reject) => {
  get(`${address}${ROUTES.serverInfo.path}`, { agent: false, headers: { origin } }, (answer) => {
    answer.resume()
    resolve(answer.statusCode ?? 0)
  }).on('error', reject)
})

test('on localhost the links bear that name, and both its addresses lead to the server, with the page\'s own origin', async (t) => {
  const { running: { url, port, setupLink } } = await startTestServer(t, { host: 'localhost' })
  assert.equal(url, `http://localhost:${port}`)
  assert.match(setupLink ?? '', new RegExp(`^http://localhost:${port}/i#v1\\.`))
  const probe = await listenOn6(0)
  probe?.close()
  const addresses = ['127.0.0.1', 'localhost', ...(probe === undefined ? [] : ['[::1]'])]
  for (const address of addresses) {
    const origin = `http://${address}:${port}`
    assert.equal(await statusFor(origin, origin), 200, address)
  }
  assert.equal(await statusFor(url, `http://localhost:${port + 1}`), PROTOCOL_ERRORS['protocol.access.refused'].status)
})

test('where somebody else has the other half of localhost, links bear the address in numbers', async (t) => {
  const server = await startTestServer(t)
  const { port } = server.running
  const other = await listenOn6(port)
  if (other === undefined) {
    t.skip('no IPv6 here')
    return
  }
  t.after(() => { other.close() })
  await server.running.close()
  const again = await startServer({ dataDir: temporaryFolder(t), host: 'localhost', port, logTo: { write: () => undefined } })
  t.after(() => again.close())
  assert.equal(again.url, `http://127.0.0.1:${port}`)
})
