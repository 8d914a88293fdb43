/**
 * `npm run screenshots`: plays the journeys with people of its own and writes a picture of every screen to
 * docs/screenshots/, so that what the documents show is what the app is.
 */
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'
import { Client } from '@famichat/client'
import { nodePlatform, openSqliteStore } from '@famichat/client/node'
import { findChromium, WebCommunity } from '../support/community.js'
import { fillUp, QUOTA_BYTES } from '../support/disk.js'
import { lie, tellApart } from '../support/lies.js'

const FOLDER = fileURLToPath(new URL('../../../../docs/screenshots/', import.meta.url))
const DESKTOP = { width: 1180, height: 760 }

/** A picture that people could have sent: hills in the evening, drawn here. */
const drawPicture = async (page: Page): Promise<Buffer> => {
  const base64 = await page.evaluate(() => {
    const canvas = document.createElement('canvas')
    canvas.width = 960
    canvas.height = 640
    const drawing = canvas.getContext('2d')
    if (drawing === null) throw new Error('no canvas')
    const sky = drawing.createLinearGradient(0, 0, 0, 640)
    for (const [at, colour] of [[0, '#3d5a80'], [0.55, '#ee9b6b'], [1, '#f6d7a7']] as const) sky.addColorStop(at, colour)
    drawing.fillStyle = sky
    drawing.fillRect(0, 0, 960, 640)
    drawing.fillStyle = '#fff3d6'
    drawing.beginPath()
    drawing.arc(660, 330, 56, 0, 7)
    drawing.fill()
    for (const [height, colour] of [[380, '#5b6b4a'], [450, '#43533a'], [530, '#2c3a2a']] as const) {
      drawing.fillStyle = colour
      drawing.beginPath()
      drawing.moveTo(0, 640)
      for (let x = 0; x <= 960; x += 8) drawing.lineTo(x, height + 46 * Math.sin(x / (height / 2.4) + height))
      drawing.lineTo(960, 640)
      drawing.fill()
    }
    return canvas.toDataURL('image/png').split(',')[1] ?? ''
  })
  return Buffer.from(base64, 'base64')
}

const main = async (): Promise<number> => {
  const found = findChromium()
  if ('missing' in found) {
    process.stderr.write(`${found.missing}\n`)
    return 1
  }
  rmSync(FOLDER, { recursive: true, force: true })
  mkdirSync(FOLDER, { recursive: true })
  const community = await WebCommunity.start(found.path)
  try {
    await play(community)
  } finally {
    await community.end()
  }
  return 0
}

const shoot = async (page: Page, name: string): Promise<void> => {
  await page.screenshot({ path: join(FOLDER, `${name}.png`), animations: 'disabled' })
  process.stdout.write(`docs/screenshots/${name}.png\n`)
}

const press = (page: Page, name: string | RegExp): Promise<void> => page.getByRole('button', { name, exact: typeof name === 'string' }).first().click()

const say = async (page: Page, text: string): Promise<void> => {
  await page.getByLabel('Message', { exact: true }).fill(text)
  await press(page, 'Send')
  await page.locator('article').filter({ hasText: text }).waitFor()
}

const inviteLink = async (page: Page, whom?: string): Promise<string> => {
  await press(page, 'New conversation')
  await press(page, 'Invite somebody')
  if (whom !== undefined) await page.getByLabel(whom).check()
  await press(page, 'Make the link')
  const link = await page.getByLabel('Your link').inputValue()
  await page.getByRole('button', { name: 'Back' }).click()
  await page.getByRole('button', { name: 'Back' }).click()
  return link
}

