/**
 * A full disk: the browser itself refuses to save. Nothing that was typed is lost, it is said, and everything goes on by itself when
 * there is room again.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { CDPSession } from 'playwright-core'
import { findChromium, type WebCommunity, type Window } from './support/community.js'
import { fillUp, QUOTA_BYTES } from './support/disk.js'
import { startAlone } from './support/family.js'
import { bubble, goBack, invite, openTalk, see, seeBubble, seeEmptyList, startTalk, write } from './support/people.js'

const found = findChromium()

describe('the web app on a full disk', { skip: 'missing' in found ? found.missing : false }, () => {
  let community: WebCommunity
  let ada: Window
  let ben: Window
  let disk: CDPSession
  before(async () => {
    ({ community, windows: [ada] } = await startAlone(found))
    const link = await invite(ada.page)
    ben = await community.window('about:blank')
    // from before anything is stored: the browser looks at the quota now and then only
    disk = await ben.context.newCDPSession(ben.page)
    await disk.send('Storage.overrideQuotaForOrigin', { origin: community.url, quotaSize: QUOTA_BYTES })
    await ben.page.goto(link)
    await ben.page.getByLabel('Your name').fill('Ben')
    await ben.page.getByRole('button', { name: 'Come in' }).click()
    await seeEmptyList(ben.page)
    await startTalk(ada.page, ['Ben'])
    await openTalk(ben.page, 'Ada')
    await write(ada.page, 'while there is room')
    await seeBubble(ben.page, 'while there is room')
  })
  after(() => community.end())

  test('it is said, what was typed stays, and both ways go on by themselves when there is room', async () => {
    await fillUp(ben.page)
    await write(ben.page, 'no room for this')
    const refused = ben.page.locator('.out').filter({ hasText: 'no room for this' })
    await refused.getByText('This device has no room left').waitFor()
    await see(ben.page, 'What you write stays on this page')
    // what others say meanwhile waits at the server
    await write(ada.page, 'said meanwhile')
    await ben.page.getByLabel('Message', { exact: true }).fill('half a thou')
    await goBack(ben.page)
    await openTalk(ben.page, 'Ada')
    await refused.waitFor()
    await ben.page.waitForFunction(() => document.querySelector('textarea')?.value === 'half a thou')

    await disk.send('Storage.overrideQuotaForOrigin', { origin: community.url })
    await seeBubble(ada.page, 'no room for this')
    await seeBubble(ben.page, 'said meanwhile')
    await seeBubble(ben.page, 'no room for this')
    await ben.page.getByText('What you write stays on this page').waitFor({ state: 'detached' })
    await refused.waitFor({ state: 'detached' })
    assert.equal(await bubble(ada.page, 'no room for this').count(), 1)
    assert.equal(await ben.page.getByLabel('Message', { exact: true }).inputValue(), 'half a thou')
    await write(ben.page, 'all is well again')
    await seeBubble(ada.page, 'all is well again')
    assert.deepEqual([...ada.complaints, ...ben.complaints], [])
  })
})
