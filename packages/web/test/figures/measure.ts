/**
 * How fast the web app is, measured in a real Chromium: what is loaded, typing, sending, a backlog, scrolling.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import type { Page } from 'playwright-core'
import { Client } from '@famichat/client'
import { nodePlatform, openSqliteStore } from '@famichat/client/node'
import type { WebCommunity, Window } from '../support/community.js'
import { goBack, invite, openTalk, seeEmptyList, startTalk, write } from '../support/people.js'

const SITE = fileURLToPath(new URL('../../site', import.meta.url))

/** What was measured; times in milliseconds. */
export interface WebFigures {
  /** Of script, all that is loaded before somebody can write, compressed. */
  readonly scriptBytes: number
  readonly typingMs: Percentiles
  readonly deliveryMs: Percentiles
  readonly backlog: Watched & { readonly messages: number; readonly readyMs: number }
  readonly scrolling: Watched & { readonly messages: number; readonly frameMs: Percentiles; readonly mostNodes: number; readonly mostBubbles: number; readonly movedPx: number }
}

export interface Percentiles { readonly p50: number; readonly p95: number; readonly count: number }

/** What a page noticed about itself. */
export interface Watched { readonly longTasks: number; readonly longestTaskMs: number; readonly layoutShift: number }

/** Messages of the backlog that are written at once. */
const AT_ONCE = 25

/** How much is measured. */
export interface Amounts { readonly sent: number; readonly backlog: number; readonly scrolled: number }

/** Progress, from 0 to 1, with what is going on. */
export type OnProgress = (part: number, what: string) => void

/** Measures everything. */
export const measure = async (community: WebCommunity, { sent, backlog, scrolled }: Amounts, onProgress: OnProgress): Promise<WebFigures> => {
  const ada = await community.join(community.setupLink, 'Ada', { family: 'Rivera' })
  await seeEmptyList(ada.page)
  const ben = await community.join(await invite(ada.page), 'Ben')
  await seeEmptyList(ben.page)
  const link = await invite(ada.page)
  const cleo = await Client.join({ ...nodePlatform, store: openSqliteStore({ folder: join(community.folder, 'cleo') }) }, link, 'Cleo')
  try {
    await startTalk(ada.page, ['Ben'])
    await openTalk(ben.page, 'Ada')
    onProgress(0.05, 'typing')
    const typingMs = await typing(ada.page)
    const deliveryMs = await delivery(ada.page, ben.page, sent)
    await goBack(ada.page)
    await goBack(ben.page)
    onProgress(0.1, 'writing a backlog')
    await cleo.sync()
    const talk = await cleo.createGroup('Long talk', ['Ben'])
    await ben.page.locator('nav li').filter({ hasText: 'Long talk' }).waitFor()
    await ben.page.goto('about:blank')
    const say = async (from: number, count: number): Promise<void> => {
      for (let at = from; at < from + count; at += AT_ONCE) {
        const some = Array.from({ length: Math.min(AT_ONCE, from + count - at) }, (_, more) => at + more)
        await Promise.all(some.map((number) => cleo.send(talk.conversationId, `message ${number.toString()} ${'of a long talk '.repeat(number % 7)}`)))
        onProgress(0.1 + 0.8 * at / Math.max(backlog, scrolled), `${at.toString()} messages written`)
      }
    }
    await say(1, backlog)
    const caughtUp = await catchUp(community, ben, backlog)
    if (scrolled > backlog) {
      await ben.page.goto('about:blank')
      await say(backlog + 1, scrolled - backlog)
      await catchUp(community, ben, scrolled)
    }
    onProgress(0.95, 'scrolling')
    const scrolling = await scroll(ben.page)
    return { scriptBytes: scriptBytes(), typingMs, deliveryMs, backlog: { ...caughtUp, messages: backlog }, scrolling: { ...scrolling, messages: Math.max(backlog, scrolled) } }
  } finally {
    await cleo.close()
  }
}

/** The page, its first chunk and worker; what only some screens or browsers fetch is not among them. */
const scriptBytes = (): number => {
  const html = readFileSync(join(SITE, 'index.html'), 'utf8')
  const first = [...html.matchAll(/src="\/(assets\/[^"]+\.js)"/g)].map(([, file]) => file ?? '')
  const workers = readdirSync(join(SITE, 'assets')).filter((name) => name.startsWith('worker-')).map((name) => `assets/${name}`)
  return [...first, ...workers, 'service-worker.js'].reduce((sum, file) => sum + gzipSync(readFileSync(join(SITE, file)), { level: 9 }).length, 0)
}

/** From the key to a page that is laid out with its letter. */
const typing = async (page: Page): Promise<Percentiles> => {
  const field = page.getByLabel('Message', { exact: true })
  await field.focus()
  await page.evaluate(() => {
    const times: number[] = []
    Object.assign(globalThis, { typingTimes: times })
    let pressedAt = 0
    addEventListener('keydown', ({ timeStamp }) => { pressedAt = timeStamp }, { capture: true })
    addEventListener('input', ({ target }) => {
      // reading a height lays the page out
      if (target instanceof HTMLElement && target.scrollHeight > 0) times.push(performance.now() - pressedAt)
    })
  })
  await page.keyboard.type('The quick brown fox jumps over the lazy dog, again and again.')
  const times = await page.evaluate(() => (globalThis as unknown as { typingTimes: number[] }).typingTimes)
  await field.fill('')
  return percentiles(times)
}

