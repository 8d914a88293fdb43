/**
 * Journeys of trust: people compare numbers, a changed key is said and acknowledged, a child and the grown-ups read the same
 * page, and a lost device is no lost person.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import type { Page } from 'playwright-core'
import { systemRandom } from '@famichat/base'
import { findChromium, type WebCommunity, type Window } from './support/community.js'
import { startPair } from './support/family.js'
import { lie } from './support/lies.js'
import { bubble, goBack, invite, openPerson, openTalk, press, see, seeBubble, seeEmptyList, startTalk, write } from './support/people.js'

const found = findChromium()

const numberOn = (page: Page): Promise<readonly string[]> => page.getByRole('list', { name: 'Your number with each other' }).getByRole('listitem').allTextContents()

describe('trust in the web app', { skip: 'missing' in found ? found.missing : false }, () => {
  let community: WebCommunity
  let ada: Window
  let ben: Window
  before(async () => {
    ({ community, windows: [ada, ben] } = await startPair(found))
  })
  after(() => community.end())

  test('two people see the same sixty digits, say so, and a scanned code says the same', async () => {
    await openPerson(ada.page, 'Ben')
    await openPerson(ben.page, 'Ada')
    const mine = await numberOn(ada.page)
    assert.equal(mine.length, 12)
    assert.deepEqual(await numberOn(ben.page), mine)
    await press(ada.page, 'They are the same')
    await see(ada.page, /You compared with Ben/)
    // Ben's camera opens the code on Ada's screen as a link: here its text is taken from her device
    const scan = await ada.page.locator('svg[data-text]').getAttribute('data-text') ?? ''
    assert.match(scan, /\/v#v1\./)
    await ben.page.goto(scan)
    await see(ben.page, /Compared with Ada: nobody is between you/)
    assert.equal(new URL(ben.page.url()).hash, '', 'the code does not stay in the address bar')
    await goBack(ben.page)
    await goBack(ada.page, 2)
  })

  test('a code for somebody else, and half a code, are said kindly', async () => {
    await openPerson(ben.page, 'Ada')
    const scan = await ben.page.locator('svg[data-text]').getAttribute('data-text') ?? ''
    for (const [text, sentence] of [[scan, 'This code was for somebody else'], [scan.slice(0, -9), 'A part of the code is missing']] as const) {
      await ben.page.getByLabel('The other code, as text').fill(text)
      await press(ben.page, 'Compare')
      await see(ben.page, sentence)
    }
    await goBack(ben.page, 2)
  })

  test('a changed key is said, stops what is sent, keeps what was typed, and ends when it is acknowledged', async () => {
    await startTalk(ada.page, ['Ben'])
    await write(ada.page, 'before')
    await openTalk(ben.page, 'Ada')
    await seeBubble(ben.page, 'before')
    const accountKey = systemRandom(32)
    // from now on the server shows Ada another key for Ben
    const honest = await lie(ada.context, 'directory', ({ families, accounts }) =>
      ({ families, accounts: accounts.map((account) => (account.accountName === 'Ben' ? { ...account, accountKey } : account)) }))
    await goBack(ada.page)
    await press(ada.page, 'Family')
    await goBack(ada.page)
    await openTalk(ada.page, 'Ben')
    await see(ada.page, 'This person has new keys')
    await write(ada.page, 'not yet')
    await see(ada.page, 'Not sent.')
    assert.equal(await bubble(ben.page, 'not yet').count(), 0)
    await honest()
    await press(ada.page, 'Compare the number')
    await see(ada.page, 'Ben has new keys')
    await press(ada.page, 'I asked Ben, and it is right')
    await see(ada.page, 'You have not compared with Ben yet')
    await goBack(ada.page)
  })

  test('a child and a parent read the same page, word for word, before and after the parent lets the device in', async () => {
    await goBack(ada.page)
    const leo = await community.join(await invite(ada.page, 'A child of my family'), 'Leo')
    await see(leo.page, 'Almost there')
    await press(ada.page, 'Family')
    await see(ada.page, 'A device of Leo waits')
    await press(ada.page, 'What Leo’s grown-ups can do')
    await see(ada.page, 'waits to be let in')
    await goBack(ada.page)
    await press(ada.page, 'Let in')
    await seeEmptyList(leo.page)
    await press(ada.page, 'What Leo’s grown-ups can do')
    await press(leo.page, 'Family')
    await press(leo.page, 'What Leo’s grown-ups can do')
    const read = async (page: Page): Promise<string> => {
      await page.locator('#care').getByText('let in', { exact: true }).waitFor()
      return page.locator('#care').innerText()
    }
    assert.equal(await read(leo.page), await read(ada.page))
    assert.match(await read(leo.page), /They cannot/)
    await goBack(ada.page, 2)
    await leo.context.close()
  })

  test('twelve words are made, three of them asked for, and bring everything back in a new browser', async () => {
    const { page } = ada
    await press(page, 'Settings')
    await press(page, 'Prepare for that')
    await press(page, 'Make my twelve words')
    await page.locator('ol.words li').first().waitFor()
    const phrase = (await page.locator('ol.words li').allTextContents()).map((text) => text.replace(/^\d+ /, '').trim())
    assert.equal(phrase.length, 12)
    await press(page, 'I have written them down')
    const fields = page.locator('form .field')
    await fields.first().waitFor()
    assert.equal(await fields.count(), 3)
    await fields.first().locator('input').fill('wrong')
    for (const at of [1, 2]) await fields.nth(at).locator('input').fill('zoo')
    await press(page, 'Check')
    await see(page, 'One of the words is not the one at that place')
    for (let at = 0; at < 3; at++) {
      const place = Number((await fields.nth(at).locator('span').innerText()).replace('Word ', ''))
      await fields.nth(at).locator('input').fill(phrase[place - 1] ?? '')
    }
    await press(page, 'Check')
    await see(page, 'You have the words on paper')
    const [download] = await Promise.all([page.waitForEvent('download'), press(page, 'Save the file')])
    const archive = { name: 'famichat.archive', mimeType: 'application/octet-stream', buffer: readFileSync(await download.path()) }
    await ada.context.close()

    const again = await community.window(community.url)
    await press(again.page, 'I was here before')
    await again.page.getByLabel('Your file').setInputFiles(archive)
    const tell = async (words: string, sentence: string): Promise<void> => {
      await again.page.getByLabel('Your twelve words').fill(words)
      await press(again.page, 'Bring everything back')
      await see(again.page, sentence)
    }
    await tell('apple pie', 'These are 2 words; it takes all twelve.')
    await tell('apple pie '.repeat(6), 'These are not twelve words of ours')
    await tell('abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about', 'These words do not open this file')
    await again.page.getByLabel('Your twelve words').fill(phrase.join(' '))
    await press(again.page, 'Bring everything back')
    await openTalk(again.page, 'Ben')
    await seeBubble(again.page, 'before')
    // Ben opens Famichat, which lets the new device in: the conversation goes on
    await ben.page.reload()
    await openTalk(ben.page, 'Ada')
    await again.page.getByLabel('Message', { exact: true }).waitFor({ timeout: 60_000 })
    await write(again.page, 'I am back')
    await seeBubble(ben.page, 'I am back')
    assert.deepEqual([...ada.complaints, ...ben.complaints, ...again.complaints], [])
  })
})
