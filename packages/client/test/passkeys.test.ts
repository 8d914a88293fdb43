/**
 * Passkeys: a new device comes in by one, alone or with the recovery phrase, and by nothing less.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isCodedError, systemRandom } from '@famichat/base'
import type { Client, Unlock } from '@famichat/client'
import { SoftwareAuthenticator, type SoftwareAuthenticatorOptions } from '@famichat/server/testing'
import { childWithTablet, Community, settle, textsOf } from './support/community.js'

const refused = (code: string, act: Promise<unknown>): Promise<void> => assert.rejects(act, (error) => {
  assert.ok(isCodedError(error), String(error))
  assert.equal(error.code, code)
  return true
})

/** An authenticator in a browser that shows the community's own page. */
const authenticatorOf = (community: Community, options: Partial<SoftwareAuthenticatorOptions> = {}): SoftwareAuthenticator =>
  new SoftwareAuthenticator({ origin: community.page, ...options }, systemRandom)

const withPasskey = async (community: Community, client: Client, options: Partial<SoftwareAuthenticatorOptions> = {}): Promise<SoftwareAuthenticator> => {
  await client.recovery.phrase()
  const authenticator = authenticatorOf(community, options)
  await client.passkeys.add({ authenticator, label: 'phone' })
  return authenticator
}

test('a grandparent whose only device is gone signs in with a face, and reads on', async (t) => {
  const community = await Community.start(t)
  const [ana, ben] = await community.people('Ana', 'Ben') as [Client, Client]
  const authenticator = await withPasskey(community, ana)
  const { conversationId } = await ana.createDirect('Ben')
  await settle(ben, ana)
  await community.close(ana)
  const phone = await community.signIn('phone', { authenticator })
  assert.equal(phone.identity.accountId, ana.identity.accountId)
  assert.notEqual(phone.identity.deviceId, ana.identity.deviceId)
  await settle(phone, ben, phone)
  await ben.send(conversationId, 'there you are')
  await settle(phone)
  assert.deepEqual(await textsOf(phone, conversationId), ['there you are'])
  // whom the account knew, the new device knows: no first sight of a key that the server could choose
  assert.equal((await phone.contacts.safetyNumber('Ben')).number, (await ben.contacts.safetyNumber('Ana')).number)
})

test('the new device has the same recovery phrase, and can add a passkey of its own', async (t) => {
  const community = await Community.start(t)
  const [ana] = await community.people('Ana') as [Client]
  const authenticator = await withPasskey(community, ana)
  const phone = await community.signIn('phone', { authenticator })
  assert.deepEqual(await phone.recovery.phrase(), await ana.recovery.phrase())
  const second = authenticatorOf(community)
  await phone.passkeys.add({ authenticator: second, label: 'second' })
  const labels = (await ana.passkeys.list()).map(({ label, opensAccount }) => [label, opensAccount])
  assert.deepEqual(labels, [['phone', true], ['second', true]])
  await community.signIn('tablet', { authenticator: second })
  await community.signIn('laptop', { authenticator })
})

for (const prf of ['at once', 'in answers'] as const) {
  test(`a passkey whose secret comes ${prf} opens the account by itself`, async (t) => {
    const community = await Community.start(t)
    const [ana] = await community.people('Ana') as [Client]
    const authenticator = await withPasskey(community, ana, { prf })
    assert.equal(authenticator.asked, prf === 'at once' ? 1 : 2)
    assert.deepEqual((await ana.passkeys.list()).map(({ opensAccount, isSynced }) => [opensAccount, isSynced]), [[true, true]])
    await community.signIn('phone', { authenticator })
  })
}

test('without a PRF the person is asked for the phrase, again after a slip, and told what was wrong', async (t) => {
  const community = await Community.start(t)
  const [ana] = await community.people('Ana') as [Client]
  const authenticator = await withPasskey(community, ana, { prf: 'none' })
  const words = (await ana.recovery.phrase()).join(' ')
  assert.deepEqual((await ana.passkeys.list()).map(({ opensAccount }) => opensAccount), [false])
  await refused('client.passkey.locked', community.signIn('phone', { authenticator }))
  const heard: unknown[] = []
  const typed = ['no such words', 'abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about', words]
  const unlock: Unlock = (question) => {
    heard.push(question)
    return Promise.resolve({ type: 'phrase', phrase: typed.shift() ?? '' })
  }
  const phone = await community.signIn('phone', { authenticator, unlock })
  assert.equal(phone.identity.accountId, ana.identity.accountId)
  assert.deepEqual(heard, [undefined, 'client.recovery.malformed', 'client.archive.wrong_key'].map((wrong) => ({ ways: ['phrase'], wrong })))
})

