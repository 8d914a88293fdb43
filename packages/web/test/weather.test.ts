/**
 * Journeys in bad weather: tabs die, networks vanish, servers lie, clocks and disks are wrong. Nothing is lost, nothing is
 * doubled, and everything is said in words with a way on.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Page } from 'playwright-core'
import { systemClock } from '@famichat/base'
import { ContentType, type Envelope } from '@famichat/protocol'
import { findChromium, type WebCommunity, type Window } from './support/community.js'
import { joinFamily, startTrio } from './support/family.js'
import { alter, lie } from './support/lies.js'
import { bubble, goBack, openTalk, press, see, seeBubble, startTalk, write } from './support/people.js'

const found = findChromium()

/** Texts of the open conversation, oldest first. */
const textsOn = (page: Page): Promise<readonly string[]> => page.locator('article.bubble .text').allTextContents()

/** What is said in the open conversation besides messages. */
const warningsOn = (page: Page): Promise<readonly string[]> => page.locator('.odd').allTextContents()

/** Messages of the test with two tabs. */
const SAID_BY_TABS = 15

/** Scrolls up until so many messages stand on the page. */
const readAll = async (page: Page, count: number): Promise<readonly string[]> => {
  await page.waitForFunction((least) => {
    const view = document.querySelector('[role=log]')
    if (view !== null) view.scrollTop = 0
    return document.querySelectorAll('article.bubble .text').length >= least
  }, count)
  return textsOn(page)
}

const isMessage = ({ header }: Envelope): boolean => header.contentType === ContentType.application

