/**
 * Journeys of people in real browsers against the real server: they come in by links, talk, and are told what happens.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Page } from 'playwright-core'
import { findChromium, WebCommunity, type Window } from './support/community.js'

const found = findChromium()

/** Makes an invite and returns its link. */
const invite = async (page: Page, whom?: string): Promise<string> => {
  await page.getByRole('button', { name: 'New conversation' }).click()
  await page.getByRole('button', { name: 'Invite somebody' }).click()
  if (whom !== undefined) await page.getByLabel(whom).check()
  await page.getByRole('button', { name: 'Make the link' }).click()
  const link = await page.getByLabel('Your link').inputValue()
  await page.getByRole('button', { name: 'Back' }).click()
  await page.getByRole('button', { name: 'Back' }).click()
  return link
}

const write = async (page: Page, text: string): Promise<void> => {
  await page.getByLabel('Message', { exact: true }).fill(text)
  await page.getByRole('button', { name: 'Send', exact: true }).click()
}

const bubble = (page: Page, text: string) => page.locator('article').filter({ hasText: text })

describe('the web app', { skip: 'missing' in found ? found.missing : false }, () => {
  let community: WebCommunity
  let ada: Window
  let ben: Window
  before(async () => { community = await WebCommunity.start('path' in found ? found.path : '') })
  after(() => community.end())

  test('the first person comes in by the set-up link, and the secret leaves the address bar', async () => {
    ada = await community.join(community.setupLink, 'Ada', { family: 'Rivera' })
    await ada.page.getByText('Nothing here yet').waitFor()
    assert.equal(new URL(ada.page.url()).hash, '')
    await ada.page.getByRole('button', { name: 'Family' }).click()
    await ada.page.getByRole('heading', { name: 'Rivera' }).waitFor()
    await ada.page.getByRole('button', { name: 'Back' }).click()
  })

  test('a link leads somebody in with one name, and both write at once', async () => {
    ben = await community.join(await invite(ada.page), 'Ben')
    await ben.page.getByText('Nothing here yet').waitFor()
    await ben.page.getByRole('button', { name: 'New conversation' }).click()
    await ben.page.getByLabel('Ada').check()
    await ben.page.getByRole('button', { name: 'Start' }).click()
    await write(ben.page, 'Hello Ada')
    await ada.page.getByRole('button', { name: /^B.*Ben/ }).click()
    await bubble(ada.page, 'Hello Ada').waitFor()
    await write(ada.page, 'Hello Ben')
    await bubble(ben.page, 'Hello Ben').waitFor()
  })

  test('a used link says so kindly, and offers a way on', async () => {
    const link = await invite2(ada.page)
    const cleo = await community.join(link, 'Cleo')
    await cleo.page.getByText('Nothing here yet').waitFor()
    const late = await community.join(link, 'Dora')
    await late.page.getByText('This link was used already').waitFor()
    await cleo.context.close()
    await late.context.close()
  })

  test('reply, reaction, change and taking back reach the other page', async () => {
    await bubble(ada.page, 'Hello Ada').getByRole('button', { name: 'More' }).click()
    await ada.page.getByRole('button', { name: 'Reply', exact: true }).click()
    await write(ada.page, 'An answer')
    await bubble(ben.page, 'An answer').locator('blockquote', { hasText: 'Hello Ada' }).waitFor()
    await bubble(ben.page, 'An answer').getByRole('button', { name: 'More' }).click()
    await ben.page.getByRole('button', { name: 'React 👍' }).click()
    await bubble(ada.page, 'An answer').getByRole('button', { name: '👍 Ben' }).waitFor()
    await bubble(ada.page, 'An answer').getByRole('button', { name: 'More' }).click()
    await ada.page.getByRole('button', { name: 'Change' }).click()
    await write(ada.page, 'A better answer')
    await bubble(ben.page, 'A better answer').getByText('edited').waitFor()
    await bubble(ada.page, 'A better answer').getByRole('button', { name: 'More' }).click()
    await ada.page.getByRole('button', { name: 'Take back' }).click()
    await ben.page.getByText('Ada took a message back').waitFor({ timeout: 15_000 })
    assert.equal(await bubble(ben.page, 'A better answer').count(), 0)
  })

  test('what is written while the server is away is kept, said honestly, and sent when it is back', async () => {
    await community.stopServer()
    await ada.page.getByText('No connection.').waitFor({ timeout: 15_000 })
    await write(ada.page, 'written in the dark')
    await ada.page.getByText('Not sent yet').waitFor({ timeout: 15_000 })
    // the service worker opens the app
    await ada.page.reload()
    await ada.page.getByRole('button', { name: /Ben/ }).click()
    await ada.page.getByText('written in the dark').waitFor()
    await community.startServer()
    await bubble(ben.page, 'written in the dark').waitFor({ timeout: 30_000 })
    await bubble(ada.page, 'written in the dark').waitFor({ timeout: 30_000 })
  })

  test('a draft outlives the page', async () => {
    await ada.page.getByLabel('Message', { exact: true }).fill('half a thou')
    await ada.page.getByRole('button', { name: 'Back' }).click()
    await ada.page.reload()
    await ada.page.getByRole('button', { name: /Ben/ }).click()
    await ada.page.waitForFunction(() => document.querySelector('textarea')?.value === 'half a thou')
  })

  test('nothing was blocked, and no script was stopped', () => {
    assert.deepEqual([...ada.complaints, ...ben.complaints], [])
  })
})

/** From inside a conversation. */
const invite2 = async (page: Page): Promise<string> => {
  await page.getByRole('button', { name: 'Back' }).click()
  const link = await invite(page)
  await page.getByRole('button', { name: /Ben/ }).click()
  return link
}
