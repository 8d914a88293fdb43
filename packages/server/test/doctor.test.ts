/**
 * The doctor says what is wrong, and what to do.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, request } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { test, type TestContext } from 'node:test'
import { examine, type Examination, type Finding } from '@famichat/server'
import { addressFaultOf } from '../dist/doctor/look-at-addresses.js'
import { startTestServer, temporaryFolder } from './support/test-server.js'

const statesOf = (findings: readonly Finding[]): Readonly<Record<string, Finding['state']>> => Object.fromEntries(findings.map(({ check, state }) => [check, state]))

test('a server that is well is told so; what is missing comes with a sentence that says what to do', async (t) => {
  const server = await startTestServer(t)
  const examination: Examination = { dataDir: server.dataDir, url: server.running.url, isPublic: false, passkeyDomain: undefined, clock: server.clock }
  const findings = await examine(examination)
  // the test's clock is not the machine's, and the disk is what it is
  const { clock: _clock, disk: _disk, ...states } = statesOf(findings)
  assert.deepEqual(states, {
    folder: 'good', keys: 'good', backup: 'warning', server: 'good', ready: 'good', tls: 'warning', origin: 'good', websocket: 'good', figures: 'good', passkeys: 'good',
  })
  for (const { state, text } of findings) if (state !== 'good') assert.match(text, /: (run|give|let|make|put|start)/)
  const asPublic = statesOf(await examine({ ...examination, isPublic: true }))
  assert.deepEqual([asPublic.tls, asPublic.figures, asPublic.passkeys], ['bad', 'bad', 'warning'])
  server.clock.advance(3_600_000)
  assert.equal(statesOf(await examine(examination)).clock, 'bad')
})

test('exposed keys, a wrong folder, an old backup, a domain that does not fit and a server that is not there are named', async (t) => {
  const server = await startTestServer(t)
  chmodSync(join(server.dataDir, 'database.key'), 0o644)
  chmodSync(server.dataDir, 0o755)
  writeFileSync(join(server.dataDir, 'backup.last'), JSON.stringify({ createdAtMs: server.clock.nowMs() - 9 * 24 * 3600 * 1000 }))
  const url = 'http://127.0.0.1:9'
  const findings = await examine({ dataDir: server.dataDir, url, isPublic: true, passkeyDomain: 'other.example', clock: server.clock })
  const states = statesOf(findings)
  assert.deepEqual([states.folder, states.keys, states.backup, states.server, states.passkeys], ['warning', 'bad', 'warning', 'bad', 'bad'])
  assert.match(findings.find(({ check }) => check === 'keys')?.text ?? '', /database\.key.*chmod 600/)
  assert.match(findings.find(({ check }) => check === 'backup')?.text ?? '', /9 days old/)
  const empty = temporaryFolder(t)
  mkdirSync(join(empty, 'x'))
  assert.equal(statesOf(await examine({ dataDir: empty, url, isPublic: false, passkeyDomain: undefined, clock: server.clock })).folder, 'bad')
})

interface ProxyOptions {
  readonly upgrades: boolean
  /** What it does with X-Forwarded-For. */
  readonly forwarding?: 'adds' | 'passes' | 'drops'
}

/** A proxy in front of a server: passes requests on under its own Host, and upgrades if it is one that does. */
const startProxy = async (t: TestContext, target: string, { upgrades, forwarding = 'adds' }: ProxyOptions): Promise<string> => {
  const { hostname, port } = new URL(target)
  const proxy = createServer((incoming, outgoing) => {
    const { host: _host, 'x-forwarded-for': told, ...rest } = incoming.headers
    // whoever comes has an address of the world, as far as the server can see
    const said = forwarding === 'adds' ? [told, '203.0.113.9'].flat().filter((part) => part !== undefined).join(', ') : told
    const headers = forwarding === 'drops' || said === undefined ? rest : { ...rest, 'x-forwarded-for': said }
    incoming.pipe(request({ hostname, port, path: incoming.url, method: incoming.method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(outgoing)
    }))
  }).listen(0, '127.0.0.1')
  proxy.on('upgrade', (incoming: IncomingMessage, socket: Duplex) => {
    if (!upgrades) {
      socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n')
      return
    }
    const onwards = connect(Number(port), hostname, () => {
      const lines = [`GET ${incoming.url ?? ''} HTTP/1.1`, ...Object.entries({ ...incoming.headers, host: `${hostname}:${port}` }).map(([name, value]) => `${name}: ${String(value)}`)]
      onwards.write(`${lines.join('\r\n')}\r\n\r\n`)
      socket.pipe(onwards).pipe(socket)
    })
    for (const end of [socket, onwards]) end.on('error', () => { onwards.destroy() })
  })
  await once(proxy, 'listening')
  t.after(() => {
    proxy.closeAllConnections()
    proxy.close()
  })
  const address = proxy.address()
  return `http://127.0.0.1:${(typeof address === 'object' ? address?.port ?? 0 : 0).toString()}`
}