describe('the web app in bad weather', { skip: 'missing' in found ? found.missing : false }, () => {
  let community: WebCommunity
  let ada: Window
  let ben: Window
  let cleo: Window
  before(async () => {
    ({ community, windows: [ada, ben, cleo] } = await startTrio(found))
    await startTalk(ada.page, ['Ben', 'Cleo'], 'Garden')
    await openTalk(ben.page, 'Garden')
    await openTalk(cleo.page, 'Garden')
  })
  after(() => community.end())

  test('two tabs write at once and one dies while it sends: each message is there once, and nothing forks', async () => {
    const second = await community.tab(ada.context)
    await openTalk(second.page, 'Garden')
    const said: string[] = []
    for (let at = 0; at < 5; at++) {
      said.push(`one ${at.toString()}`, `two ${at.toString()}`)
      await Promise.all([write(ada.page, `one ${at.toString()}`), write(second.page, `two ${at.toString()}`)])
    }
    // whichever tab leads, it dies with words on their way: as soon as they are written down, wherever they are then
    for (let at = 0; at < 3; at++) {
      const text = `last words ${at.toString()}`
      const dying = ada.page
      ada = { ...ada, page: at === 0 ? second.page : (await community.tab(ada.context)).page }
      if (at > 0) await openTalk(ada.page, 'Garden')
      await write(dying, text)
      await dying.locator('[data-kept]').filter({ hasText: text }).or(bubble(dying, text)).first().waitFor()
      await dying.close()
      said.push(text)
    }
    await write(ada.page, 'still here')
    said.push('still here')
    for (const page of [ada.page, ben.page]) {
      for (const text of said) await bubble(page, text).first().waitFor()
      assert.deepEqual([...await textsOn(page)].sort(), [...said].sort())
      assert.deepEqual(await warningsOn(page), [])
    }
    await write(ben.page, 'I have it all')
    await seeBubble(ada.page, 'I have it all')
    assert.deepEqual(await textsOn(ben.page), await textsOn(ada.page), 'in one order')
  })

  test('without a network for fifty messages and two changes of members: back, all is there and in order', async () => {
    await cleo.context.setOffline(true)
    // what has been open ends when the device sleeps
    await cleo.page.goto('about:blank')
    const said: string[] = []
    const talk = async (count: number): Promise<void> => {
      for (let at = 0; at < count; at++) {
        const [who, text] = said.length % 2 === 0 ? [ada, `message ${said.length.toString()} of Ada`] : [ben, `message ${said.length.toString()} of Ben`]
        await write(who.page, text)
        said.push(text)
      }
      await seeBubble(ada.page, said.at(-1) ?? '')
      await seeBubble(ben.page, said.at(-2) ?? '')
    }
    await goBack(ada.page)
    const dora = await joinFamily(community, ada, 'Dora')
    await openTalk(ada.page, 'Garden')
    await talk(20)
    await press(ada.page, 'About this conversation')
    await ada.page.getByLabel('Add somebody').selectOption('Dora')
    await press(ada.page, 'Add')
    await see(ada.page, '4 people')
    await goBack(ada.page)
    await talk(20)
    await press(ada.page, 'About this conversation')
    await press(ada.page, 'Remove Dora')
    await ada.page.locator('.ask').getByRole('button', { name: 'Remove Dora' }).click()
    await see(ada.page, '3 people')
    await goBack(ada.page)
    await talk(10)
    await dora.context.close()

    // the app opens from what it has kept, says so, and what is written waits
    await cleo.page.goto(community.url)
    await openTalk(cleo.page, 'Garden')
    await see(cleo.page, 'No connection.')
    await write(cleo.page, 'written in the tunnel')
    await see(cleo.page, 'Not sent yet')
    await cleo.context.setOffline(false)
    await seeBubble(cleo.page, said.at(-1) ?? '')
    await seeBubble(ben.page, 'written in the tunnel')
    await seeBubble(cleo.page, 'written in the tunnel')
    await seeBubble(ada.page, 'written in the tunnel')
    const all = SAID_BY_TABS + said.length + 1
    const [mine, theirs] = [await readAll(ada.page, all), await readAll(cleo.page, all)]
    assert.deepEqual(theirs, mine)
    assert.deepEqual(theirs.slice(SAID_BY_TABS).filter((text) => text !== 'written in the tunnel').sort(), [...said].sort())
    assert.deepEqual(await warningsOn(cleo.page), [])
    for (const text of ['Dora came in', 'Dora is not here any more']) await see(cleo.page, text)
  })

  test('a message that cannot be read says why and what happens, and heals in its place', async () => {
    await cleo.page.goto('about:blank')
    await goBack(ada.page)
    await write2(ada.page, 'Garden', 'this one arrives damaged')
    await write(ada.page, 'this one is well')
    await seeBubble(ben.page, 'this one is well')
    await ada.page.goto('about:blank')
    let isDone = false
    const honest = await lie(cleo.context, 'logRead', ({ envelopes, hasMore, prunedSeq }) => {
      const damaged = isDone ? -1 : envelopes.findIndex(isMessage)
      isDone ||= damaged >= 0
      return { hasMore, prunedSeq, envelopes: envelopes.map((envelope, at) => (at === damaged ? { ...envelope, message: envelope.message.with(-1, (envelope.message.at(-1) ?? 0) ^ 1) } : envelope)) }
    })
    await cleo.page.goto(community.url)
    await openTalk(cleo.page, 'Garden')
    await see(cleo.page, 'This message cannot be read here yet')
    await cleo.page.getByText('Why?').click()
    await see(cleo.page, 'It was damaged on the way, or is not from who it says.')
    await see(cleo.page, 'It was asked for again by itself')
    await honest()
    // Ada is online again: her device says it again
    await ada.page.goto(community.url)
    await openTalk(ada.page, 'Garden')
    await seeBubble(cleo.page, 'this one arrives damaged')
    assert.deepEqual((await textsOn(cleo.page)).slice(-2), ['this one arrives damaged', 'this one is well'])
    assert.deepEqual(await warningsOn(cleo.page), [])
  })

  test('S2 messages that the server withholds are missed, in words', async () => {
    await cleo.page.goto('about:blank')
    for (const text of ['first', 'second', 'third']) await write(ada.page, text)
    await seeBubble(ben.page, 'third')
    const honest = await lie(cleo.context, 'logRead', ({ envelopes, hasMore }) =>
      // the first one is left out, and the rest moved up as if it had never been
      ({ hasMore, prunedSeq: 0, envelopes: envelopes.slice(1).map((envelope) => ({ ...envelope, header: { ...envelope.header, seq: envelope.header.seq - 1 } })) }))
    await cleo.page.goto(community.url)
    await see(cleo.page, 'Something to look at')
    await openTalk(cleo.page, 'Garden')
    await see(cleo.page, 'Ada: Messages of this person did not arrive')
    await see(cleo.page, 'The server shows others a different order')
    await cleo.page.getByRole('button', { name: 'Do we all see the same?' }).first().click()
    await see(cleo.page, 'Do we all see the same?')
    await honest()
    await cleo.context.close()
  })

  test('S13 a server that has forgotten what it had is said on every screen', async () => {
    const honest = await lie(ben.context, 'conversationList', ({ conversations }) =>
      ({ conversations: conversations.map((conversation) => ({ ...conversation, lastSeq: 1 })) }))
    await ben.page.reload()
    await see(ben.page, 'The server has forgotten messages that it had')
    await honest()
    await ben.page.reload()
    await openTalk(ben.page, 'Garden')
    await ben.page.getByText('The server has forgotten messages that it had').waitFor({ state: 'detached' })
  })

  test('a clock that is wrong is said, with what to do', async () => {
    const right = await alter(ben.context, ({ pathname }) => pathname.startsWith('/api/'), (response) =>
      ({ response, headers: { ...response.headers(), date: new Date(systemClock.nowMs() + 3_600_000).toUTCString() } }))
    await ben.page.reload()
    await see(ben.page, 'The clock of this device is off by 60 minutes')
    await right()
    await ben.page.reload()
    await openTalk(ben.page, 'Garden')
  })

  test('a browser that lacks what is needed says so, and keeps the way on', async () => {
    const { context, page } = await community.window('about:blank')
    await context.addInitScript(() => { Object.defineProperty(Navigator.prototype, 'locks', { value: undefined }) })
    await page.goto(community.url)
    await see(page, 'Open the same link in an up-to-date Chrome, Firefox or Safari')
    await context.close()
  })

  test('nothing was blocked, and no script was stopped', () => {
    assert.deepEqual([...ada.complaints, ...ben.complaints, ...cleo.complaints], [])
  })
})

/** Opens a conversation and writes. */
const write2 = async (page: Page, talk: string, text: string): Promise<void> => {
  await openTalk(page, talk)
  await write(page, text)
}
