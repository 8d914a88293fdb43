/**
 * A passkey from the first start on: set up with a virtual authenticator, and all that it takes in a new browser.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { CDPSession } from 'playwright-core'
import { findChromium, WebCommunity, type Window } from './support/community.js'
import { goBack, invite, openTalk, press, see, seeBubble, seeEmptyList, startTalk, write } from './support/people.js'

const found = findChromium()

/** A phone's own authenticator, which knows its person. */
const addAuthenticator = async ({ context, page }: Window, { hasPrf }: { readonly hasPrf: boolean }): Promise<{ session: CDPSession; authenticatorId: string }> => {
  const session = await context.newCDPSession(page)
  await session.send('WebAuthn.enable')
  const { authenticatorId } = await session.send('WebAuthn.addVirtualAuthenticator', { options: {
    protocol: 'ctap2', ctap2Version: 'ctap2_1', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true,
    automaticPresenceSimulation: true, hasPrf,
  } })
  return { session, authenticatorId }
}

describe('passkeys in the web app', { skip: 'missing' in found ? found.missing : false }, () => {
  let community: WebCommunity
  let ada: Window
  let ben: Window
  before(async () => {
    community = await WebCommunity.start('path' in found ? found.path : '')
  })
  after(() => community.end())

  test('first start: set-up link, family space, twelve words, passkey', async () => {
    ada = await community.join(community.named(community.setupLink), 'Ada', { family: 'Rivera' })
    await seeEmptyList(ada.page)
    ben = await community.join(await invite(ada.page), 'Ben')
    await seeEmptyList(ben.page)
    await startTalk(ada.page, ['Ben'])
    await write(ada.page, 'hello')
    await goBack(ada.page)
  })

  for (const hasPrf of [true, false]) {
    test(hasPrf ? 'a passkey that opens the account is all that a new browser needs' : 'a passkey that only signs in asks for the twelve words, too, and says so', async () => {
      const phone = await addAuthenticator(ada, { hasPrf })
      await press(ada.page, 'Settings')
      await press(ada.page, 'Prepare for that')
      await press(ada.page, /(Make|Show) my twelve words/)
      await ada.page.locator('ol.words li').first().waitFor()
      const phrase = (await ada.page.locator('ol.words li').allTextContents()).map((text) => text.replace(/^\d+ /, '').trim()).join(' ')
      await press(ada.page, 'I have written them down')
      await press(ada.page, 'Cancel')
      await press(ada.page, 'Set it up on this device')
      await ada.page.getByRole('button', { name: 'Remove Ada' }).nth(hasPrf ? 0 : 1).waitFor()
      assert.equal(await ada.page.getByText('Asks for your twelve words, too.').count(), hasPrf ? 0 : 1)
      await goBack(ada.page, 2)

      // the phone's maker brings the passkey to the new one
      const { credentials } = await phone.session.send('WebAuthn.getCredentials', { authenticatorId: phone.authenticatorId })
      assert.equal(credentials.length, 1)
      const fresh = await community.window(community.named(community.url))
      const other = await addAuthenticator(fresh, { hasPrf })
      for (const credential of credentials) await other.session.send('WebAuthn.addCredential', { authenticatorId: other.authenticatorId, credential })
      await press(fresh.page, 'I was here before')
      if (hasPrf) {
        // a virtual authenticator makes another PRF secret for a credential that was moved: the words open then, as they always do
        await press(fresh.page, 'Sign in with face, finger or key')
        const list = fresh.page.getByRole('button', { name: 'New conversation' })
        const words = fresh.page.getByLabel('Your twelve words')
        await list.or(fresh.page.getByText('Type your twelve words, then go on.')).first().waitFor()
        if (!(await list.isVisible())) {
          await words.fill(phrase)
          await press(fresh.page, 'Sign in with face, finger or key')
        }
      } else {
        await press(fresh.page, 'Sign in with face, finger or key')
        await see(fresh.page, 'Type your twelve words, then go on.')
        await fresh.page.getByLabel('Your twelve words').fill(phrase.replace(/^\w+/, 'nonsense'))
        await press(fresh.page, 'Sign in with face, finger or key')
        await see(fresh.page, 'These are not twelve words of ours')
        await fresh.page.getByLabel('Your twelve words').fill(phrase)
        await press(fresh.page, 'Sign in with face, finger or key')
      }
      await fresh.page.getByRole('button', { name: 'New conversation' }).waitFor()
      // it is Ada's device: Ben opens Famichat, and the conversation goes on there
      await ben.page.reload()
      await openTalk(ben.page, 'Ada')
      await openTalk(fresh.page, 'Ben')
      await write(fresh.page, hasPrf ? 'from my new phone' : 'and from another')
      await seeBubble(ben.page, hasPrf ? 'from my new phone' : 'and from another')
      assert.deepEqual(fresh.complaints, [])
      await fresh.context.close()
      await phone.session.send('WebAuthn.removeVirtualAuthenticator', { authenticatorId: phone.authenticatorId })
    })
  }

  test('a browser that forgot everything: the passkey alone brings its person back, no words asked', async () => {
    const cleo = await community.join(community.named(await invite(ada.page)), 'Cleo')
    await seeEmptyList(cleo.page)
    await startTalk(cleo.page, ['Ben'])
    await write(cleo.page, 'before I forgot')
    await goBack(cleo.page)
    await addAuthenticator(cleo, { hasPrf: true })
    await press(cleo.page, 'Settings')
    await press(cleo.page, 'Prepare for that')
    await press(cleo.page, 'Make my twelve words')
    await press(cleo.page, 'I have written them down')
    await press(cleo.page, 'Cancel')
    await press(cleo.page, 'Set it up on this device')
    await cleo.page.getByRole('button', { name: 'Remove Cleo' }).waitFor()
    assert.equal(await cleo.page.getByText('Asks for your twelve words, too.').count(), 0)
    await cleo.page.goto('about:blank')
    const session = await cleo.context.newCDPSession(cleo.page)
    await session.send('Storage.clearDataForOrigin', { origin: community.named(community.url), storageTypes: 'all' })
    await cleo.page.goto(community.named(community.url))
    await press(cleo.page, 'I was here before')
    await press(cleo.page, 'Sign in with face, finger or key')
    await cleo.page.getByRole('button', { name: 'New conversation' }).waitFor()
    assert.equal(await cleo.page.getByLabel('Your twelve words').count(), 0)
    await ben.page.reload()
    await openTalk(cleo.page, 'Ben')
    await write(cleo.page, 'here again')
    await openTalk(ben.page, 'Cleo')
    await seeBubble(ben.page, 'here again')
    assert.deepEqual(cleo.complaints, [])
    await cleo.context.close()
  })

  test('a browser without a passkey of anybody here is refused kindly', async () => {
    const stranger = await community.window(community.named(community.url))
    await addAuthenticator(stranger, { hasPrf: true })
    await press(stranger.page, 'I was here before')
    await press(stranger.page, 'Sign in with face, finger or key')
    await see(stranger.page, 'Nothing was chosen.')
    assert.deepEqual([...ada.complaints, ...ben.complaints], [])
  })
})
