/**
 * Every screen, in both languages, both colours and both sizes: axe finds nothing that keeps somebody out; hostile text
 * stays text; the app stays small.
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { after, before, describe, test } from 'node:test'
import type { Page } from 'playwright-core'
import { violationsOf, withAxe } from './support/axe.js'
import { findChromium, WebCommunity, type Window } from './support/community.js'
import { PAYLOADS } from './support/payloads.js'

const found = findChromium()
const SITE = fileURLToPath(new URL('../site', import.meta.url))

describe('every screen', { skip: 'missing' in found ? found.missing : false }, () => {
  let community: WebCommunity
  let ada: Window
  before(async () => { community = await WebCommunity.start('path' in found ? found.path : '') })
  after(() => community.end())

  const button = (name: string | RegExp) => ada.page.getByRole('button', { name, exact: typeof name === 'string' })

  test('a newcomer with a link and one without meet nothing that keeps them out', async () => {
    for (const link of [community.setupLink, community.url]) {
      const { page, context } = await withAxe(await community.window(link))
      await page.getByRole('button').first().waitFor()
      assert.deepEqual(await violationsOf(page), [])
      await context.close()
    }
  })

  test('where the address is not protected, that is said, and not that the browser is too old', async () => {
    const { page, context } = await community.window(community.url)
    await page.addInitScript(() => { Object.defineProperty(globalThis, 'isSecureContext', { value: false }) })
    await page.reload()
    await page.getByText('Browsers open Famichat only at a protected address').waitFor()
    await context.close()
  })

  test('the screens inside have no violations, by day and by night, small and large, in English and Japanese', async () => {
    ada = await withAxe(await community.join(community.setupLink, 'Ada', { family: 'Rivera' }))
    await ada.page.getByText('Nothing here yet').waitFor()
    const looked: string[] = []
    const look = async (what: string): Promise<void> => {
      // a screen's code may still be on its way
      await ada.page.getByRole('heading', { level: 1 }).first().waitFor()
      assert.deepEqual(await violationsOf(ada.page), [], what)
      looked.push(what)
    }
    await look('empty list')
    await button('New conversation').click()
    await look('start')
    await button('Notes to yourself').click()
    await ada.page.getByLabel('Message', { exact: true }).fill('see https://example.org/a?b=c and\nmore')
    await button('Send').click()
    await ada.page.locator('article a').waitFor()
    await ada.page.locator('article').getByRole('button', { name: 'More' }).click()
    await look('conversation with an open menu')
    await button('About this conversation').click()
    await look('details')
    await button('Back').click()
    await button('Back').click()
    for (const screen of ['Search', 'Family']) {
      await button(screen).click()
      await ada.page.getByRole('heading', { level: 1, name: screen }).waitFor()
      await look(screen)
      await button('Back').click()
    }
    await button('Settings').click()
    await ada.page.getByText('This device').waitFor()
    await look('settings')
    await ada.page.getByLabel('Colours').selectOption('dark')
    await look('settings in the dark')
    await ada.page.getByLabel(/Large and simple/).check()
    await look('settings, large')
    await ada.page.getByLabel('Language').selectOption('ja')
    await ada.page.getByRole('heading', { name: '設定' }).waitFor()
    assert.equal(await ada.page.evaluate(() => document.documentElement.lang), 'ja')
    await look('settings in Japanese')
    await ada.page.reload()
    await withAxe(ada)
    await ada.page.getByRole('button', { name: '新しい会話' }).waitFor()
    await look('list in Japanese, dark, large')
    assert.equal(looked.length, 11)
  })

  test('1,000 hostile texts in names, conversations, messages, letters and files stay text', async () => {
    const { page, complaints } = await community.join(await inviteIn(ada.page), PAYLOADS[0] ?? '', { locale: 'en-GB' })
    await page.getByText('Nothing here yet').waitFor()
    await page.getByRole('button', { name: 'New conversation' }).click()
    await page.getByRole('button', { name: 'Notes to yourself' }).click()
    const field = page.getByLabel('Message', { exact: true })
    await field.waitFor()
    // many in one message: each on a line of its own
    const perMessage = 100
    for (let at = 0; at < PAYLOADS.length; at += perMessage) {
      await field.fill(PAYLOADS.slice(at, at + perMessage).join('\n'))
      await page.getByRole('button', { name: 'Send', exact: true }).click()
    }
    await page.locator('article').nth(Math.ceil(PAYLOADS.length / perMessage) - 1).waitFor()
    const shown = (await page.locator('article .text').allTextContents()).join('\n').split('\n')
    assert.deepEqual(new Set(shown), new Set(PAYLOADS.map((payload) => payload.trim())))
    await page.getByRole('button', { name: 'Write a letter' }).click()
    await page.getByLabel('Subject').fill(PAYLOADS[1] ?? '')
    await page.getByLabel('Your letter').fill(PAYLOADS[2] ?? '')
    await page.getByRole('button', { name: 'Send', exact: true }).click()
    await page.locator('article h2').waitFor()
    await page.locator('input[type=file]').setInputFiles({ name: 'a<img src=x onerror=alert(1)>.svg', mimeType: 'image/svg+xml', buffer: Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>') })
    await page.locator('article').filter({ hasText: 'Save' }).waitFor()
    assert.deepEqual(complaints, [])
    assert.equal(await page.evaluate(() => [...document.querySelectorAll('article *')].filter(({ tagName }) => ['SCRIPT', 'IFRAME', 'OBJECT', 'EMBED', 'FORM'].includes(tagName)).length), 0)
    const hrefs = await page.locator('article a').evaluateAll((links) => links.map((link) => (link as HTMLAnchorElement).protocol))
    assert.ok(hrefs.every((protocol) => ['http:', 'https:', 'mailto:'].includes(protocol)), hrefs.join(' '))
  })

  test('what is loaded first, all scripts included, is at most 150 KB of gzip', async () => {
    const { page, context } = await community.join(await inviteIn(ada.page), 'Size', { serviceWorkers: 'block' })
    await page.getByText('Nothing here yet').waitFor()
    // whatever the page, its worker or the worker's imports fetched
    const loaded = await page.evaluate(() => performance.getEntriesByType('resource').map(({ name }) => new URL(name).pathname).filter((path) => path.endsWith('.js')))
    const ofWorker = await page.workers()[0]?.evaluate(() => performance.getEntriesByType('resource').map(({ name }) => new URL(name).pathname)) ?? []
    const worker = readdirSync(join(SITE, 'assets')).filter((name) => name.startsWith('worker-')).map((name) => `/assets/${name}`)
    const all = new Set([...loaded, ...ofWorker.filter((path) => path.endsWith('.js')), ...worker, '/service-worker.js'])
    const bytes = [...all].reduce((sum, path) => sum + gzipSync(readFileSync(join(SITE, path)), { level: 9 }).length, 0)
    assert.ok(all.size >= 3 && bytes <= 150_000, `${bytes.toString()} bytes of ${[...all].join(' ')}`)
    await context.close()
  })
})

/** An invite made on a Japanese screen, from its list. */
const inviteIn = async (page: Page): Promise<string> => {
  await page.getByRole('button', { name: '新しい会話' }).click()
  await page.getByRole('button', { name: '招待する' }).click()
  await page.getByRole('button', { name: 'リンクを作る' }).click()
  const link = await page.getByLabel('リンク', { exact: true }).inputValue()
  await page.getByRole('button', { name: '戻る' }).click()
  await page.getByRole('button', { name: '戻る' }).click()
  return link
}
