/**
 * Screens that few see, by every look; the whole way by keyboard alone; and every screen from right to left.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Page } from 'playwright-core'
import { violationsInAllLooks, withAxe } from './support/axe.js'
import { findChromium, type WebCommunity, type Window } from './support/community.js'
import { startPair } from './support/family.js'
import { goBack, invite, openTalk, press, see, seeBubble, startTalk, write } from './support/people.js'

const found = findChromium()
/** Tabs that lead to anything on a screen. */
const MOST_TABS = 60

/** Presses Tab until something with this name has the focus. */
const tabTo = async (page: Page, name: RegExp): Promise<void> => {
  const passed: string[] = []
  for (let at = 0; at < MOST_TABS; at++) {
    await page.keyboard.press('Tab')
    const focused = await page.evaluate(() => {
      const element = document.activeElement
      if (!(element instanceof HTMLElement)) return ''
      const labels = 'labels' in element ? [...element.labels as NodeListOf<HTMLLabelElement> | null ?? []].map(({ textContent }) => textContent) : []
      return (element.getAttribute('aria-label') ?? (labels.length > 0 ? labels.join(' ') : element.textContent)).trim()
    })
    if (name.test(focused)) return
    passed.push(focused)
  }
  assert.fail(`nothing called ${name.source} among ${passed.join(' | ')}`)
}

