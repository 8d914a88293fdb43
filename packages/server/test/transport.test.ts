/**
 * What comes before any account: addresses, proxies, origins, sockets that say nothing or too much.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { get as httpGet, type IncomingHttpHeaders } from 'node:http'
import { createConnection, type Socket } from 'node:net'
import { test } from 'node:test'
import { CHANNEL_PATH, ClientFrameType, encodeClientFrame, PROTOCOL_ERRORS, ROUTES, ServerFrameType } from '@famichat/protocol'
import { ClientAddresses } from '../dist/client-address.js'
import { TestChannel } from './support/test-channel.js'
import { firstDevice } from './support/test-device.js'
import { startTestServer, type TestServer } from './support/test-server.js'

const connect = async ({ running: { port } }: TestServer, from?: string): Promise<Socket> => {
  const socket = createConnection({ port, host: '127.0.0.1', ...(from === undefined ? {} : { localAddress: from }) })
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  return socket
}

interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
}

const get = ({ running: { port } }: TestServer, path: string, headers: Readonly<Record<string, string | string[]>> = {}): Promise<Answer> =>
  new Promise((resolve, reject) => {
    httpGet({ port, host: '127.0.0.1', path, headers, agent: false }, (response) => {
      response.resume()
      resolve({ status: response.statusCode ?? 0, headers: response.headers })
    }).on('error', reject)
  })

const UPGRADE = { Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAA==' }

/** The status an upgrade gets; 101 when it is let in. */
const upgrade = async (server: TestServer, headers: Readonly<Record<string, string>>, from?: string): Promise<Answer & { socket: Socket }> => {
  const socket = await connect(server, from)
  const lines = Object.entries({ Host: `127.0.0.1:${server.running.port.toString()}`, ...UPGRADE, ...headers }).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.write(`GET ${CHANNEL_PATH} HTTP/1.1\r\n${lines.join('')}\r\n`)
  const [data] = await once(socket, 'data') as [Buffer]
  const [head = ''] = data.toString('latin1').split('\r\n\r\n')
  const fields = head.split('\r\n').slice(1).map((line) => line.split(': ')).map(([name = '', value = '']) => [name.toLowerCase(), value])
  return { status: Number(/^HTTP\/1.1 (\d+)/.exec(head)?.[1]), headers: Object.fromEntries(fields) as IncomingHttpHeaders, socket }
}

const limited = { rateLimits: { address: { burst: 5, perSecond: 0 } } }
const INFO = ROUTES.serverInfo.path

test('S32 a made-up X-Forwarded-For gives nobody a limit of their own, and a hundred calls at once get no more than one after another', async (t) => {
  const server = await startTestServer(t, limited)
  const answers = await Promise.all(Array.from({ length: 100 }, (_, i) => get(server, INFO, { 'x-forwarded-for': `10.0.0.${i.toString()}`, forwarded: `for=10.0.1.${i.toString()}` })))
  assert.equal(answers.filter(({ status }) => status === 200).length, 5)
  const refused = answers.find(({ status }) => status === 429)
  assert.equal(refused?.headers['retry-after'], '2')
})

test('S32 behind the operator\'s proxy each address has its own limit, and the part of the header that the proxy did not write counts for nothing', async (t) => {
  const server = await startTestServer(t, { ...limited, trustedProxies: ['127.0.0.1', '10.9.0.0/16'] })
  const ask = async (forwarded: string, times: number): Promise<number> => {
    const answers = await Promise.all(Array.from({ length: times }, () => get(server, INFO, { 'x-forwarded-for': forwarded })))
    return answers.filter(({ status }) => status === 200).length
  }
  assert.equal(await ask('192.0.2.1', 8), 5)
  assert.equal(await ask('192.0.2.2', 8), 5)
  // the client wrote the first part itself; the proxy added what it saw
  for (let i = 0; i < 3; i++) assert.equal(await ask(`198.51.100.${i.toString()}, 192.0.2.1`, 2), 0)
  // a second proxy of the operator's stands behind the first
  assert.equal(await ask('192.0.2.1, 10.9.1.1', 2), 0)
  assert.equal(await ask('203.0.113.7, 10.9.1.1', 8), 5)
})

