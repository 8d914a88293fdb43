/**
 * Journeys in which the others are programs: a device that was away for weeks comes back, and a server tells two stories. One person
 * sits at a real browser; the others' clocks and networks are ours.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { BrowserContext } from 'playwright-core'
import { Client } from '@famichat/client'
import { nodePlatform, openSqliteStore } from '@famichat/client/node'
import { systemClock } from '@famichat/base'
import { findChromium, WebCommunity, type Window } from './support/community.js'
import { tellApart } from './support/lies.js'
import { openTalk, press, see, seeBubble, seeEmptyList, write } from './support/people.js'

const found = findChromium()
const DAY_MS = 24 * 3600 * 1000

describe('the web app among others', { skip: 'missing' in found ? found.missing : false }, () => {
  let community: WebCommunity
  let ada: Client
  let cleo: Client
  let ben: Window
  let day = 0
  const clock = { nowMs: () => systemClock.nowMs() + day * DAY_MS }

  const program = (name: string, link: string): Promise<Client> =>
    Client.join({ ...nodePlatform, clock, store: openSqliteStore({ folder: join(community.folder, name) }) }, link, name, 'Rivera')

  /** Moves the clock of a browser's worker, where everything that counts days is: its script gets a line before it. */
  const followClock = async (context: BrowserContext): Promise<void> => { await context.route(/\/assets\/worker-[^/]*\.js$/, async (route) => {
    const script = await route.fetch()
    const line = `{const real = Date.now; Date.now = () => real() + ${(day * DAY_MS).toString()}}\n`
    await route.fulfill({ response: script, body: line + await script.text() })
  }) }

  before(async () => {
    community = await WebCommunity.start('path' in found ? found.path : '', { clock })
    ada = await program('Ada', community.setupLink)
    cleo = await program('Cleo', (await ada.invite()).link)
    ben = await community.window('about:blank', { serviceWorkers: 'block' })
    await followClock(ben.context)
    await ben.page.goto((await ada.invite()).link)
    await ben.page.getByLabel('Your name').fill('Ben')
    await press(ben.page, 'Come in')
    await seeEmptyList(ben.page)
    await ada.sync()
    await cleo.sync()
  })
  after(async () => {
    await ada.close()
    await cleo.close()
    await community.end()
  })

  test('S6 a server that tells people different stories is found out, and the screen says what to compare', async () => {
    const { conversationId: id } = await ada.createGroup('Harbour', ['Ben', 'Cleo'])
    await cleo.sync()
    await ada.membership.appoint(id, 'Ben')
    const dora = await program('Dora', (await ada.invite()).link)
    await ada.sync()
    await openTalk(ben.page, 'Harbour')
    await ada.send(id, 'before')
    await seeBubble(ben.page, 'before')
    const { seq, members } = await ada.info(id)
    const [benDevice] = members.find(({ name }) => name === 'Ben')?.deviceIds ?? []
    assert.ok(benDevice)
    // told to Ben alone: he removes Cleo. Told to the others: Ada adds Dora.
    await tellApart(ben.context, { conversationId: id, seq, deviceId: benDevice })
    await press(ben.page, 'About this conversation')
    await press(ben.page, 'Remove Cleo')
    await ben.page.locator('.ask').getByRole('button', { name: 'Remove Cleo' }).click()
    await see(ben.page, '2 people')
    await ben.context.unrouteAll({ behavior: 'ignoreErrors' })
    await followClock(ben.context)
    await ada.add(id, 'Dora')
    await ada.send(id, 'across')
    await ben.page.reload()
    await see(ben.page, 'Something to look at')
    await openTalk(ben.page, 'Harbour')
    await see(ben.page, 'The server shows the members of this conversation different things')
    await ben.page.getByRole('button', { name: 'Do we all see the same?' }).first().click()
    await ben.page.locator('details').filter({ hasText: 'Do we all see the same?' }).locator('summary').click()
    assert.notEqual(await ben.page.locator('.code').innerText(), (await ada.info(id)).headCode)
    assert.deepEqual(ben.complaints, [])
    await dora.close()
  })

  test('S51 a device that was away for weeks was let go, says so, asks, and comes back with an honest gap', async () => {
    const { conversationId: id } = await ada.createGroup('Garden', ['Ben', 'Cleo'])
    await cleo.sync()
    await ben.page.goto(community.url)
    await openTalk(ben.page, 'Garden')
    await write(ben.page, 'off to the mountains')
    await seeBubble(ben.page, 'off to the mountains')
    await ben.page.goto('about:blank')
    // the others take it on the day it was said: their clocks count from when they hear a sign
    for (const client of [ada, cleo]) await client.sync()
    // named after 21 days, let go nine days later at the earliest, by the clocks of those who are here
    for (const next of [7, 14, 20, 22, 23, 32, 33, 34]) {
      day = next
      for (const client of [ada, cleo, ada, cleo, ada]) await client.sync()
    }
    assert.deepEqual((await ada.info(id)).members.map(({ name }) => name).sort(), ['Ada', 'Cleo'])
    await ada.send(id, 'without Ben')
    day = 45
    await ben.page.goto(community.url)
    await openTalk(ben.page, 'Garden')
    await see(ben.page, 'This device was away for so long that it was let go')
    await press(ben.page, 'Ask again')
    await see(ben.page, 'Asked.')
    const isBack = ben.page.getByText('This device was away. What was said meanwhile is not here').first().waitFor().then(() => true)
    // whoever is online lets him in, once his device has asked
    for (let isIn = false; !isIn;) {
      await cleo.sync()
      isIn = (await cleo.info(id)).members.some(({ name }) => name === 'Ben')
    }
    assert.equal(await isBack, true)
    await write(ben.page, 'there you are')
    await seeBubble(ben.page, 'there you are')
    await ada.sync()
    const texts = (await ada.messages(id)).map(({ content }) => ('body' in content ? content.body : ''))
    assert.deepEqual(texts, ['off to the mountains', 'without Ben', 'there you are'])
    assert.equal(await ben.page.getByText('without Ben').count(), 0)
    assert.deepEqual(ben.complaints, [])
  })
})
