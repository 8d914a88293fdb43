/**
 * A grandparent joins from a link: an invite is on a screen, a camera reads it, and within a minute the first message has arrived;
 * no screen on the way has a word of the technology. The other codes on screens are read by a camera, too.
 */
import assert from 'node:assert/strict'
import { performance } from 'node:perf_hooks'
import { after, before, describe, test } from 'node:test'
import { findChromium, type WebCommunity, type Window } from './support/community.js'
import { startAlone } from './support/family.js'
import { bubble, goBack, openPerson, openTalk, press, see, seeBubble } from './support/people.js'
import { readQr } from './support/qr.js'
import { technicalWordsIn, technicalWordsOn } from './support/words.js'

const found = findChromium()
const MINUTE_MS = 60_000

/** What is on the buttons and fields, in each language. */
const SPOKEN = {
  en: { locale: 'en-GB', invited: 'You are invited', name: 'Your name', comeIn: 'Come in', nothing: 'Nothing here yet', begin: 'New conversation', start: 'Start', message: 'Message', send: 'Send', who: 'Grandpa', hello: 'Hello from Grandpa' },
  ja: { locale: 'ja-JP', invited: '招待が届いています', name: 'お名前', comeIn: '入る', nothing: 'まだ何もありません', begin: '新しい会話', start: '始める', message: 'メッセージ', send: '送る', who: 'おばあちゃん', hello: 'こんにちは、おばあちゃんです' },
} as const

describe('a newcomer', { skip: 'missing' in found ? found.missing : false }, () => {
  let community: WebCommunity
  let ada: Window
  before(async () => { ({ community, windows: [ada] } = await startAlone(found)) })
  after(() => community.end())

  /** An invite on Ada's screen, as a camera reads it. */
  const scanInvite = async (): Promise<string> => {
    await press(ada.page, 'New conversation')
    await press(ada.page, 'Invite somebody')
    assert.deepEqual(await technicalWordsOn(ada.page), [])
    await press(ada.page, 'Make the link')
    const link = await ada.page.getByLabel('Your link').inputValue()
    assert.deepEqual(await technicalWordsOn(ada.page), [])
    assert.equal(await readQr(ada.page), link, 'the code is the link')
    await goBack(ada.page, 2)
    return link
  }

  for (const [language, spoken] of Object.entries(SPOKEN)) {
    test(`from the code on a screen to the first message in under a minute, without a technical word (${language})`, async (t) => {
      const link = await scanInvite()
      const startedAt = performance.now()
      const { page, context, complaints } = await community.window(link, { locale: spoken.locale })
      const words: string[] = []
      const look = async (): Promise<void> => { words.push(...await technicalWordsOn(page)) }
      await see(page, spoken.invited)
      assert.equal(await page.getByRole('textbox').filter({ visible: true }).count(), 1, 'one question is asked')
      await look()
      await page.getByLabel(spoken.name).fill(spoken.who)
      await press(page, spoken.comeIn)
      await see(page, spoken.nothing)
      await look()
      await press(page, spoken.begin)
      await page.getByRole('checkbox', { name: 'Ada', exact: true }).check()
      await look()
      await press(page, spoken.start)
      await page.getByLabel(spoken.message, { exact: true }).fill(spoken.hello)
      await look()
      await press(page, spoken.send)
      await seeBubble(page, spoken.hello)
      await openTalk(ada.page, spoken.who)
      await seeBubble(ada.page, spoken.hello)
      const tookMs = performance.now() - startedAt
      t.diagnostic(`${tookMs.toFixed(0)} ms from the link to the first message on the other screen`)
      await look()
      words.push(...await technicalWordsOn(ada.page))
      assert.deepEqual(words, [])
      assert.ok(tookMs < MINUTE_MS, `${tookMs.toFixed(0)} ms`)
      await goBack(ada.page)
      assert.deepEqual([...complaints, ...ada.complaints], [])
      await context.close()
    })
  }

  test('the words that are looked for are found where they are', () => {
    assert.deepEqual(technicalWordsIn(['Your key is safe', 'monkeys keyed in', 'HTTP 404', 'サーバーに暗号鍵']), ['key', 'HTTP', '404', 'サーバー', '暗号', '鍵'])
  })

  test('the code for a second device is its link, and brings it in', async () => {
    await press(ada.page, 'Settings')
    await press(ada.page, 'Add a device')
    const link = await ada.page.getByLabel('Your link').inputValue()
    const scanned = await readQr(ada.page)
    assert.equal(scanned, link)
    const phone = await community.window(scanned)
    await see(phone.page, 'Your other device')
    await press(phone.page, 'Come in')
    await openTalk(phone.page, SPOKEN.en.who)
    await bubble(phone.page, SPOKEN.en.hello).first().waitFor()
    await phone.context.close()
    await goBack(ada.page)
  })

  test('the code of a number to compare is read from one screen and compared on the other', async () => {
    const ben = await community.join(await scanInvite(), 'Ben')
    await see(ben.page, 'Nothing here yet')
    await openPerson(ada.page, 'Ben')
    const scanned = await readQr(ada.page)
    assert.equal(scanned, await ada.page.locator('svg[data-text]').getAttribute('data-text'))
    await ben.page.goto(scanned)
    await see(ben.page, 'Compared with Ada: nobody is between you.')
    assert.deepEqual([...ada.complaints, ...ben.complaints], [])
  })
})
