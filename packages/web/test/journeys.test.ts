/**
 * Journeys of people in real browsers against the real server: they come in by links, talk, and are told what happens.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import type { Page } from 'playwright-core'
import { ROUTES } from '@famichat/protocol'
import { findChromium, WebCommunity, type Window } from './support/community.js'
import { bubble, goBack, invite, openTalk, press, seeBubble, seeEmptyList, startTalk, write } from './support/people.js'

const found = findChromium()

/** What a camera writes into its pictures, and nobody should read: where it was taken. */
const PLACE = 'GPS 47.3769 N 8.5417 E'

/** A photo as cameras make them: large, and with words of its own behind the first marker (Exif, APP1). */
const cameraPhoto = async (page: Page): Promise<Buffer> => {
  const base64 = await page.evaluate(() => {
    const canvas = document.createElement('canvas')
    canvas.width = 3000
    canvas.height = 2000
    const drawing = canvas.getContext('2d')
    for (let at = 0; at < 400 && drawing !== null; at++) {
      drawing.fillStyle = `hsl(${(at * 37 % 360).toString()} 60% 50%)`
      drawing.fillRect(at % 20 * 150, Math.floor(at / 20) * 100, 150, 100)
    }
    return canvas.toDataURL('image/jpeg').split(',')[1] ?? ''
  })
  const photo = Buffer.from(base64, 'base64')
  const words = Buffer.from(`Exif\0\0${PLACE}`, 'latin1')
  return Buffer.concat([photo.subarray(0, 2), Buffer.from([0xff, 0xe1, 0, words.length + 2]), words, photo.subarray(2)])
}

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
    await seeEmptyList(ben.page)
    await startTalk(ben.page, ['Ada'])
    await write(ben.page, 'Hello Ada')
    await openTalk(ada.page, 'Ben')
    await seeBubble(ada.page, 'Hello Ada')
    await write(ada.page, 'Hello Ben')
    await seeBubble(ben.page, 'Hello Ben')
  })

  test('a used link says so kindly, and offers a way on', async () => {
    await goBack(ada.page)
    const link = await invite(ada.page)
    await openTalk(ada.page, 'Ben')
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

  test('a photo is made smaller, loses what the camera wrote into it, and its way is shown', async () => {
    let goOn = (): void => undefined
    const isReleased = new Promise<void>((resolve) => { goOn = resolve })
    // a slow network
    await ada.context.route(({ pathname }) => pathname === ROUTES.blobAppend.path, async (route) => {
      await isReleased
      await route.continue()
    })
    const photo = await cameraPhoto(ada.page)
    assert.ok(photo.includes(PLACE))
    await ada.page.locator('input[type=file]').setInputFiles({ name: 'IMG_0001.jpg', mimeType: 'image/jpeg', buffer: photo })
    await ada.page.locator('.out').filter({ hasText: 'IMG_0001.jpg' }).getByText(/Sending … \d+ %/).waitFor()
    goOn()
    const arrived = ben.page.locator('article.bubble').filter({ hasText: 'IMG_0001.jpg' })
    await arrived.locator('img').waitFor()
    const [download] = await Promise.all([ben.page.waitForEvent('download'), arrived.getByRole('button', { name: 'Save' }).click()])
    const bytes = readFileSync(await download.path())
    assert.deepEqual([...bytes.subarray(0, 3)], [0xff, 0xd8, 0xff], 'a JPEG')
    assert.ok(!bytes.includes(PLACE) && !bytes.includes('Exif'))
    const size = await arrived.locator('img').evaluate((image) => [(image as HTMLImageElement).naturalWidth, (image as HTMLImageElement).naturalHeight])
    assert.deepEqual(size, [2048, 1365])
    await ada.context.unrouteAll({ behavior: 'ignoreErrors' })
  })

  test('notes to oneself and the conversation of the family are a press away', async () => {
    await goBack(ben.page)
    await press(ben.page, 'New conversation')
    await press(ben.page, 'Notes to yourself')
    await write(ben.page, 'buy quinces')
    await seeBubble(ben.page, 'buy quinces')
    await goBack(ben.page)
    await press(ben.page, 'New conversation')
    await press(ben.page, 'Your whole family')
    await write(ben.page, 'dinner is ready')
    await goBack(ada.page)
    await openTalk(ada.page, 'Rivera')
    await seeBubble(ada.page, 'dinner is ready')
    await goBack(ada.page)
    await goBack(ben.page)
    await openTalk(ada.page, 'Ben')
    await openTalk(ben.page, 'Ada')
  })

  test('what is written while the server is away is kept, said honestly, and sent when it is back', async () => {
    await community.stopServer()
    await ada.page.getByText('No connection.').waitFor({ timeout: 15_000 })
    await write(ada.page, 'written in the dark')
    await ada.page.getByText('Not sent yet').waitFor({ timeout: 15_000 })
    // the service worker opens the app
    await ada.page.reload()
    await openTalk(ada.page, 'Ben')
    await ada.page.getByText('written in the dark').waitFor()
    await community.startServer()
    await bubble(ben.page, 'written in the dark').waitFor({ timeout: 30_000 })
    await bubble(ada.page, 'written in the dark').waitFor({ timeout: 30_000 })
  })

  test('a draft outlives the page', async () => {
    await ada.page.getByLabel('Message', { exact: true }).fill('half a thou')
    await ada.page.getByRole('button', { name: 'Back' }).click()
    await ada.page.reload()
    await openTalk(ada.page, 'Ben')
    await ada.page.waitForFunction(() => document.querySelector('textarea')?.value === 'half a thou')
  })

  test('nothing was blocked, and no script was stopped', () => {
    assert.deepEqual([...ada.complaints, ...ben.complaints], [])
  })
})
