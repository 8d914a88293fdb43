/**
 * A second device: it comes in by a link, has what was said before, and is shut out at once when it is removed.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { findChromium, type WebCommunity, type Window } from './support/community.js'
import { startPair } from './support/family.js'
import { bubble, goBack, openTalk, press, see, seeBubble, startTalk, write } from './support/people.js'

const found = findChromium()
const PATIENCE = { timeout: 60_000 }

describe('a second device in the web app', { skip: 'missing' in found ? found.missing : false }, () => {
  let community: WebCommunity
  let ada: Window
  let ben: Window
  let laptop: Window
  before(async () => {
    ({ community, windows: [ada, ben] } = await startPair(found))
    await startTalk(ada.page, ['Ben'])
    for (const text of ['one', 'two', 'three']) await write(ada.page, text)
    await openTalk(ben.page, 'Ada')
    await seeBubble(ben.page, 'three')
    await write(ben.page, 'four')
    await seeBubble(ada.page, 'four')
  })
  after(() => community.end())

  test('a link brings the laptop in, with every conversation and all that was said before', async () => {
    await goBack(ada.page)
    await press(ada.page, 'Settings')
    await press(ada.page, 'Add a device')
    const link = await ada.page.getByLabel('Your link').inputValue()
    laptop = await community.window(link, { viewport: { width: 1180, height: 760 } })
    await press(laptop.page, 'Come in')
    await laptop.page.locator('nav li button').first().waitFor(PATIENCE)
    await laptop.page.locator('nav li').getByText('four').waitFor(PATIENCE)
    assert.equal(await laptop.page.locator('nav .unread').count(), 0, 'what came along was read on the first device')
    await openTalk(laptop.page, 'Ben')
    for (const text of ['one', 'two', 'three', 'four']) await bubble(laptop.page, text).first().waitFor(PATIENCE)
    assert.deepEqual(await laptop.page.locator('article.bubble .text').allTextContents(), ['one', 'two', 'three', 'four'])
    await laptop.page.getByLabel('Message', { exact: true }).waitFor(PATIENCE)
    await see(laptop.page, 'You added this device here. What was said before came along.')
    await write(laptop.page, 'from the laptop')
    await bubble(ben.page, 'from the laptop').first().waitFor(PATIENCE)
  })

  test('a used link of a device says so kindly', async () => {
    const stale = await community.window(`${community.url}/l#v1.nothing`)
    await see(stale.page, 'A part of the link is missing')
    await stale.context.close()
  })

  test('the first device lists both, removes the laptop, and the laptop is told and shut out', async () => {
    await see(ada.page, 'The device is there')
    assert.equal(await ada.page.getByText(/^added: today, \d/).count(), 2, 'one knows which is which')
    await ada.page.getByRole('button', { name: 'Remove', exact: true }).click()
    await ada.page.locator('.ask').getByRole('button', { name: 'Remove', exact: true }).click()
    await laptop.page.getByRole('heading', { name: 'You have been signed out on this device.' }).waitFor(PATIENCE)
    await see(ada.page, 'removed')
    await write(ben.page, 'only for those who are here')
    await goBack(ada.page)
    await openTalk(ada.page, 'Ben')
    await seeBubble(ada.page, 'only for those who are here')
    assert.equal(await bubble(laptop.page, 'only for those who are here').count(), 0)
    // what is on the device can still be read, also after a reload
    await laptop.page.reload()
    await see(laptop.page, 'Another device of yours, a grown-up of your family or an admin removed it')
    await press(laptop.page, 'Read what is on this device')
    await openTalk(laptop.page, 'Ben')
    await seeBubble(laptop.page, 'from the laptop')
    assert.equal(await laptop.page.getByLabel('Message', { exact: true }).count(), 0)
    assert.deepEqual([...ada.complaints, ...ben.complaints, ...laptop.complaints], [])
  })
})
