/**
 * Calm screens: what is not there yet has its room, what was done can be undone, and an address that leads nowhere leads home.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Page } from 'playwright-core'
import { ROUTES } from '@famichat/protocol'
import { violationsOf, withAxe } from './support/axe.js'
import { findChromium, type WebCommunity, type Window } from './support/community.js'
import { startPair } from './support/family.js'
import { bubble, openTalk, press, see, seeBubble, startTalk, write } from './support/people.js'

const found = findChromium()

/** Runs in a page, before it: answers to some questions wait until the test lets them come. */
const HOLD = (names: readonly string[]): void => {
  const held: (() => void)[] = []
  let isHeld = true
  const post = Reflect.get(Worker.prototype, 'postMessage') as (message: unknown) => void
  Worker.prototype.postMessage = function (this: Worker, message: { readonly ask?: string }) {
    const ask = (): void => { Reflect.apply(post, this, [message]) }
    if (isHeld && names.includes(message.ask ?? '')) held.push(ask)
    else ask()
  }
  Object.assign(globalThis, { letCome: () => { isHeld = false; for (const ask of held) ask() } })
}

const letCome = (page: Page): Promise<void> => page.evaluate(() => { (globalThis as unknown as { letCome: () => void }).letCome() })

/** A picture of 400 by 300 dots. */
const drawWide = async (page: Page): Promise<Buffer> => Buffer.from(await page.evaluate(() => {
  const canvas = document.createElement('canvas')
  canvas.width = 400
  canvas.height = 300
  const drawing = canvas.getContext('2d')
  if (drawing !== null) drawing.fillStyle = '#a8431f'
  drawing?.fillRect(0, 0, 400, 300)
  return canvas.toDataURL('image/png').split(',')[1] ?? ''
}), 'base64')

describe('calm screens', { skip: 'missing' in found ? found.missing : false }, () => {
  let community: WebCommunity
  let ada: Window
  let ben: Window
  before(async () => {
    ({ community, windows: [ada, ben] } = await startPair(found))
    await startTalk(ada.page, ['Ben'])
    await write(ada.page, 'good morning')
    await openTalk(ben.page, 'Ada')
    await seeBubble(ben.page, 'good morning')
  })
  after(() => community.end())

  test('while the list and a conversation are read, their room is there, and nobody is told that there is nothing', async () => {
    const tab = await community.tab(ben.context)
    await tab.page.addInitScript(HOLD, ['conversations'])
    await tab.page.reload()
    await tab.page.locator('nav .bone').first().waitFor()
    assert.equal(await tab.page.locator('nav .bone').count(), 3)
    assert.equal(await tab.page.getByText('Nothing here yet').count(), 0)
    await letCome(tab.page)
    await tab.page.locator('nav li').getByText('good morning').waitFor()
    assert.equal(await tab.page.locator('nav .bone').count(), 0)
    await tab.page.evaluate(HOLD, ['stretch'])
    await openTalk(tab.page, 'Ada')
    await tab.page.locator('[role=log] .bone').first().waitFor()
    assert.equal(await tab.page.getByText('Say hello.').count(), 0)
    await letCome(tab.page)
    await seeBubble(tab.page, 'good morning')
    assert.equal(await tab.page.locator('.bone').count(), 0)
    await tab.page.close()
  })

  test('a message that was taken back comes back with one press, and nobody else ever missed it', async () => {
    const mine = bubble(ada.page, 'good morning')
    await mine.getByRole('button', { name: 'More' }).click()
    await press(ada.page, 'Take back')
    await see(ada.page, 'Taking the message back, from everybody.')
    await press(ada.page, 'Undo')
    await ada.page.waitForFunction(() => document.querySelector('article.going') === null)
    // what is said afterwards arrives, and the message stands before it
    await write(ada.page, 'it stays')
    await seeBubble(ben.page, 'it stays')
    assert.deepEqual(await ben.page.locator('article.bubble .text').allTextContents(), ['good morning', 'it stays'])
    // … and still does when the time to undo it is over
    await ada.page.getByRole('alert').waitFor({ state: 'detached' })
    await write(ada.page, 'for good')
    await seeBubble(ben.page, 'for good')
    assert.equal(await bubble(ben.page, 'good morning').count(), 1)
    assert.equal(await ben.page.getByText('took a message back').count(), 0)
  })

  test('as long as undoing is offered, it can be done', async () => {
    await write(ada.page, 'a slip')
    await seeBubble(ben.page, 'a slip')
    await bubble(ada.page, 'a slip').getByRole('button', { name: 'More' }).click()
    await press(ada.page, 'Take back')
    await ada.page.getByRole('button', { name: 'Undo' }).waitFor({ state: 'detached' })
    await ben.page.getByText('Ada took a message back').waitFor()
  })

  test('a photo has its room before it comes: nothing moves when it does', async () => {
    let goOn = (): void => undefined
    const isReleased = new Promise<void>((resolve) => { goOn = resolve })
    await ben.context.route(({ pathname }) => pathname === ROUTES.blobRead.path, async (route) => {
      await isReleased
      await route.continue()
    })
    await ada.page.locator('input[type=file]').setInputFiles({ name: 'wall.png', mimeType: 'image/png', buffer: await drawWide(ada.page) })
    const arrived = ben.page.locator('article.bubble').filter({ hasText: 'wall.jpg' })
    const frame = arrived.locator('.frame')
    await frame.waitFor()
    assert.equal(await arrived.locator('img').count(), 0)
    await ben.page.evaluate(() => {
      const shifts: number[] = []
      Object.assign(globalThis, { shifts })
      new PerformanceObserver((list) => { for (const entry of list.getEntries() as (PerformanceEntry & { value: number })[]) shifts.push(entry.value) }).observe({ type: 'layout-shift' })
    })
    const [room, whole] = [await frame.boundingBox(), await arrived.boundingBox()]
    assert.ok(room !== null && Math.abs(room.width / room.height - 4 / 3) < 0.02, 'in the shape that the photo will have')
    goOn()
    await arrived.locator('img').waitFor()
    await ben.page.waitForFunction(() => document.querySelector<HTMLImageElement>('article img')?.complete === true)
    assert.deepEqual([await frame.boundingBox(), await arrived.boundingBox()], [room, whole])
    assert.deepEqual(await ben.page.evaluate(() => (globalThis as unknown as { shifts: number[] }).shifts), [])
    await ben.context.unrouteAll({ behavior: 'ignoreErrors' })
  })

  test('an address that leads nowhere looks like the app, is good for everybody, and has a way home', async () => {
    const lost = await withAxe(await community.window(`${community.url}/nothing`))
    await see(lost.page, 'There is nothing at this address')
    const home = lost.page.getByRole('link', { name: 'To Famichat' })
    const box = await home.boundingBox()
    assert.ok(box !== null && box.height >= 44, 'large enough for a thumb')
    const paper = (): Promise<string> => lost.page.evaluate(() => getComputedStyle(document.body).backgroundColor)
    assert.equal(await paper(), 'rgb(250, 245, 236)')
    assert.deepEqual(await violationsOf(lost.page), [])
    await lost.page.emulateMedia({ colorScheme: 'dark' })
    assert.equal(await paper(), 'rgb(28, 24, 21)')
    assert.deepEqual(await violationsOf(lost.page), [])
    await home.click()
    await see(lost.page, 'To come in, open the link')
    assert.deepEqual([...lost.complaints, ...ada.complaints, ...ben.complaints], [])
    await lost.context.close()
  })
})
