/**
 * S42: a thousand texts that would run somewhere, in every field that any screen shows. The server and other people's clients
 * refuse most of them in names; so that the page stands by itself, its worker is replaced by one that says only such texts.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Page } from 'playwright-core'
import { findChromium, WebCommunity, type Window } from './support/community.js'
import { goBack, press } from './support/people.js'
import { PAYLOADS } from './support/payloads.js'

const found = findChromium()
/** As many as a conversation shows when it is opened. */
const PART = 48

/** Runs in the page, before it: takes the place of its worker. */
const HOSTILE_WORKER = (payloads: readonly string[]): void => {
  const text = (at: number): string => payloads[at % payloads.length] ?? ''
  const person = (at: number) => ({ accountId: `person ${at.toString()} ${text(at)}`, name: text(at) })
  const all = <T>(make: (at: number) => T): T[] => payloads.map((_, at) => make(at))
  const body = (at: number): unknown => [
    { type: 'text', text: text(at) },
    { type: 'reply', text: text(at), to: { accountId: 'a', messageId: 'm' } },
    { type: 'letter', subject: text(at), text: text(at + 1) },
    { type: 'file', fileName: text(at), mediaType: text(at + 1), fileBytes: at % 2 === 0 ? 9e9 : 1, text: text(at + 2), picture: { width: 1, height: 65_535 } },
    { type: 'unknown' },
  ][at % 5]
  const entry = (at: number): unknown => ({
    key: `${at.toString()} ${text(at)}`, seq: at + 1, atMs: 1_700_000_000_000 + at, person: person(at), isMine: at % 3 === 0,
    ...[
      ...Array.from({ length: 6 }, () => ({
        kind: 'message', messageId: text(at), body: body(at), isEdited: true, reactions: [{ emoji: text(at), names: [text(at + 1)], isMine: false }],
        readBy: [text(at)], quoted: { name: text(at), text: text(at + 1) },
      })),
      { kind: 'members', added: [person(at)], removed: [person(at + 1)] }, { kind: 'joined' }, { kind: 'deleted' },
      { kind: 'unreadable', code: text(at) }, { kind: 'notice', code: text(at), count: 1 }, { kind: 'notice', code: 'client.member.key_changed', count: 1 },
    ][at % 12],
  })
  const conversation = (at: number): unknown => ({
    id: at === 0 ? 'first' : text(at) + at.toString(), kind: 'group', name: text(at), state: 'active', seq: payloads.length, headCode: text(at), last: entry(at), unread: 1, hasWarning: true,
    members: at === 0 ? all(person) : [person(at)],
  })
  const contact = { ...person(0), state: 'changed', verifiedAtMs: 1 }
  const waiting = all((at) => ({ messageId: at.toString() + text(at), body: body(at), atMs: 1 }))
  const answers: Record<string, unknown> = {
    start: { ...person(0), deviceId: text(0), isPending: false }, checkLink: 'invite', conversations: all(conversation), people: all(person), lookForPeople: all(person),
    families: [{ name: text(0), isOwn: true, members: all((at) => ({ ...person(at), familyRole: at % 2 === 0 ? 'child' : 'adult', isCommunityAdmin: at === 0 })) }],
    waitingDevices: all((at) => ({ deviceId: at.toString() + text(at), name: text(at), deviceName: text(at + 1), addedAtMs: 1 })),
    devices: all((at) => ({ deviceId: text(at).padEnd(8, 'x').slice(-8) + at.toString(), isThisDevice: at === 1, isRevoked: at % 2 === 0, isPending: false, name: text(at) })),
    contacts: all((at) => ({ ...person(at), state: 'verified', verifiedAtMs: 1 })), safetyNumber: { ...contact, number: payloads.slice(0, 300).join(' '), scan: text(3) },
    recovery: { hasPhrase: true, rehearsedAtMs: 1 }, recoveryWords: payloads, recoveryPlaces: [1, 2, 3],
    passkeys: all((at) => ({ passkeyId: at.toString(), label: text(at), createdAtMs: 1, opensAccount: false })),
    care: { name: text(0), guardians: payloads, devices: all((at) => ({ deviceId: at.toString() + text(at), state: 'in' })) },
    search: all((at) => ({ conversationId: text(at), conversationName: text(at), entry: { ...entry(at - at % 12) as object, key: at.toString() } })),
    invite: { link: text(1), expiresAtMs: 1 }, offerDevice: { link: text(2), expiresAtMs: 1 }, draft: payloads.join('\n'), receipts: true, bellKey: new Uint8Array(65),
  }
  // no more stands on the page at once: the test says which part comes, and in the first what waits to be sent
  const stretch = (): unknown => {
    const { hostilePart: { at, size } } = globalThis as unknown as { readonly hostilePart: { readonly at: number; readonly size: number } }
    return { entries: all(entry).slice(at * size, (at + 1) * size), waiting: at === 0 ? waiting : [] }
  }
  class HostileWorker extends EventTarget {
    postMessage({ id, ask }: { id: number; ask: string }): void {
      const data = ask === 'readFile' || ask === 'add' ? { id, refusal: { code: text(id), reason: text(id) } } : { id, answer: ask === 'stretch' ? stretch() : answers[ask] }
      queueMicrotask(() => { this.dispatchEvent(new MessageEvent('message', { data })) })
    }
  }
  Object.assign(globalThis, { Worker: HostileWorker })
}