const play = async (community: WebCommunity): Promise<void> => {
  const first = await community.window(community.setupLink)
  await first.page.getByLabel('Your name').fill('Ada')
  await first.page.getByLabel('Name of your family').fill('Rivera')
  await shoot(first.page, '01-first-start')
  await press(first.page, 'Come in')
  await first.page.getByText('Nothing here yet').waitFor()
  await shoot(first.page, '02-nothing-here-yet')
  const ada = first.page

  const guest = await community.window(await inviteLink(ada))
  await guest.page.getByLabel('Your name').fill('Grandpa Ben')
  await shoot(guest.page, '03-invited')
  await press(guest.page, 'Come in')
  const ben = guest.page
  await ben.getByText('Nothing here yet').waitFor()
  const { page: cleo } = await community.join(await inviteLink(ada), 'Cleo')
  await cleo.getByText('Nothing here yet').waitFor()

  await press(ada, 'New conversation')
  await ada.getByLabel('Grandpa Ben').check()
  await ada.getByLabel('Cleo').check()
  await ada.getByLabel('Name of the group').fill('Sunday lunch')
  await shoot(ada, '04-new-conversation')
  await press(ada, 'Start')
  await say(ada, 'Who brings the cake on Sunday?')
  await press(ben, /Sunday lunch/)
  await say(ben, 'I do. Apple or cherry?')
  await press(cleo, /Sunday lunch/)
  await cleo.locator('article').filter({ hasText: 'Apple or cherry' }).getByRole('button', { name: 'More' }).click()
  await shoot(cleo, '05-what-can-be-done')
  await press(cleo, 'Reply')
  await say(cleo, 'Cherry, please!')
  await cleo.locator('article').filter({ hasText: 'Apple or cherry' }).first().getByRole('button', { name: 'More' }).click()
  await press(cleo, 'React ❤️')
  await ben.locator('input[type=file]').setInputFiles({ name: 'the hills.png', mimeType: 'image/png', buffer: await drawPicture(ben) })
  await ada.locator('article img').waitFor()
  await shoot(ada, '06-conversation')
  await press(ben, 'Write a letter')
  await ben.getByLabel('Subject').fill('The garden in autumn')
  await ben.getByLabel('Your letter').fill('Dear all,\n\nthe last apples are in, and the quinces smell through the whole house. I have put aside a basket for each of you.\n\nYours, Ben')
  await shoot(ben, '07-writing-a-letter')
  await press(ben, 'Send')
  await ben.locator('article h2').waitFor()
  await shoot(ben, '08-a-letter')
  await press(ada, 'About this conversation')
  await shoot(ada, '09-about-a-conversation')
  await ada.getByRole('button', { name: 'Back' }).click()
  await ada.getByRole('button', { name: 'Back' }).click()

  const child = await community.join(await inviteLink(ada, 'A child of my family'), 'Leo')
  await child.page.getByText('Almost there').waitFor()
  await shoot(child.page, '10-a-child-waits')
  await press(ada, 'Family')
  await ada.getByText('A device of Leo waits').waitFor()
  await shoot(ada, '11-a-parent-decides')
  await press(ada, 'Let in')
  await child.page.getByText('Nothing here yet').waitFor()
  await ada.getByRole('button', { name: 'Back' }).click()

  await press(ada, 'New conversation')
  await press(ada, 'Invite somebody')
  await press(ada, 'Make the link')
  await shoot(ada, '12-an-invite')
  await ada.getByRole('button', { name: 'Back' }).click()
  await ada.getByRole('button', { name: 'Back' }).click()

  await press(ada, 'Settings')
  await press(ada, 'Add a device')
  const deviceLink = await ada.getByLabel('Your link').inputValue()
  await shoot(ada, '13-a-second-device')
  const laptop = await community.window(deviceLink, { viewport: DESKTOP })
  await press(laptop.page, 'Come in')
  await ada.getByText('The device is there').waitFor()
  await ada.getByRole('button', { name: /^Rename/ }).nth(1).click()
  await ada.getByLabel('Name of the device').fill('Kitchen laptop')
  await ada.getByRole('heading', { name: 'Your devices' }).evaluate((heading) => { heading.parentElement?.scrollIntoView({ block: 'center' }) })
  await shoot(ada, '30-names-of-devices')
  await press(ada, 'OK')
  await ada.getByText('Kitchen laptop').waitFor()
  await ada.getByRole('button', { name: 'Back' }).click()
  await press(ada, 'Search')
  await ada.getByRole('searchbox').fill('cherry')
  await ada.getByText('Cherry, please!').waitFor()
  await shoot(ada, '14-search')
  await ada.getByRole('button', { name: 'Back' }).click()

  await ada.setViewportSize(DESKTOP)
  await press(ada, /Sunday lunch/)
  await ada.locator('article h2').waitFor()
  await shoot(ada, '15-wide')
  await ada.emulateMedia({ colorScheme: 'dark' })
  await shoot(ada, '16-by-night')
  await ben.getByRole('button', { name: 'Back' }).click()
  await press(ben, 'Settings')
  await ben.getByLabel(/Large and simple/).check()
  await ben.getByRole('button', { name: 'Back' }).click()
  await press(ben, /Sunday lunch/)
  await ben.locator('article h2').waitFor()
  await shoot(ben, '17-large-and-simple')
  await trust(community, { ada, ben, cleo })
  await community.stopServer()
  await ada.emulateMedia({ colorScheme: 'light' })
  await ada.getByText('No connection.').waitFor()
  await ada.getByLabel('Message', { exact: true }).fill('Written on the train')
  await press(ada, 'Send')
  await ada.getByText('Not sent yet').waitFor()
  await shoot(ada, '18-without-a-connection')
  await community.startServer()
  const wrong = await community.window(community.url)
  await wrong.page.getByLabel('Your link').fill(`${community.url}/i#v1.half`)
  await press(wrong.page, 'Continue')
  await wrong.page.getByText('A part of the link is missing').waitFor()
  await shoot(wrong.page, '27-half-a-link')
  const lost = await community.window(`${community.url}/nothing`)
  await lost.page.getByText('There is nothing at this address').waitFor()
  await shoot(lost.page, '31-nothing-here')
  await japanese(community, ada)
  await twoStories(community, ada)
  await fullDisk(community, ada)
  await ending(ada)
}

