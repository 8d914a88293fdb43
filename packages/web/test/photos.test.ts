/**
 * Photos in conversations: they come, stay, and are told about calmly when they do not; nothing moves what is being read.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Page } from 'playwright-core'
import { makeErrorBody, PROTOCOL_ERRORS, ROUTES } from '@famichat/protocol'
import { findChromium, WebCommunity, type Window } from './support/community.js'
import { bubble, invite, openTalk, press, see, seeBubble, seeEmptyList, startTalk, write } from './support/people.js'

const found = findChromium()

/** A photo that is much taller than wide. */
const drawTall = async (page: Page): Promise<Buffer> => Buffer.from(await page.evaluate(() => {
  const canvas = document.createElement('canvas')
  canvas.width = 300
  canvas.height = 900
  const drawing = canvas.getContext('2d')
  for (let y = 0; drawing !== null && y < 900; y += 30) {
    drawing.fillStyle = `hsl(${(y / 3).toString()} 60% 50%)`
    drawing.fillRect(0, y, 300, 30)
  }
  return canvas.toDataURL('image/jpeg').split(',')[1] ?? ''
}), 'base64')

const sendPhoto = async (page: Page, name: string): Promise<void> =>
  page.locator('input[type=file]').setInputFiles({ name, mimeType: 'image/jpeg', buffer: await drawTall(page) })

/** The end of the open conversation is on the screen: nothing is below what is seen. */
const seeEnd = async (page: Page): Promise<void> => {
  await page.waitForFunction(() => {
    const log = document.querySelector('[role=log]')
    return log !== null && log.scrollHeight - log.scrollTop - log.clientHeight < 2
  })
}

describe('photos in the web app', { skip: 'missing' in found ? found.missing : false }, () => {
  let community: WebCommunity
  let ada: Window
  let ben: Window
  let asked = 0
  before(async () => {
    community = await WebCommunity.start('path' in found ? found.path : '')
    ada = await community.join(community.setupLink, 'Ada', { family: 'Rivera' })
    await seeEmptyList(ada.page)
    ben = await community.join(await invite(ada.page), 'Ben')
    await seeEmptyList(ben.page)
    await startTalk(ada.page, ['Ben'])
    for (let at = 0; at < 12; at++) await write(ada.page, `message ${at.toString()}`)
    await openTalk(ben.page, 'Ada')
    await seeBubble(ben.page, 'message 11')
  })
  after(() => community.end())

  test('the newest message stays on the screen while tall photos come', async () => {
    for (const name of ['first.jpg', 'second.jpg']) await sendPhoto(ada.page, name)
    for (const { page } of [ada, ben]) {
      await page.locator('article img').nth(1).waitFor()
      await seeEnd(page)
    }
    const { width, height } = await ben.page.locator('article img').first().evaluate((img: HTMLImageElement) => ({ width: img.width, height: img.height }))
    assert.equal(Math.round(height / width), 3, 'in its own shape')
  })

  test('a photo that is gone says so in its own place, and is asked for once', async () => {
    await ben.context.route(({ pathname }) => pathname === ROUTES.blobRead.path, async (route) => {
      asked++
      await route.fulfill({ status: PROTOCOL_ERRORS['protocol.access.refused'].status, json: makeErrorBody('protocol.access.refused') })
    })
    await sendPhoto(ada.page, 'gone.jpg')
    const gone = bubble(ben.page, 'gone.jpg')
    await gone.getByText('The file is not kept any more').waitFor()
    for (const text of ['what was that?', 'never mind']) {
      await write(ben.page, text)
      await seeBubble(ada.page, text)
    }
    assert.equal(asked, 1)
    assert.equal(await ben.page.getByRole('alert').count(), 0, 'nothing covers the conversation')
    await seeEnd(ben.page)
    await ben.context.unrouteAll()
    await gone.getByRole('button', { name: 'Show' }).click()
    await gone.locator('img').waitFor()
  })

  test('a photo that did not come without a connection comes with the next one', async () => {
    await ben.context.route(({ pathname }) => pathname === ROUTES.blobRead.path, (route) => route.abort())
    await sendPhoto(ada.page, 'later.jpg')
    const later = bubble(ben.page, 'later.jpg')
    await later.getByText('It is shown here when the connection is back').waitFor()
    await ben.context.unrouteAll()
    await community.stopServer()
    await see(ben.page, 'No connection.')
    await community.startServer()
    await later.locator('img').waitFor()
  })

  test('photos that were sent or seen here are kept: without a server they are shown after a reload', async () => {
    await community.stopServer()
    for (const [{ page }, other] of [[ada, 'Ben'], [ben, 'Ada']] as const) {
      await page.reload()
      await openTalk(page, other)
      await page.locator('article img').nth(3).waitFor()
    }
    await community.startServer()
  })

  test('a photo that was taken back is not kept', async () => {
    await bubble(ada.page, 'gone.jpg').getByRole('button', { name: 'More' }).click()
    await press(ada.page, 'Take back')
    const [notice, last] = [await ada.page.getByRole('alert').boundingBox(), ada.page.locator('article').last()]
    await seeEnd(ada.page)
    const box = await last.boundingBox()
    assert.ok(notice !== null && box !== null && box.y + box.height <= notice.y, 'what is said does not cover what was said')
    await ben.page.getByText('Ada took a message back').waitFor()
    await ben.page.waitForFunction(async () => {
      const database = await new Promise<IDBDatabase>((resolve) => {
        const opening = indexedDB.open('famichat-files')
        opening.onsuccess = () => { resolve(opening.result) }
      })
      const count = await new Promise<number>((resolve) => {
        const counting = database.transaction('history').objectStore('history').count()
        counting.onsuccess = () => { resolve(counting.result) }
      })
      database.close()
      return count === 3
    })
  })

  test('what can be done with the newest message opens where it is seen, and Send stays visible under the pointer', async () => {
    await write(ben.page, 'the newest')
    const newest = bubble(ben.page, 'the newest')
    await newest.getByRole('button', { name: 'More' }).click()
    const takeBack = newest.getByRole('button', { name: 'Take back' })
    const [button, field] = [await takeBack.boundingBox(), await ben.page.getByLabel('Message', { exact: true }).boundingBox()]
    assert.ok(button !== null && field !== null && button.y + button.height <= field.y, 'above where one writes')
    await ben.page.getByLabel('Message', { exact: true }).fill('about to be sent')
    const send = ben.page.getByRole('button', { name: 'Send', exact: true })
    const colour = (): Promise<string> => send.evaluate((element) => getComputedStyle(element).backgroundColor)
    const before = await colour()
    await send.hover()
    assert.equal(await colour(), before)
    assert.deepEqual([...ada.complaints, ...ben.complaints], [])
  })
})