test('a proxy that does not pass upgrades on, and a server that does not know its public address, are told apart, each with its remedy', async (t) => {
  const unaware = await startTestServer(t)
  const examination: Examination = { dataDir: unaware.dataDir, url: '', isPublic: true, passkeyDomain: undefined, clock: unaware.clock }
  const deaf = await examine({ ...examination, url: await startProxy(t, unaware.running.url, { upgrades: false }) })
  assert.deepEqual([statesOf(deaf).server, statesOf(deaf).websocket, statesOf(deaf).origin], ['good', 'bad', 'bad'])
  assert.match(deaf.find(({ check }) => check === 'websocket')?.text ?? '', /let the proxy pass on the headers Upgrade and Connection/)
  assert.match(deaf.find(({ check }) => check === 'origin')?.text ?? '', /start it with --public-url http:\/\/127\.0\.0\.1:\d+$/)
  // the proxy's address is known once it listens: the server that knows it is started behind it afterwards
  const port = unaware.running.port
  const url = await startProxy(t, unaware.running.url, { upgrades: true })
  await unaware.running.close()
  const aware = await startTestServer(t, { port, publicUrl: url, trustedProxies: ['127.0.0.1'] })
  const well = statesOf(await examine({ ...examination, dataDir: aware.dataDir, clock: aware.clock, url }))
  assert.deepEqual([well.server, well.websocket, well.origin, well.addresses, well.figures], ['good', 'good', 'good', 'good', 'good'])
})

test('whoever is believed wrongly about addresses, and a proxy that is not believed or says nothing, are named with the remedy', async (t) => {
  const server = await startTestServer(t)
  const examination: Examination = { dataDir: server.dataDir, url: server.running.url, isPublic: true, passkeyDomain: undefined, clock: server.clock }
  const addressesAt = async (url: string): Promise<string> => {
    const found = (await examine({ ...examination, url })).find(({ check }) => check === 'addresses')
    return `${found?.state ?? 'none'}: ${found?.text ?? ''}`
  }
  assert.match(await addressesAt(server.running.url), /^good/)
  assert.match(await addressesAt(await startProxy(t, server.running.url, { upgrades: true })), /^bad: a proxy that the server does not believe.*start it with --trusted-proxy/)
  const trusting = await startTestServer(t, { trustedProxies: ['127.0.0.0/8'] })
  assert.match(await addressesAt(trusting.running.url), /^bad: whoever writes X-Forwarded-For is believed.*name with --trusted-proxy the proxy alone/)
  assert.match(await addressesAt(await startProxy(t, trusting.running.url, { upgrades: true, forwarding: 'passes' })), /^bad: whoever writes/)
  assert.match(await addressesAt(await startProxy(t, trusting.running.url, { upgrades: true, forwarding: 'drops' })), /^bad: the proxy does not say who comes.*let the proxy add/)
  assert.match(await addressesAt(await startProxy(t, trusting.running.url, { upgrades: true })), /^good/)
  for (const told of [server, trusting]) assert.doesNotMatch(told.logged(), /192\.0\.2|203\.0\.113/)
})

test('where people come by https there is a proxy, also when it says nothing of itself', () => {
  assert.match(addressFaultOf({ forged: 'socket', plain: 'socket', isHttps: true }) ?? '', /start the server with --trusted-proxy/)
  assert.equal(addressFaultOf({ forged: 'socket', plain: 'socket', isHttps: false }), undefined)
  assert.match(addressFaultOf({ forged: '{}', plain: '{}', isHttps: true }) ?? '', /does not say how it finds addresses/)
})