/** In Japanese: the first screen, a conversation, the settings. */
const japanese = async (community: WebCommunity, ada: Page): Promise<void> => {
  const stranger = await community.window(community.url, { locale: 'ja-JP' })
  await stranger.page.getByRole('heading', { name: 'ようこそ' }).waitFor()
  await shoot(stranger.page, '19-japanese')
  await toList(ada)
  const { page: hana } = await community.join(await inviteLink(ada), '花子', { locale: 'ja-JP' })
  await hana.getByText('まだ何もありません').waitFor()
  await press(hana, '新しい会話')
  await hana.getByRole('checkbox', { name: 'Cleo', exact: true }).check()
  await press(hana, '始める')
  await hana.getByLabel('メッセージ', { exact: true }).fill('こんにちは、クレオ。日曜日に柿を持っていきます。')
  await press(hana, '送る')
  await hana.locator('article').waitFor()
  await shoot(hana, '32-japanese-conversation')
  await hana.getByRole('button', { name: '戻る' }).click()
  await press(hana, '設定')
  await press(hana, 'アカウントを終わらせる')
  await hana.getByText('誰も元に戻せません。').waitFor()
  await shoot(hana, '33-japanese-ending')
}

/** A server that tells somebody another story than everybody else. */
const twoStories = async (community: WebCommunity, ada: Page): Promise<void> => {
  await toList(ada)
  const nora = await Client.join({ ...nodePlatform, store: openSqliteStore({ folder: join(community.folder, 'nora') }) }, await inviteLink(ada), 'Nora')
  const { page, context } = await community.join(await inviteLink(ada), 'Iris')
  await page.getByText('Nothing here yet').waitFor()
  await nora.sync()
  const { conversationId } = await nora.createGroup('Harbour walk', ['Iris', 'Cleo'])
  await nora.membership.appoint(conversationId, 'Iris')
  await nora.send(conversationId, 'We meet at the lighthouse')
  await press(page, /Harbour walk/)
  await page.locator('article').filter({ hasText: 'lighthouse' }).waitFor()
  const { seq, members } = await nora.info(conversationId)
  const [deviceId] = members.find(({ name }) => name === 'Iris')?.deviceIds ?? []
  if (deviceId === undefined) throw new Error('Iris is not in')
  await tellApart(context, { conversationId, seq, deviceId })
  await press(page, 'About this conversation')
  await press(page, 'Remove Cleo')
  await page.locator('.ask').getByRole('button', { name: 'Remove Cleo' }).click()
  await page.getByText('2 people').waitFor()
  await context.unrouteAll({ behavior: 'ignoreErrors' })
  await nora.add(conversationId, 'Grandpa Ben')
  await nora.send(conversationId, 'Bring a scarf')
  await page.reload()
  await press(page, /Harbour walk/)
  await page.getByText('The server shows the members of this conversation different things').first().waitFor()
  await shoot(page, '34-two-stories')
  await press(page, 'Do we all see the same?')
  await page.locator('summary').filter({ hasText: 'Do we all see the same?' }).click()
  await shoot(page, '35-do-we-all-see-the-same')
  await context.close()
  await nora.close()
}

/** A device without room: what was typed stays, and it is said. */
const fullDisk = async (community: WebCommunity, ada: Page): Promise<void> => {
  await toList(ada)
  const { page, context } = await community.window('about:blank')
  const disk = await context.newCDPSession(page)
  await disk.send('Storage.overrideQuotaForOrigin', { origin: community.url, quotaSize: QUOTA_BYTES })
  await page.goto(await inviteLink(ada))
  await page.getByLabel('Your name').fill('Ola')
  await press(page, 'Come in')
  await page.getByText('Nothing here yet').waitFor()
  await press(page, 'New conversation')
  await page.getByRole('checkbox', { name: 'Ada', exact: true }).check()
  await press(page, 'Start')
  await say(page, 'The first pears are ripe')
  await fillUp(page)
  await page.getByLabel('Message', { exact: true }).fill('Shall I bring some on Sunday?')
  await press(page, 'Send')
  await page.locator('.out').getByText('This device has no room left').waitFor()
  await page.getByText('What you write stays on this page').waitFor()
  await shoot(page, '36-no-room-left')
  await context.close()
}

