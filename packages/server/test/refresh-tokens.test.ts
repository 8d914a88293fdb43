/**
 * S22 Refresh tokens: once each, with the device's key; one that was copied ends all (E17).
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isCodedError, toHex } from '@famichat/base'
import { LIFETIMES, LIMITS, ServerFrameType } from '@famichat/protocol'
import { TestChannel } from './support/test-channel.js'
import { exchange, firstDevice, invitedDevice } from './support/test-device.js'
import { startTestServer } from './support/test-server.js'

const refused = (act: Promise<unknown>): Promise<void> => assert.rejects(act, (error) => isCodedError(error, 'protocol.auth.refused'))

test('a refresh token gives a pair that works, and the next refresh token gives the next', async (t) => {
  const ana = await firstDevice(await startTestServer(t))
  for (let turn = 0; turn < 3; turn++) {
    ana.server.clock.advance(LIFETIMES.tokenMs)
    await refused(ana.call('directory', {}))
    const { token, refreshToken } = await ana.refresh()
    assert.notEqual(toHex(refreshToken), toHex(ana.refreshToken))
    ana.token = token
    ana.refreshToken = refreshToken
    await ana.call('directory', {})
  }
})

test('S22 a thousand refreshes at once give one pair: the answer to the first may have been lost', async (t) => {
  const ana = await firstDevice(await startTestServer(t, { rateLimits: { ...OPEN }, connectionCaps: { perAddress: 5000 } }))
  // a connection that a busy machine was too slow for is cut: who lost it asks again, which is what this is about
  const persistent = async (): ReturnType<typeof ana.refresh> => {
    for (;;) {
      try {
        return await ana.refresh()
      } catch (error) {
        if (!(error instanceof TypeError)) throw error
      }
    }
  }
  const answers = await Promise.all(Array.from({ length: 1000 }, persistent))
  assert.equal(new Set(answers.map(({ token, refreshToken }) => toHex(token) + toHex(refreshToken))).size, 1)
  ana.token = answers[0]?.token ?? ana.token
  await ana.call('directory', {})
})

test('a device that signs in without end keeps its latest tokens: it fills no disk, and shuts itself out of nothing', async (t) => {
  const ana = await firstDevice(await startTestServer(t, { rateLimits: { ...OPEN } }))
  const [firstToken, firstRefreshToken] = [ana.token, ana.refreshToken]
  for (let i = 1; i < LIMITS.tokensPerDevice; i++) {
    ana.server.clock.advance(1)
    await ana.signIn()
  }
  const [lastToken, lastRefreshToken] = [ana.token, ana.refreshToken]
  await exchange(ana.server, 'directory', ana.init('directory', {}, firstToken))
  ana.server.clock.advance(1)
  await ana.signIn()
  await refused(exchange(ana.server, 'directory', ana.init('directory', {}, firstToken)))
  await refused(ana.refresh(firstRefreshToken))
  await exchange(ana.server, 'directory', ana.init('directory', {}, lastToken))
  await ana.refresh(lastRefreshToken)
  await ana.call('directory', {})
})

test('S22 a refresh token that comes back later was copied: all tokens die, and the open channel ends at once', async (t) => {
  const ana = await firstDevice(await startTestServer(t))
  const old = ana.refreshToken
  const next = await ana.refresh()
  ana.token = next.token
  const channel = await TestChannel.open(ana)
  ana.server.clock.advance(LIFETIMES.refreshGraceMs + 1)
  await refused(ana.refresh(old))
  assert.equal((await channel.next(ServerFrameType.closing)).code, 'protocol.auth.refused')
  await refused(ana.call('directory', {}))
  await refused(ana.refresh(next.refreshToken))
  // the device's own key still opens the door
  await ana.signIn()
  await ana.call('directory', {})
})

test('S20 a refresh token is worth nothing without the device\'s key, nor under another device\'s name', async (t) => {
  const ana = await firstDevice(await startTestServer(t))
  const thief = await invitedDevice(ana, 'Thief')
  await refused(thief.refresh(ana.refreshToken))
  await refused(thief.refresh(ana.refreshToken, ana.deviceId))
  await ana.refresh()
})

test('S23 revoking a device ends its refresh token; and after thirty days one is too old', async (t) => {
  const ana = await firstDevice(await startTestServer(t))
  const phone = await ana.addDevice()
  await ana.revoke(phone.deviceId)
  await refused(phone.refresh())
  ana.server.clock.advance(LIFETIMES.refreshTokenMs)
  await refused(ana.refresh())
})

const RATE = { burst: 10_000, perSecond: 10_000 }
const OPEN = { address: RATE, device: RATE, send: RATE, claim: RATE }
