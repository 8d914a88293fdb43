/**
 * A token is good only with the device's own signature over the call (E17).
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isCodedError, systemRandom } from '@famichat/base'
import {
  type ConversationId, ConversationKind, formatDeviceAuthorization, formatRequestProof, LIFETIMES, makeId, parseRequestProof, PROOF_HEADER,
} from '@famichat/protocol'
import { callRoute, exchange, firstDevice, invitedDevice } from './support/test-device.js'
import { startTestServer } from './support/test-server.js'

const refused = (act: Promise<unknown>): Promise<void> =>
  assert.rejects(act, (error) => {
    assert.ok(isCodedError(error, 'protocol.auth.refused'), String(error))
    return true
  })

const fresh = () => ({ conversationId: makeId<ConversationId>(systemRandom), kind: ConversationKind.group })

test('S20 a stolen token calls nothing: not without a proof, not with the proof of another device', async (t) => {
  const server = await startTestServer(t)
  const ana = await firstDevice(server)
  const thief = await invitedDevice(ana, 'Thief')
  await refused(callRoute(server, 'directory', {}, formatDeviceAuthorization(ana.token)))
  await refused(exchange(server, 'directory', thief.init('directory', {}, ana.token)))
  await ana.call('directory', {})
})

test('S21 a call that was overheard cannot be made again', async (t) => {
  const server = await startTestServer(t)
  const ana = await firstDevice(server)
  const init = ana.init('linkOpen', {})
  await exchange(server, 'linkOpen', init)
  await refused(exchange(server, 'linkOpen', init))
})

test('S21 a proof holds for one body, one route and one token', async (t) => {
  const server = await startTestServer(t)
  const ana = await firstDevice(server)
  const init = ana.init('conversationCreate', fresh())
  const other = ana.init('conversationCreate', fresh())
  await refused(exchange(server, 'conversationCreate', { ...init, body: other.body ?? null }))
  await refused(exchange(server, 'inviteList', ana.init('directory', {})))
  const before = ana.token
  await ana.signIn()
  const headers = { ...ana.headers('directory', new Uint8Array(0), before), authorization: formatDeviceAuthorization(ana.token) }
  await refused(exchange(server, 'directory', { method: 'GET', headers }))
  assert.deepEqual((await ana.call('conversationList', {})).conversations, [])
})

test('S21 a proof is good for five minutes either way, and a changed or misshapen one never', async (t) => {
  const server = await startTestServer(t)
  server.clock.advance(2 * LIFETIMES.clockSkewMs)
  const ana = await firstDevice(server)
  const init = ana.init('directory', {})
  server.clock.advance(LIFETIMES.clockSkewMs + 1)
  await refused(exchange(server, 'directory', init))
  const early = ana.init('directory', {})
  server.clock.advance(-LIFETIMES.clockSkewMs - 1)
  await refused(exchange(server, 'directory', early))
  const headers = ana.headers('directory', new Uint8Array(0))
  const proof = parseRequestProof(headers[PROOF_HEADER])
  for (const bad of ['', 'x', formatRequestProof({ ...proof, timeMs: proof.timeMs + 1 }), formatRequestProof({ ...proof, nonce: systemRandom(16) })]) {
    await refused(exchange(server, 'directory', { method: 'GET', headers: { ...headers, [PROOF_HEADER]: bad } }))
  }
  await exchange(server, 'directory', { method: 'GET', headers })
})

test('S21 a proof from before a restart is not taken after it: what was used before is forgotten', async (t) => {
  const server = await startTestServer(t)
  const ana = await firstDevice(server)
  const init = ana.init('directory', {})
  await exchange(server, 'directory', init)
  server.clock.advance(1)
  await server.restart()
  // the connection kept from before is dead
  await callRoute(server, 'serverInfo', {}).catch(() => undefined)
  await refused(exchange(server, 'directory', init))
  await ana.call('directory', {})
})