test('whoever always gives the same wrong answer is asked ten times, and nothing was taken', async (t) => {
  const community = await Community.start(t)
  const [ana] = await community.people('Ana') as [Client]
  const authenticator = await withPasskey(community, ana, { prf: 'none' })
  let asked = 0
  const unlock: Unlock = () => {
    asked++
    return Promise.resolve({ type: 'phrase', phrase: 'not the words' })
  }
  await refused('client.recovery.malformed', community.signIn('phone', { authenticator, unlock }))
  assert.equal(asked, 10)
  await refused('client.profile.missing', community.open('phone'))
})

test('a passphrase locks instead of the phrase; a new one takes its place', async (t) => {
  const community = await Community.start(t)
  const [ana] = await community.people('Ana') as [Client]
  const authenticator = authenticatorOf(community, { prf: 'none' })
  await refused('client.archive.passphrase_short', ana.passkeys.add({ authenticator, label: 'key', passphrase: 'short' }))
  await ana.passkeys.add({ authenticator, label: 'key', passphrase: 'a first long passphrase' })
  await ana.passkeys.add({ authenticator: authenticatorOf(community), label: 'other', passphrase: 'a second long passphrase' })
  const saying = (passphrase: string): Unlock => ({ ways, wrong }) => {
    assert.deepEqual(ways, ['passphrase'])
    if (wrong !== undefined) throw new RangeError(wrong)
    return Promise.resolve({ type: 'passphrase', passphrase })
  }
  await assert.rejects(community.signIn('phone', { authenticator, unlock: saying('a first long passphrase') }), /client\.archive\.wrong_key/)
  await community.signIn('phone', { authenticator, unlock: saying('a second long passphrase') })
})

test('a passkey is never the only way back', async (t) => {
  const community = await Community.start(t)
  const [ana] = await community.people('Ana') as [Client]
  const authenticator = authenticatorOf(community)
  await refused('client.passkey.needs_phrase', ana.passkeys.add({ authenticator, label: 'phone' }))
  assert.equal(authenticator.asked, 0)
  assert.deepEqual(await ana.passkeys.list(), [])
})

test('a child\'s device that was linked has no account key, so it adds no passkey', async (t) => {
  const community = await Community.start(t)
  const [ana] = await community.people('Ana') as [Client]
  const { tablet } = await childWithTablet(community, ana)
  await tablet.recovery.phrase()
  await refused('client.account.no_key', tablet.passkeys.add({ authenticator: authenticatorOf(community), label: 'phone' }))
})

test('a removed passkey signs in no more and opens nothing; the others go on', async (t) => {
  const community = await Community.start(t)
  const [ana] = await community.people('Ana') as [Client]
  const lost = await withPasskey(community, ana)
  const kept = await withPasskey(community, ana)
  const [first, second] = await ana.passkeys.list()
  assert.ok(first !== undefined && second !== undefined)
  await ana.passkeys.remove(first.passkeyId)
  await refused('client.passkey.unknown', ana.passkeys.remove(first.passkeyId))
  await refused('protocol.passkey.refused', community.signIn('thief', { authenticator: lost }))
  assert.deepEqual((await ana.passkeys.list()).map(({ passkeyId, opensAccount }) => [passkeyId, opensAccount]), [[second.passkeyId, true]])
  await community.signIn('phone', { authenticator: kept })
})

test('a page elsewhere gets nothing out of a passkey, and a profile that has an account keeps it', async (t) => {
  const community = await Community.start(t)
  const [ana] = await community.people('Ana') as [Client]
  const authenticator = await withPasskey(community, ana)
  authenticator.origin = 'https://evil.example'
  await refused('protocol.passkey.refused', community.signIn('phone', { authenticator }))
  authenticator.origin = community.page
  await community.close(ana)
  await refused('client.profile.taken', community.signIn('Ana', { authenticator }))
})

test('a bundle that the server changed is not taken, and makes no device', async (t) => {
  const community = await Community.start(t)
  const [ana] = await community.people('Ana') as [Client]
  const authenticator = await withPasskey(community, ana)
  for (const at of [0, 1, 20, -1]) {
    await refused(at === 0 ? 'client.archive.newer' : 'client.archive.damaged', community.signIn('phone', { authenticator }, (path, honest) => {
      if (!path.endsWith('/passkeys/sign-in')) return undefined
      const body = honest.slice()
      // behind the flag, the version and the length
      const place = at < 0 ? body.length + at : 11 + at
      body[place] = (body[place] ?? 0) ^ 1
      return new Response(body)
    }))
  }
  await community.signIn('phone', { authenticator })
})