describe('screens', { skip: 'missing' in found ? found.missing : false }, () => {
  let community: WebCommunity
  let ada: Window
  let ben: Window
  before(async () => {
    ({ community, windows: [ada, ben] } = await startPair(found))
    await withAxe(ada)
  })
  after(() => community.end())

  const look = async (what: string): Promise<void> => {
    assert.deepEqual(await violationsInAllLooks(ada.page), [], what)
  }

  test('screens of trust, recovery and care have no violations by day, by night and in large letters', async () => {
    const { page } = ada
    const leo = await community.join(await invite(page, 'A child of my family'), 'Leo')
    await see(leo.page, 'Almost there')
    await withAxe(leo)
    assert.deepEqual(await violationsInAllLooks(leo.page), [], 'a child waits')
    await leo.context.close()
    await startTalk(page, ['Ben'])
    await write(page, 'hello')
    await openTalk(ben.page, 'Ada')
    await seeBubble(ben.page, 'hello')
    await page.locator('input[type=file]').setInputFiles({ name: 'list.txt', mimeType: 'text/plain', buffer: Buffer.from('quinces') })
    await page.locator('article').filter({ hasText: 'list.txt' }).waitFor()
    await press(page, 'Write a letter')
    await page.getByLabel('Subject').fill('Autumn')
    await look('writing a letter, beside a file')
    await page.getByLabel('Your letter').fill('Dear Ben')
    await press(page, 'Send')
    await page.locator('article h2').waitFor()
    await look('a letter')
    await goBack(page)
    await press(page, 'Family')
    await see(page, 'A device of Leo waits')
    await look('a device waits')
    await press(page, 'What Leo’s grown-ups can do')
    await page.locator('#care li').first().waitFor()
    await look('care')
    await goBack(page)
    await page.getByRole('button', { name: 'Ben', exact: true }).click()
    await page.getByRole('heading', { name: 'Compare the number' }).waitFor()
    await look('a person')
    await press(page, 'They are the same')
    await see(page, 'You compared with Ben')
    await look('a person who was compared')
    await goBack(page, 2)
    await press(page, 'Settings')
    await press(page, 'Add a device')
    await page.getByLabel('Your link').waitFor()
    await look('a link for a device')
    await press(page, 'Prepare for that')
    await press(page, 'Make my twelve words')
    await page.locator('ol.words li').first().waitFor()
    await look('twelve words')
    await press(page, 'I have written them down')
    await page.locator('form .field').first().waitFor()
    await look('a rehearsal')
    await press(page, 'Cancel')
    await see(page, 'With your face, finger or key')
    await look('recovery and passkeys')
    await goBack(page, 2)
    const back = await withAxe(await community.window(community.url))
    await press(back.page, 'I was here before')
    await back.page.getByLabel('Your file').waitFor()
    assert.deepEqual(await violationsInAllLooks(back.page), [], 'welcome back')
    await back.context.close()
  })

  test('a newcomer comes in, writes, answers and takes back by keyboard alone', async () => {
    const { context, page } = await community.window(await invite(ada.page), { viewport: { width: 1180, height: 760 } })
    const { keyboard } = page
    await page.getByLabel('Your name').waitFor()
    await tabTo(page, /^Your name/)
    await keyboard.type('Kay')
    await keyboard.press('Enter')
    await see(page, 'Nothing here yet')
    await tabTo(page, /^New conversation/)
    await keyboard.press('Enter')
    await page.getByLabel('Ada').waitFor()
    await tabTo(page, /^Ada$/)
    await keyboard.press('Space')
    await tabTo(page, /^Start/)
    await keyboard.press('Enter')
    await page.getByLabel('Message', { exact: true }).waitFor()
    await tabTo(page, /^Message$/)
    await keyboard.type('typed without a mouse')
    await keyboard.press('Enter')
    await seeBubble(page, 'typed without a mouse')
    await openTalk(ada.page, 'Kay')
    await write(ada.page, 'well done')
    await seeBubble(page, 'well done')
    await page.getByLabel('Message', { exact: true }).press('Shift+Tab')
    await tabTo(page, /^Conversations|^Message$|^Search/)
    const more = page.locator('article').filter({ hasText: 'well done' }).getByRole('button', { name: 'More' })
    await more.focus()
    await keyboard.press('Enter')
    await tabTo(page, /^Reply$/)
    await keyboard.press('Enter')
    await page.waitForFunction(() => document.activeElement instanceof HTMLTextAreaElement)
    await keyboard.type('an answer')
    await keyboard.press('Enter')
    await ada.page.locator('article').filter({ hasText: 'an answer' }).locator('blockquote', { hasText: 'well done' }).waitFor()
    await tabTo(page, /^About this conversation/)
    await keyboard.press('Enter')
    await see(page, '2 people')
    assert.equal(await page.evaluate(() => document.activeElement?.tagName), 'H1', 'a new screen has the focus')
    await tabTo(page, /^Back$/)
    await keyboard.press('Enter')
    await page.getByLabel('Message', { exact: true }).waitFor()
    await context.close()
    await goBack(ada.page)
  })

  test('from right to left every screen is a mirror, and nothing sticks out', async () => {
    const { page } = ada
    await openTalk(page, 'Ben')
    await write(ben.page, 'from the other side')
    await seeBubble(page, 'from the other side')
    await page.evaluate(() => { document.documentElement.dir = 'rtl' })
    const sidesOf = (text: string): Promise<readonly number[]> => page.locator('article.bubble').filter({ hasText: text }).evaluate((bubble) => {
      const { left, right } = bubble.getBoundingClientRect()
      const view = bubble.closest('[role=log]')?.getBoundingClientRect()
      return [left - (view?.left ?? 0), (view?.right ?? 0) - right]
    })
    const [mineLeft = 0, mineRight = 0] = await sidesOf('hello')
    const [theirsLeft = 0, theirsRight = 0] = await sidesOf('from the other side')
    assert.ok(mineLeft < mineRight && theirsRight < theirsLeft, 'own messages stand at the end of the line, which is on the left')
    const sticksOut = (): Promise<readonly string[]> => page.evaluate(() =>
      [...document.querySelectorAll('#app *')].filter((element) => {
        const { left, right, width } = element.getBoundingClientRect()
        return width > 1 && (left < -1 || right > innerWidth + 1) && element.closest('.hidden-label') === null
      }).map(({ outerHTML }) => outerHTML.slice(0, 100)))
    const backArrow = await page.getByRole('button', { name: 'Back' }).locator('svg').evaluate((svg) => getComputedStyle(svg).transform)
    assert.match(backArrow, /^matrix\(-1/)
    assert.deepEqual(await sticksOut(), [], 'conversation')
    await goBack(page)
    for (const screen of ['New conversation', 'Family', 'Search', 'Settings']) {
      await press(page, screen)
      await page.getByRole('button', { name: 'Back' }).waitFor()
      assert.deepEqual(await sticksOut(), [], screen)
      await look(`${screen} from right to left`)
      await goBack(page)
    }
    assert.deepEqual([...ada.complaints, ...ben.complaints], [])
  })
})