test('an address is the household\'s: IPv6 counts by its /64, IPv4 in IPv6 clothes is IPv4; a misspelt proxy is refused', () => {
  const addresses = new ClientAddresses(['::1'])
  const of = (remoteAddress: string, forwarded?: string): string =>
    addresses.of({ socket: { remoteAddress }, headers: forwarded === undefined ? {} : { 'x-forwarded-for': forwarded } } as never)
  assert.equal(of('2001:db8::1'), of('2001:db8:0:0:ffff::2'))
  assert.notEqual(of('2001:db8:0:1::1'), of('2001:db8:0:2::1'))
  assert.equal(of('::ffff:192.0.2.1'), '192.0.2.1')
  assert.equal(of('::1', '192.0.2.1'), '192.0.2.1')
  assert.equal(of('::1', 'not an address'), of('::1'))
  for (const wrong of ['proxy.example', '10.0.0.0/33', '10.0.0.0/8/8', '10.0.0.0/x', '']) {
    assert.throws(() => new ClientAddresses([wrong]), { code: 'server.proxy.malformed' })
  }
})

test('S45 of browsers only our own page opens a channel or calls a route: no other origin, no null, no lookalike, no browser that hides its page', async (t) => {
  const server = await startTestServer(t)
  const { url, port } = server.running
  const refused = ['null', 'https://evil.example', `${url}.evil.example`, `http://evil.example#${url}`, `http://127.0.0.1:${(port + 1).toString()}`, url.replace('http', 'https'), `${url}/`, `${url}, ${url}`, '']
  for (const Origin of refused) {
    assert.equal((await upgrade(server, { Origin })).status, PROTOCOL_ERRORS['protocol.access.refused'].status, `channel from ${Origin}`)
    assert.equal((await get(server, INFO, { origin: Origin })).status, PROTOCOL_ERRORS['protocol.access.refused'].status, `route from ${Origin}`)
  }
  assert.equal((await upgrade(server, { 'Sec-Fetch-Site': 'cross-site' })).status, 404)
  assert.equal((await get(server, INFO, { 'sec-fetch-site': 'cross-site' })).status, 404)
  assert.equal((await upgrade(server, { Origin: url })).status, 101)
  assert.equal((await get(server, INFO, { origin: url, 'sec-fetch-site': 'same-origin' })).status, 200)
  // programs have no page
  assert.equal((await upgrade(server, {})).status, 101)
  assert.equal((await get(server, INFO)).status, 200)
})

test('S45 a page under another name that leads to this machine is another page', async (t) => {
  const server = await startTestServer(t)
  const rebound = `rebound.example:${server.running.port.toString()}`
  assert.equal((await upgrade(server, { Host: rebound, Origin: `http://${rebound}` })).status, 404)
})

test('S30 whoever connects and says nothing, or says it byte by byte, is cut within seconds', async (t) => {
  const server = await startTestServer(t)
  const [silent, dribbling] = [await connect(server), await connect(server)]
  dribbling.write('GET / HTTP/1.1\r\nHost: x\r\n')
  const dribble = setInterval(() => { dribbling.write('x') }, 200)
  t.after(() => { clearInterval(dribble) })
  await Promise.all([once(silent.resume(), 'close'), once(dribbling.resume(), 'close')])
})

test('S30 of one address only so many wait unauthenticated; they are told when to come again, and others are let in', async (t) => {
  const server = await startTestServer(t, { connectionCaps: { strangersPerAddress: 3 }, channelTimes: { authenticationMs: 3_600_000 } })
  const waiting = await Promise.all([0, 1, 2].map(() => upgrade(server, {})))
  assert.deepEqual(waiting.map(({ status }) => status), [101, 101, 101])
  const turnedAway = await upgrade(server, {})
  assert.equal(turnedAway.status, 503)
  assert.match(turnedAway.headers['retry-after'] ?? '', /^[1-8]$/)
  if (process.platform === 'linux') assert.equal((await upgrade(server, {}, '127.0.0.2')).status, 101)
  waiting[0]?.socket.destroy()
  for (let status = 503; status !== 101;) ({ status } = await upgrade(server, {}))
  // one that has authenticated is no stranger
  for (const { socket } of waiting) socket.destroy()
})

