/**
 * Small things that strangers stumbled over: a child waits and nobody is told, a link that is not needed, files and words that
 * are not right, an address that is a number.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { Client } from '@famichat/client'
import { nodePlatform, openSqliteStore } from '@famichat/client/node'
import { findChromium, type WebCommunity, type Window } from './support/community.js'
import { startPair } from './support/family.js'
import { goBack, invite, openTalk, press, see, seeBubble, startTalk, write } from './support/people.js'

const found = findChromium()

describe('small things in the web app', { skip: 'missing' in found ? found.missing : false }, () => {
  let community: WebCommunity
  let ada: Window
  let ben: Window
  before(async () => { ({ community, windows: [ada, ben] } = await startPair(found)) })
  after(() => community.end())

  test('a child that waits is shown on the first screen of its guardian, and leads to where it is let in', async () => {
    const child = await community.join(await invite(ada.page, 'A child of my family'), 'Leo')
    await see(child.page, 'Almost there')
    await ada.page.reload()
    await press(ada.page, 'Leo asks to be let in')
    await press(ada.page, 'Let in')
    await see(child.page, 'Nothing here yet')
    await goBack(ada.page)
    await ada.page.getByText('Leo asks to be let in').waitFor({ state: 'detached' })
    await child.context.close()
  })

  test('whoever was compared bears a mark in the family and where people are chosen', async () => {
    await press(ada.page, 'Family')
    await press(ada.page, 'Ben')
    await press(ada.page, 'They are the same')
    await see(ada.page, 'You compared with Ben (today)')
    await goBack(ada.page)
    await ada.page.getByRole('img', { name: 'compared' }).waitFor()
    await goBack(ada.page)
    await press(ada.page, 'New conversation')
    await ada.page.getByRole('img', { name: 'compared' }).waitFor()
    await goBack(ada.page)
  })

  test('a link that is not needed is not used, and a code that is broken is said to be', async () => {
    const link = await invite(ada.page)
    await ben.page.goto('about:blank')
    await ben.page.goto(link)
    await see(ben.page, 'You are in already, as Ben')
    await ben.page.goto('about:blank')
    await ben.page.goto(`${community.url}/v#nonsense`)
    await see(ben.page, 'A part of the code is missing')
  })

  test('an address that does not exist is a page with a way back', async () => {
    await ben.page.goto(`${community.url}/nothing`)
    await see(ben.page, 'There is nothing at this address')
    await ben.page.getByRole('link', { name: 'Famichat' }).click()
    await ben.page.getByRole('button', { name: 'New conversation' }).waitFor()
  })

  test('at an address that is a number, a passkey says that this is the reason', async () => {
    await press(ben.page, 'Settings')
    await press(ben.page, 'Prepare for that')
    await press(ben.page, 'Make my twelve words')
    await press(ben.page, 'I have written them down')
    await press(ben.page, 'Cancel')
    await press(ben.page, 'Set it up on this device')
    await see(ben.page, 'This works only at an address with a name')
    await goBack(ben.page, 2)
  })

  test('coming back: words that are too few are counted, and a wrong file is said at the file', async () => {
    const { page, context } = await community.window(community.url)
    await press(page, 'I was here before')
    await page.getByLabel('Your file').setInputFiles({ name: 'no.archive', mimeType: 'application/octet-stream', buffer: Buffer.from('no archive') })
    await page.getByLabel('Your twelve words').fill('only three words')
    await press(page, 'Bring everything back')
    await see(page, 'These are 3 words; it takes all twelve.')
    await page.getByLabel('Your twelve words').fill(`${'abandon '.repeat(11)}about`)
    await press(page, 'Bring everything back')
    await page.locator('.field:has(input[type=file]) + .refusal', { hasText: 'This is not a file of Famichat' }).waitFor()
    await context.close()
  })

  test('whose account was ended reads what is true, and what is on the device', async () => {
    await startTalk(ben.page, ['Ada'])
    await write(ben.page, 'before the end')
    await openTalk(ada.page, 'Ben')
    await seeBubble(ada.page, 'before the end')
    await goBack(ada.page)
    await press(ada.page, 'Settings')
    await press(ada.page, 'Add a device')
    const link = await ada.page.getByLabel('Your link').inputValue()
    const program = await Client.join({ ...nodePlatform, store: openSqliteStore({ folder: join(community.folder, 'admin') }) }, link)
    await program.community.endAccount('Ben')
    await see(ben.page, 'You have been signed out on this device.')
    await see(ben.page, 'Another device of yours, a grown-up of your family or an admin removed it')
    await press(ben.page, 'Read what is on this device')
    await seeBubble(ben.page, 'before the end')
    assert.equal(await ben.page.getByLabel('Message', { exact: true }).count(), 0)
    await program.close()
    assert.deepEqual([...ada.complaints, ...ben.complaints], [])
  })
})