/** Elements that no text may become. */
const madeOfText = (page: Page): Promise<readonly string[]> => page.evaluate(() =>
  [...document.querySelectorAll('#app script, #app iframe, #app object, #app embed, #app base, #app meta, #app style, #app form[action], #app marquee, #app math, #app [onerror], #app [onload], #app [onclick], #app [srcdoc]')]
    .map(({ outerHTML }) => outerHTML.slice(0, 80)))

describe('hostile texts', { skip: 'missing' in found ? found.missing : false }, () => {
  let community: WebCommunity
  let victim: Window
  before(async () => {
    community = await WebCommunity.start('path' in found ? found.path : '')
    victim = await community.window('about:blank', { serviceWorkers: 'block' })
    await victim.context.addInitScript(HOSTILE_WORKER, PAYLOADS)
    await victim.page.goto(community.url)
    await victim.page.getByRole('button', { name: 'New conversation' }).waitFor()
  })
  after(() => community.end())

  const shows = async (selector: string, least: number): Promise<void> => {
    const { page, complaints } = victim
    await page.locator(selector).nth(least - 1).waitFor({ state: 'attached' })
    assert.deepEqual(await madeOfText(page), [], selector)
    const hrefs = await page.locator('#app a').evaluateAll((links) => [...new Set(links.map((link) => (link as HTMLAnchorElement).protocol))])
    assert.ok(hrefs.every((protocol) => ['http:', 'https:', 'mailto:'].includes(protocol)), hrefs.join(' '))
    assert.deepEqual(complaints, [], selector)
  }

  test(`S42: ${PAYLOADS.length.toString()} hostile texts in every displayed field: none runs, none becomes an element`, async () => {
    const { page } = victim
    await shows('nav li button', PAYLOADS.length)
    for (let at = 0; at * PART < PAYLOADS.length; at++) {
      await page.evaluate((part) => { Object.assign(globalThis, { hostilePart: part }) }, { at, size: PART })
      await page.locator('nav li button').first().click()
      await shows('.entry', at === 0 ? 1 : Math.min(PART, PAYLOADS.length - at * PART))
      if (at === 0) await shows('.out', PAYLOADS.length)
      await goBack(page)
    }
    await page.locator('nav li button').first().click()
    await press(page, 'About this conversation')
    await shows('section.detail li', PAYLOADS.length)
    await page.getByText('Do we all see the same?').click()
    await goBack(page, 2)
    await press(page, 'New conversation')
    await shows('.person', PAYLOADS.length)
    await goBack(page)
    await press(page, 'Search')
    await page.getByRole('searchbox').fill('x')
    await shows('section.detail li', PAYLOADS.length)
    await goBack(page)
    await press(page, 'Family')
    await shows('section.detail section.card', PAYLOADS.length)
    await page.locator('.detail .link').first().click()
    await shows('#care li', PAYLOADS.length)
    await goBack(page, 2)
    await press(page, 'Settings')
    await shows('section.detail li', PAYLOADS.length)
    await press(page, 'Add a device')
    await shows('input.link', 1)
    await press(page, 'Prepare for that')
    await shows('section.detail li', PAYLOADS.length)
    await press(page, 'Show my twelve words')
    await shows('ol.words li', PAYLOADS.length)
    await goBack(page, 2)
    await page.locator('nav li button').first().click()
    await press(page, 'About this conversation')
    await page.locator('.who').first().click()
    await shows('.number li', 300)
    await press(page, /^End the account of/)
    await shows('form.card li', 3)
  })

  test('S42: the page\'s cage has no hole: no eval, no inline script, no markup from text', async () => {
    const outcomes = await victim.page.evaluate(() => {
      const tries: Record<string, () => unknown> = {
        innerHTML: () => { document.body.innerHTML = '<img src=x onerror="globalThis.ran = 1">' },
        insertAdjacentHTML: () => { document.body.insertAdjacentHTML('beforeend', '<b>x</b>') },
        scriptText: () => {
          const script = document.createElement('script')
          script.text = 'globalThis.ran = 1'
          document.body.append(script)
        },
      }
      return Object.entries(tries).map(([name, act]) => {
        try {
          act()
          return `${name} done`
        } catch {
          return `${name} refused`
        }
      })
    })
    assert.deepEqual(outcomes, ['innerHTML refused', 'insertAdjacentHTML refused', 'scriptText refused'])
    assert.equal(await victim.page.evaluate(() => (globalThis as { ran?: number }).ran), undefined)
  })
})