test('S30 of one address only so many connections are kept; the named proxy brings many people', async (t) => {
  const capped = await startTestServer(t, { connectionCaps: { perAddress: 2 } })
  const proxied = await startTestServer(t, { connectionCaps: { perAddress: 2 }, trustedProxies: ['127.0.0.1'] })
  const countOpen = async (server: TestServer): Promise<number> => {
    const sockets = await Promise.all(Array.from({ length: 4 }, () => connect(server)))
    const outcomes = await Promise.all(sockets.map(async (socket) => {
      socket.write(`GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n`)
      return new Promise<number>((resolve) => {
        socket.once('data', () => { resolve(1) }).once('close', () => { resolve(0) })
      })
    }))
    for (const socket of sockets) socket.destroy()
    return outcomes.reduce((sum, isOpen) => sum + isOpen, 0)
  }
  assert.equal(await countOpen(capped), 2)
  assert.equal(await countOpen(proxied), 4)
})

test('browsers insist on https only where the operator says that people come by it', async (t) => {
  const plain = await startTestServer(t)
  const behindTls = await startTestServer(t, { publicUrl: 'https://chat.example' })
  for (const path of ['/', INFO, '/healthz', '/nothing']) {
    assert.equal((await get(plain, path)).headers['strict-transport-security'], undefined)
    assert.match(String((await get(behindTls, path)).headers['strict-transport-security']), /^max-age=\d{8}/)
    assert.match(String((await get(behindTls, path)).headers['content-security-policy']), /default-src 'none'/)
  }
})

test('S28 a flood of pings, of either kind, closes the channel; compression is not offered, and compressed frames are refused', async (t) => {
  const ana = await firstDevice(await startTestServer(t, { rateLimits: { frame: { burst: 100, perSecond: 0 } } }))
  const flooding = await TestChannel.open(ana)
  const ping = encodeClientFrame({ type: ClientFrameType.ping, requestId: 1 })
  for (let i = 0; i < 200; i++) flooding.socket.send(ping)
  assert.equal((await flooding.next(ServerFrameType.closing)).code, 'protocol.rate.limited')
  assert.equal(await flooding.closed, 4429)
  const other = await startTestServer(t, { rateLimits: { frame: { burst: 100, perSecond: 0 } } })
  const pinging = new TestChannel(other)
  await pinging.next(ServerFrameType.challenge)
  for (let i = 0; i < 200; i++) pinging.socket.ping()
  // ws itself cuts whoever does not wait for its pongs
  assert.ok([4429, 1006].includes(await pinging.closed))
  const { headers, socket } = await upgrade(await startTestServer(t), { 'Sec-WebSocket-Extensions': 'permessage-deflate' })
  assert.equal(headers['sec-websocket-extensions'], undefined)
  // RSV1: "this frame is compressed"; masked with zeros
  socket.write(Buffer.from([0xc2, 0x81, 0, 0, 0, 0, 1]))
  await once(socket.resume(), 'close')
})

test('S28 a message in many pieces is bounded as a whole, text that is not UTF-8 and deep JSON are malformed', async (t) => {
  const server = await startTestServer(t)
  const ana = await firstDevice(server)
  const pieces = await TestChannel.open(ana)
  const piece = new Uint8Array(16 * 1024)
  for (let i = 0; i < 32 && pieces.socket.readyState === 1; i++) pieces.socket.send(piece, { fin: false })
  assert.equal(await pieces.closed, 1009)
  const text = await upgrade(server, {})
  text.socket.write(Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0xff, 0xfe]))
  await once(text.socket.resume(), 'close')
  const deep = `${'['.repeat(2000)}${']'.repeat(2000)}`
  for (const [body, type] of [[deep, 'application/json'], ['{"__proto__":{"a":1},"constructor":{"prototype":{}}}', 'application/json'], [deep, 'application/octet-stream']] as const) {
    const response = await fetch(server.running.url + ROUTES.tokenIssue.path, { method: 'POST', headers: { 'content-type': type }, body })
    assert.equal((await response.json() as { code: string }).code, 'protocol.request.malformed')
  }
  assert.equal(Reflect.get({}, 'a'), undefined)
  assert.equal((await ana.call('conversationList', {})).conversations.length, 0)
})
