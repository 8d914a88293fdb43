/**
 * Ten thousand marked values are put wherever a caller can put something, and looked for in everything the server writes or
 * answers, raw and encoded (S33). All begin alike, so one search for each encoding finds any of them.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { test } from 'node:test'
import { systemRandom } from '@famichat/base'
import { type ConversationId, ConversationKind, makeId, PROOF_HEADER, type RouteName, ROUTES } from '@famichat/protocol'
import { TestChannel } from './support/test-channel.js'
import { firstDevice } from './support/test-device.js'
import { startTestServer } from './support/test-server.js'

const MARK = 'canary-of-this-test'
let serial = 0
const canary = (): string => `${MARK}-${(serial++).toString().padStart(6, '0')}`

/** The mark as it would look in a log or file, whatever it was encoded with and wherever it began. */
const forms = (): readonly Buffer[] => {
  const mark = Buffer.from(MARK)
  const aligned = [0, 1, 2].map((offset) => Buffer.concat([Buffer.alloc(offset), mark]).toString('base64').replaceAll('=', '').slice(offset === 0 ? 0 : 4, -4))
  return [
    mark, Buffer.from(MARK.toUpperCase()), Buffer.from(mark.toString('hex')), Buffer.from(mark.toString('hex').toUpperCase()), Buffer.from(MARK, 'utf16le'),
    Buffer.from(MARK, 'utf16le').swap16(), ...aligned.map((text) => Buffer.from(text)), ...aligned.map((text) => Buffer.from(text.replaceAll('+', '-').replaceAll('/', '_'))),
  ]
}

test('S33 ten thousand marked values in paths, headers, bodies, frames and messages are in no log, figure, span, answer or file', async (t) => {
  const spans: string[] = []
  const collector = createServer((request, response) => {
    request.on('data', (data: Buffer) => { spans.push(data.toString()) }).on('end', () => { response.end('{}') })
  }).listen(0, '127.0.0.1')
  await once(collector, 'listening')
  t.after(() => { collector.close() })
  const address = collector.address()
  const free = { burst: 1e9, perSecond: 1e9 }
  const server = await startTestServer(t, {
    otlpEndpoint: `http://127.0.0.1:${typeof address === 'object' ? address?.port.toString() ?? '' : ''}`,
    rateLimits: { address: free, device: free, send: free, frame: free },
  })
  const ana = await firstDevice(server)
  const { url } = server.running
  const answers: string[] = []
  const routes = Object.keys(ROUTES) as RouteName[]
  const encoded = (): string => [canary(), Buffer.from(canary()).toString('base64url'), Buffer.from(canary()).toString('hex')].join('.')
  const knock = async (at: number): Promise<void> => {
    const { path, method } = ROUTES[routes[at % routes.length] ?? 'serverInfo']
    const response = await fetch(`${url}${at % 3 === 0 ? `/${canary()}` : path}?${canary()}=${encoded()}`, {
      method,
      headers: {
        authorization: `${['Bearer', 'Invite', 'Basic'][at % 3] ?? ''} ${encoded()}`, [PROOF_HEADER]: encoded(), 'user-agent': canary(), 'x-forwarded-for': canary(),
        cookie: `${canary()}=${canary()}`, 'content-type': at % 5 === 0 ? `text/${canary()}` : 'application/octet-stream', 'x-request-id': canary(), traceparent: canary(),
      },
      ...(method === 'POST' ? { body: Array.from({ length: 8 }, canary).join() } : {}),
    })
    answers.push(JSON.stringify([...response.headers]), await response.text())
  }
  for (let at = 0; serial < 9000; at += 10) await Promise.all(Array.from({ length: 10 }, (_, i) => knock(at + i)))
  for (let i = 0; serial < 9500; i++) {
    const channel = new TestChannel(server)
    await channel.nextFrame()
    channel.socket.send(i % 2 === 0 ? Array.from({ length: 10 }, canary).join() : Buffer.from(Array.from({ length: 10 }, canary).join()))
    await channel.closed
  }
  const conversationId = makeId<ConversationId>(systemRandom)
  await ana.call('conversationCreate', { conversationId, kind: ConversationKind.group })
  const { channel } = await TestChannel.resume(ana)
  while (serial < 10_000) await channel.say(conversationId, Array.from({ length: 10 }, canary).join())
  const figures = await (await fetch(`${url}/metrics`)).text()
  const files = readdirSync(server.dataDir).map((name) => [name, readFileSync(join(server.dataDir, name))] as const)
  await server.running.close()
  const haystacks = new Map<string, Buffer>([
    ...files, ...readdirSync(server.dataDir).map((name) => [`${name} afterwards`, readFileSync(join(server.dataDir, name))] as const),
    ['log', Buffer.from(server.logged())], ['figures', Buffer.from(figures)], ['spans', Buffer.from(spans.join('\n'))], ['answers', Buffer.from(answers.join('\n'))],
  ])
  for (const [name, haystack] of haystacks) if (!name.startsWith('server.lock')) assert.ok(haystack.length > 0 || name.includes('-'), `${name} is empty`)
  assert.ok(serial >= 10_000 && spans.length > 0)
  // the search would find one
  for (const text of [canary(), Buffer.from(`x${canary()}`).toString('base64'), Buffer.from(`xx${canary()}`).toString('base64url'), Buffer.from(canary()).toString('hex')]) {
    assert.ok(forms().some((form) => Buffer.from(text).includes(form)), text)
  }
  const found = [...haystacks].flatMap(([name, haystack]) => forms().some((form) => haystack.includes(form)) ? [name] : [])
  assert.deepEqual(found, [])
})
