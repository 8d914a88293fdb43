/**
 * A device that was let go for its silence comes back with one command. Seventy days pass in a real server and its clients whose
 * clock was behind; the commands themselves run today.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { type Clock, systemClock } from '@famichat/base'
import { Client } from '@famichat/client'
import { nodePlatform, openSqliteStore } from '@famichat/client/node'
import { startServer } from '@famichat/server'
import { Place } from './support/processes.js'

const DAY_MS = 24 * 3600 * 1000
const AWAY_DAYS = 71

const settle = async (...people: readonly Client[]): Promise<void> => {
  for (let round = 0; round < 2; round++) for (const person of people) await person.sync()
}

test('famichat back: a device that was let go after 30 days is in again within seconds of one command, with an honest word about its absence', async (t) => {
  const place = new Place(t)
  let day = 0
  const clock: Clock = { nowMs: () => systemClock.nowMs() - (AWAY_DAYS - day) * DAY_MS }
  const server = await startServer({ dataDir: join(place.home, 'server'), port: 0, clock, logTo: new PassThrough().resume() })
  t.after(() => server.close())
  const optionsOf = (profile: string) => ({ ...nodePlatform, store: openSqliteStore({ folder: join(place.home, profile) }), clock })
  const ada = await Client.join(optionsOf('ada'), server.setupLink ?? '', 'Ada')
  const [ben, cleo] = [await Client.join(optionsOf('ben'), (await ada.invite()).link, 'Ben'), await Client.join(optionsOf('cleo'), (await ada.invite()).link, 'Cleo')]
  await settle(ada, ben, cleo)
  const { conversationId: id } = await ada.createGroup('Garden', ['Ben', 'Cleo'])
  await settle(ben, cleo)
  await cleo.send(id, 'off to the mountains')
  await settle(ada, ben)
  await cleo.close()
  for (day of [7, 14, 22, 29, 32]) await settle(ada, ben)
  assert.deepEqual((await ben.info(id)).members.map(({ name }) => name).sort(), ['Ada', 'Ben'])
  await ada.send(id, 'without Cleo')
  await settle(ben)
  for (const client of [ada, ben]) await client.close()

  day = AWAY_DAYS
  const [bens, cleos] = [place.person('ben'), place.person('cleo')]
  const connected = bens.starts('tail', 'Garden')
  await connected.until('Ben is connected', ({ lines }) => lines.some(({ type, text }) => type === 'message' && text === 'without Cleo'))
  const asked = await cleos.does('back', 'Garden')
  assert.deepEqual(asked.filter(({ type }) => type === 'asked').map(({ name }) => name), ['Garden'])
  // no sync of Ben's: he only stays connected
  const letGo = connected.lines.find(({ type, removed }) => type === 'membership' && Array.isArray(removed) && removed.includes('Cleo'))
  await connected.until('Cleo is in again', ({ lines }) => lines.some(({ type, added, seq }) => type === 'membership' && Array.isArray(added) && added.includes('Cleo') && Number(seq) > Number(letGo?.seq)))
  const seen = await cleos.does('tail', 'Garden', '--once')
  assert.deepEqual(seen.filter(({ type }) => type === 'notice').map(({ code, count }) => [code, count]).filter(([code]) => code === 'client.history.away'), [['client.history.away', AWAY_DAYS]])
  assert.deepEqual(seen.filter(({ type }) => type === 'message').map(({ text }) => text), ['off to the mountains'])
  await cleos.does('send', 'Garden', 'there I am')
  await connected.until('Ben reads her', ({ texts }) => texts.includes('there I am'))
  await connected.stop()

  const again = await cleos.tries(['back', 'Garden'])
  assert.equal(again.code, 1)
  assert.match(again.stderr, /client\.member\.not_away/)
})
