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
import { decodeRequest, encodeResponse, type Envelope, ROUTES } from '@famichat/protocol'
import { findChromium, WebCommunity, type Window } from './support/community.js'
import { openTalk, press, see, seeBubble, seeEmptyList } from './support/people.js'

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
    const story: Envelope[] = []
    await ben.context.route(({ pathname }) => pathname === ROUTES.conversationCommit.path, async (route) => {
      const { commit, messageId, epoch } = decodeRequest('conversationCommit', new Uint8Array(route.request().postDataBuffer() ?? []))
      story.push({ message: commit.slice(), header: { conversationId: id, seq: seq + 1, senderDevice: benDevice, messageId, encryption: 1, contentType: 3, epoch, createdAtMs: 1 } })
      await route.fulfill({ body: Buffer.from(encodeResponse('conversationCommit', { seq: seq + 1, createdAtMs: 1 })) })
    })
    await ben.context.route(({ pathname }) => pathname === ROUTES.logRead.path, (route) =>
      (story.length === 0 ? route.continue() : route.fulfill({ body: Buffer.from(encodeResponse('logRead', { envelopes: story, hasMore: false, prunedSeq: 0 })) })))
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
})