/** Ending somebody's account: what happens is said before it does. */
const ending = async (ada: Page): Promise<void> => {
  await toList(ada)
  await press(ada, 'Family')
  await press(ada, 'Ola')
  await press(ada, 'End the account of Ola')
  await ada.getByLabel(/^If you are sure/).fill('Ola')
  await shoot(ada, '37-ending-an-account')
  await press(ada, 'End it for good')
  await ada.getByText('The account of Ola has ended.').waitFor()
  await shoot(ada, '38-an-account-has-ended')
}

/** Back to the list, from wherever it is. */
const toList = async (page: Page): Promise<void> => {
  await page.reload()
  await page.getByRole('button', { name: 'New conversation' }).waitFor()
}

/** Numbers, recovery, a child's page, and a server that is not honest. */
const trust = async (community: WebCommunity, { ada, ben, cleo }: { readonly ada: Page; readonly ben: Page; readonly cleo: Page }): Promise<void> => {
  await ada.setViewportSize({ width: 390, height: 844 })
  await ada.emulateMedia({ colorScheme: 'light' })
  await ada.getByRole('button', { name: 'Back' }).click()
  await press(ada, 'Family')
  await press(ada, 'Grandpa Ben')
  await ada.getByRole('list', { name: 'Your number with each other' }).waitFor()
  await shoot(ada, '20-comparing')
  await press(ada, 'They are the same')
  await ada.getByText('You compared with Grandpa Ben').waitFor()
  await ada.getByRole('button', { name: 'Back' }).click()
  await press(ada, 'What Leo’s grown-ups can do')
  await ada.locator('#care li').first().waitFor()
  await shoot(ada, '21-what-grown-ups-can-do')
  await ada.getByRole('button', { name: 'Back' }).click()
  await ada.getByRole('button', { name: 'Back' }).click()
  await press(ada, 'Settings')
  await ada.getByText('Kitchen laptop').waitFor()
  await ada.getByRole('button', { name: 'End my account' }).waitFor()
  await shoot(ada, '22-settings')
  await press(ada, 'Prepare for that')
  await press(ada, 'Make my twelve words')
  await ada.locator('ol.words li').first().waitFor()
  await shoot(ada, '23-twelve-words')
  await press(ada, 'I have written them down')
  await ada.locator('form .field').first().waitFor()
  await shoot(ada, '24-is-the-paper-there')
  await press(ada, 'Cancel')
  await ada.getByText('With your face, finger or key').waitFor()
  await shoot(ada, '25-coming-back')
  await ada.getByRole('button', { name: 'Back' }).click()
  await ada.getByRole('button', { name: 'Back' }).click()
  const back = await community.window(community.url)
  await press(back.page, 'I was here before')
  await back.page.getByLabel('Your file').waitFor()
  await shoot(back.page, '26-welcome-back')
  await back.context.close()
  // the server leaves something out, and damages something, for Cleo alone
  await cleo.goto('about:blank')
  await press(ada, /Sunday lunch/)
  for (const text of ['Shall we meet at noon?', 'Or at one?', 'I bring the plates.']) await say(ada, text)
  let isDone = false
  const honest = await lie(cleo.context(), 'logRead', ({ envelopes, ...rest }) => {
    if (isDone || envelopes.length === 0) return { envelopes, ...rest }
    isDone = true
    const moved = envelopes.slice(1).map((envelope) => ({ ...envelope, header: { ...envelope.header, seq: envelope.header.seq - 1 } }))
    return { ...rest, envelopes: moved.map((envelope, at) => (at === 0 ? { ...envelope, message: envelope.message.with(-1, (envelope.message.at(-1) ?? 0) ^ 1) } : envelope)) }
  })
  await cleo.goto(community.url)
  await cleo.getByText('Something to look at').waitFor()
  await shoot(cleo, '28-something-to-look-at')
  await press(cleo, /Sunday lunch/)
  await cleo.getByText('Messages of this person did not arrive').first().waitFor()
  await shoot(cleo, '29-the-server-left-something-out')
  await honest()
  await ben.bringToFront()
}

process.exitCode = await main()
