/**
 * Passkeys of a real Chromium, whose authenticator is virtual: the browser's words fit the server's checks, PRF and all.
 */
import assert from 'node:assert/strict'
import { after, describe, test, type TestContext } from 'node:test'
import { Client, type Authenticator, ClientError, type ClientErrorCode } from '@famichat/client'
import type { Page } from 'playwright-core'
import { Community } from '../support/community.js'
import { openPages, type Pages } from './chromium.js'

const pages = await openPages()

/** The page's authenticator, asked from here as a worker would. */
const throughPage = (page: Page): Authenticator => {
  const ask = async <T>(called: 'create' | 'answer', given: unknown): Promise<T> => {
    const answer = await page.evaluate(({ name, argument }) => {
      const { famichatAuthenticator } = globalThis as unknown as { readonly famichatAuthenticator: Readonly<Record<string, (given: unknown) => unknown>> }
      return famichatAuthenticator[name]?.(argument)
    }, { name: called, argument: given })
    if (typeof answer === 'string') throw new ClientError(answer as ClientErrorCode)
    return answer as T
  }
  return { create: (creation) => ask('create', creation), answer: (question) => ask('answer', question) }
}

const AUTHENTICATOR = {
  protocol: 'ctap2', ctap2Version: 'ctap2_1', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true,
  automaticPresenceSimulation: true,
} as const

const authenticatorIn = async (page: Page, options: { readonly hasPrf: boolean }): Promise<void> => {
  const cdp = await page.context().newCDPSession(page)
  await cdp.send('WebAuthn.enable')
  await cdp.send('WebAuthn.addVirtualAuthenticator', { options: { ...AUTHENTICATOR, ...options } })
}

describe('passkeys in a browser', { skip: 'missing' in pages ? pages.missing : false }, () => {
  const opened = pages as Pages
  after(() => opened.close())

  const arrange = async (t: TestContext): Promise<{ community: Community; ana: Client; page: Page }> => {
    const community = await Community.start(t)
    const [ana] = await community.people('Ana') as [Client]
    await ana.recovery.phrase()
    return { community, ana, page: await opened.openAt(community.page) }
  }

  test('a passkey made by the browser opens the account on a new device', async (t) => {
    const { community, ana, page } = await arrange(t)
    await authenticatorIn(page, { hasPrf: true })
    const authenticator = throughPage(page)
    const { opensAccount } = await ana.passkeys.add({ authenticator, label: 'browser' })
    assert.equal(opensAccount, true)
    const phone = await community.signIn('phone', { authenticator })
    assert.equal(phone.identity.accountId, ana.identity.accountId)
  })

  test('without PRF the browser\'s passkey signs in, and the phrase opens', async (t) => {
    const { community, ana, page } = await arrange(t)
    await authenticatorIn(page, { hasPrf: false })
    const authenticator = throughPage(page)
    assert.equal((await ana.passkeys.add({ authenticator, label: 'browser' })).opensAccount, false)
    const phrase = (await ana.recovery.phrase()).join(' ')
    await community.signIn('phone', { authenticator, unlock: () => Promise.resolve({ type: 'phrase', phrase }) })
  })

  test('what a browser refuses is said in the SDK\'s words', async (t) => {
    const { community, ana, page } = await arrange(t)
    const authenticator = throughPage(page)
    const refuses = (name: string): Promise<void> => page.evaluate((said) => {
      const refuse = (): Promise<never> => Promise.reject(new DOMException('', said))
      Object.defineProperty(navigator, 'credentials', { configurable: true, value: { create: refuse, get: refuse } })
    }, name)
    for (const [name, code] of [['NotAllowedError', 'client.passkey.cancelled'], ['InvalidStateError', 'client.passkey.exists'], ['SecurityError', 'client.passkey.unsupported']] as const) {
      await refuses(name)
      await assert.rejects(ana.passkeys.add({ authenticator, label: 'browser' }), { code })
    }
    await page.evaluate(() => { Reflect.deleteProperty(globalThis, 'PublicKeyCredential') })
    await assert.rejects(community.signIn('phone', { authenticator }), { code: 'client.passkey.unsupported' })
  })
})
