/**
 * Devices that give no sign (E20): named in time, let go late, back when they ask; and clocks that jump let nobody go (S51).
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isCodedError } from '@famichat/base'
import type { Client, ConversationId } from '@famichat/client'
import { silenceOf } from '../dist/conversation/presence.js'
import { Community, settle, textsOf } from './support/community.js'

const DAY_MS = 24 * 3600 * 1000
const START_MS = Date.UTC(2026, 10, 25, 12)

const noticesOf = async (client: Client, id: ConversationId): Promise<readonly (readonly [string, number])[]> =>
  (await client.history(id)).flatMap((event) => (event.kind === 'notice' ? [[event.errorCode, event.count] as const] : []))
const namesIn = async (client: Client, id: ConversationId): Promise<readonly string[]> => (await client.info(id)).members.map(({ name }) => name).sort()

test('a device that gives no sign is named after 21 days, let go after 30, and comes back with an honest word about its absence', async (t) => {
  let day = 0
  const community = await Community.start(t, { nowMs: () => START_MS + day * DAY_MS })
  const [ada, ben, cleo] = await community.people('Ada', 'Ben', 'Cleo')
  assert.ok(ada && ben && cleo)
  const { conversationId: id } = await ada.createGroup('Garden', ['Ben', 'Cleo'])
  await settle(ben, cleo)
  await cleo.send(id, 'off to the mountains')
  await settle(ada, ben)
  await community.close(cleo)
  for (const next of [7, 14, 20]) {
    day = next
    await settle(ada, ben)
    assert.deepEqual(await noticesOf(ben, id), [])
  }
  day = 22
  await settle(ada, ben)
  for (const client of [ada, ben]) assert.deepEqual(await noticesOf(client, id), [['client.device.idle', 22]])
  day = 29
  await settle(ada, ben)
  assert.deepEqual(await namesIn(ben, id), ['Ada', 'Ben', 'Cleo'])
  day = 32
  // Ben decides nothing: it takes an admin
  await ben.sync()
  assert.deepEqual(await namesIn(ben, id), ['Ada', 'Ben', 'Cleo'])
  await settle(ada, ben)
  assert.deepEqual(await namesIn(ben, id), ['Ada', 'Ben'])
  assert.deepEqual(await noticesOf(ben, id), [['client.device.idle', 22], ['client.device.away', 32]])
  await ada.send(id, 'without Cleo')

  day = 71
  const back = await community.open('Cleo')
  await back.sync()
  await back.sync()
  assert.equal((await back.info(id)).state, 'ended')
  assert.equal((await back.membership.comeBack(id)).state, 'ended')
  // any member's client lets her in again, not only an admin's
  await settle(ben, back)
  assert.equal((await back.info(id)).state, 'active')
  assert.deepEqual((await noticesOf(back, id)).filter(([code]) => code === 'client.history.away'), [['client.history.away', 71]])
  await ben.send(id, 'there you are')
  await settle(back, ada)
  assert.deepEqual(await textsOf(back, id), ['off to the mountains', 'there you are'])
  assert.deepEqual((await ada.info(id)).epochAuthenticator, (await back.info(id)).epochAuthenticator)
})

/** The server does not take KeyPackages of a day that is not yet; by then everything else is done. */
const syncAsFarAsPossible = async (client: Client): Promise<void> => {
  await client.sync().catch((error: unknown) => { if (!isCodedError(error, 'protocol.key_package.refused')) throw error })
}

test('S51: clocks that jump, one or both, let nobody go', async (t) => {
  let serverDay = 0
  let adaDay = 0
  const community = await Community.start(t, { nowMs: () => START_MS + serverDay * DAY_MS })
  const [ada, ben] = await community.people('Ada', 'Ben')
  assert.ok(ada && ben)
  const { conversationId: id } = await ada.createGroup('Garden', ['Ben'])
  await settle(ben)
  await ben.send(id, 'here')
  await community.close(ada)
  const jumping = await community.openWith('Ada', { nowMs: () => START_MS + adaDay * DAY_MS })
  await jumping.sync()
  for (const [server, own] of [[0, 40], [0, 400], [0, 0], [40, 0], [40, 40], [40, 45]] as const) {
    serverDay = server
    adaDay = own
    await syncAsFarAsPossible(jumping)
    assert.deepEqual(await namesIn(jumping, id), ['Ada', 'Ben'], `at ${server} and ${own} days`)
  }
  // Ben's client is online on the day after the jump, and by its renewal says that he is there
  await settle(ben, jumping)
  serverDay = 80
  adaDay = 80
  await settle(ben)
  await jumping.sync()
  assert.deepEqual(await namesIn(jumping, id), ['Ada', 'Ben'])
})

test('silence is judged by the clock that says less, and by nine days between the word and the deed', () => {
  const at = (own: number, server: number) => ({ nowMs: START_MS + own * DAY_MS, serverMs: START_MS + server * DAY_MS })
  const seen = { seenAtMs: START_MS, seenServerMs: START_MS, warnedAtMs: 0, warnedServerMs: 0 }
  const warnedOn = (own: number, server: number) => ({ ...seen, warnedAtMs: at(own, server).nowMs, warnedServerMs: at(own, server).serverMs })
  assert.equal(silenceOf(undefined, at(40, 40)).kind, 'unknown')
  assert.equal(silenceOf({ ...seen, seenAtMs: at(3, 0).nowMs }, at(0, 0)).kind, 'unknown', 'a last sign that lies ahead')
  assert.equal(silenceOf(seen, at(20, 40)).kind, 'present')
  assert.equal(silenceOf(seen, at(40, 20)).kind, 'present')
  assert.deepEqual(silenceOf(seen, at(21, 22)), { kind: 'warn', days: 21 })
  assert.deepEqual(silenceOf(seen, at(400, 400)), { kind: 'warn', days: 400 }, 'never gone without a word before')
  assert.equal(silenceOf(warnedOn(21, 21), at(29, 40)).kind, 'warned')
  assert.equal(silenceOf(warnedOn(25, 25), at(33, 40)).kind, 'warned')
  assert.deepEqual(silenceOf(warnedOn(21, 21), at(30, 31)), { kind: 'evict', days: 30 })
})