/** From pressing the button to the bubble on the other page. */
const delivery = async (sender: Page, receiver: Page, count: number): Promise<Percentiles> => {
  await receiver.evaluate(() => {
    const shown: Record<string, number> = {}
    Object.assign(globalThis, { shown })
    new MutationObserver(() => {
      for (const element of document.querySelectorAll('article.bubble .text')) {
        const text = element.textContent
        shown[text] ??= performance.timeOrigin + performance.now()
      }
    }).observe(document.body, { childList: true, subtree: true, characterData: true })
  })
  await sender.evaluate(() => {
    const pressed: Record<string, number> = {}
    Object.assign(globalThis, { pressed })
    addEventListener('submit', () => { pressed[document.querySelector('textarea')?.value ?? ''] = performance.timeOrigin + performance.now() }, { capture: true })
  })
  const times: number[] = []
  for (let at = 0; at < count; at++) {
    const text = `measured ${at.toString()}`
    await write(sender, text)
    await receiver.locator('article.bubble').filter({ hasText: text }).last().waitFor()
    const shown = await receiver.evaluate((key) => (globalThis as unknown as { shown: Record<string, number> }).shown[key] ?? 0, text)
    const pressed = await sender.evaluate((key) => (globalThis as unknown as { pressed: Record<string, number> }).pressed[key] ?? 0, text)
    if (shown > 0 && pressed > 0) times.push(shown - pressed)
  }
  return percentiles(times)
}

/** The page watches itself from its first moment on. */
const WATCH = (): void => {
  const watched = { longTasks: 0, longestTaskMs: 0, layoutShift: 0 }
  Object.assign(globalThis, { watched })
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) {
      watched.longTasks++
      watched.longestTaskMs = Math.max(watched.longestTaskMs, duration)
    }
  }).observe({ type: 'longtask' })
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries() as (PerformanceEntry & { value: number; hadRecentInput: boolean })[]) if (!entry.hadRecentInput) watched.layoutShift += entry.value
  }).observe({ type: 'layout-shift' })
}

const watchedOn = (page: Page): Promise<Watched> => page.evaluate(() => ({ ...(globalThis as unknown as { watched: Watched }).watched }))

/** Comes back to so many messages; the page is watched from when its list stands until the newest is there. */
const catchUp = async (community: WebCommunity, { page }: Window, count: number): Promise<Watched & { readonly readyMs: number }> => {
  await page.goto(community.url)
  await page.locator('nav li').filter({ hasText: 'Long talk' }).waitFor()
  await page.evaluate(WATCH)
  const openedAt = await page.evaluate(() => performance.now())
  await openTalk(page, 'Long talk')
  await page.locator('article.bubble').filter({ hasText: `message ${count.toString()} ` }).first().waitFor({ timeout: 600_000 })
  const readyMs = await page.evaluate((from) => performance.now() - from, openedAt)
  return { ...await watchedOn(page), readyMs }
}

/** Step by step up to the first message and down again, then up in jumps. */
const scroll = async (page: Page): Promise<Omit<WebFigures['scrolling'], 'messages'>> => {
  await page.evaluate(WATCH)
  const { frames, ...seen } = await page.evaluate(async () => {
    const view = document.querySelector<HTMLElement>('[role=log]')
    if (view === null) throw new Error('no conversation is open')
    const times: number[] = []
    let [mostNodes, mostBubbles, movedPx, before] = [0, 0, 0, performance.now()]
    /** What is read, and where it has to be while nobody scrolls on. */
    let read: { element: Element; top: number } | undefined
    const frame = (): Promise<void> => new Promise((resolve) => {
      requestAnimationFrame((now) => {
        times.push(now - before)
        before = now
        mostNodes = Math.max(mostNodes, document.querySelectorAll('*').length)
        mostBubbles = Math.max(mostBubbles, document.querySelectorAll('article.bubble').length)
        if (read?.element.isConnected === true) movedPx = Math.max(movedPx, Math.abs(read.element.getBoundingClientRect().top - read.top))
        resolve()
      })
    })
    const scrollTo = async (top: number): Promise<number> => {
      const from = view.scrollTop
      view.scrollTop = top
      const middle = view.getBoundingClientRect().top + view.clientHeight / 2
      const element = [...document.querySelectorAll('article.bubble')].find((bubble) => bubble.getBoundingClientRect().bottom > middle)
      // whoever comes near the end is taken there
      const isNearEnd = view.scrollHeight - view.scrollTop - view.clientHeight < 2 * view.clientHeight
      read = isNearEnd || element === undefined ? undefined : { element, top: element.getBoundingClientRect().top }
      const scrolled = Math.abs(view.scrollTop - from)
      await frame()
      return scrolled
    }
    await frame()
    times.length = 0
    for (const step of [-240, 240]) {
      // at an edge for a second: there is no more
      for (let still = 0, steps = 0; still < 60 && steps < 6000; steps++) still = await scrollTo(view.scrollTop + step) < 1 ? still + 1 : 0
    }
    // to the top of what is there in one jump, where browsers keep nothing in its place
    for (let jump = 0; jump < 3; jump++) {
      await scrollTo(0)
      for (let wait = 0; wait < 20; wait++) await frame()
    }
    return { frames: times, mostNodes, mostBubbles, movedPx: Math.round(movedPx * 10) / 10 }
  })
  return { ...await watchedOn(page), frameMs: percentiles(frames), ...seen }
}

const percentiles = (times: readonly number[]): Percentiles => {
  const sorted = [...times].sort((a, b) => a - b)
  const at = (part: number): number => Math.round((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0) * 10) / 10
  return { p50: at(0.5), p95: at(0.95), count: sorted.length }
}
