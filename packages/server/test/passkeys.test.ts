/**
 * Passkeys as the server sees them: what is wrong with an answer makes no difference to the refusal (WebAuthn §7.1, §7.2).
 */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { counter, encode as encodeStruct, fromUtf8, isCodedError, opaque, struct, systemRandom, utf8 } from '@famichat/base'
import {
  decodeResponse, encodeRequest, LIFETIMES, LIMITS, makeId, parseErrorBody, type PasskeyAssertion, type PasskeyId, type RouteName, type RouteRequest, type RouteResponse, ROUTES,
} from '@famichat/protocol'
import { SoftwareAuthenticator, type SoftwareAuthenticatorOptions } from '@famichat/server/testing'
import { callRoute, exchange, firstDevice, invitedDevice, type TestDevice } from './support/test-device.js'
import { startTestServer, type TestServer } from './support/test-server.js'

const refused = (code: string, act: Promise<unknown>): Promise<void> => assert.rejects(act, (error) => {
  assert.ok(isCodedError(error), String(error))
  assert.equal(error.code, code)
  return true
})

const pageOf = (server: TestServer): string => `http://localhost:${server.running.port}`
const INPUT = utf8('any')

const holderFor = (server: TestServer, options: Partial<SoftwareAuthenticatorOptions> = {}): SoftwareAuthenticator =>
  new SoftwareAuthenticator({ origin: pageOf(server), ...options }, systemRandom)

const register = async (device: TestDevice, holder: SoftwareAuthenticator, label = 'key'): Promise<RouteRequest<'passkeyRegister'>> => {
  const { challenge, rpId } = await device.call('passkeyCreationOptions', {})
  const { credentialId, clientData, attestationObject } = await holder.create({ challenge, rpId, prfInput: INPUT })
  const request = { label, credentialId, clientData, attestationObject }
  await device.call('passkeyRegister', request)
  return request
}

const answerOf = async (server: TestServer, holder: SoftwareAuthenticator): Promise<PasskeyAssertion> => {
  const { challenge, rpId } = await callRoute(server, 'passkeySignInOptions', {})
  return holder.answer({ challenge, rpId, credentialIds: [], prfInput: INPUT })
}

const withBundle = async (t: TestContext, options: Partial<SoftwareAuthenticatorOptions> = {}): Promise<{ server: TestServer; ana: TestDevice; holder: SoftwareAuthenticator }> => {
  const server = await startTestServer(t)
  const ana = await firstDevice(server)
  const holder = holderFor(server, options)
  await register(ana, holder)
  await ana.call('bundleReplace', { replaces: 0, sealed: utf8('sealed') })
  return { server, ana, holder }
}

test('a passkey gives out the account\'s bundle, once for each answer, and says when it was used', async (t) => {
  const { server, ana, holder } = await withBundle(t)
  const answer = await answerOf(server, holder)
  const { bundle } = await callRoute(server, 'passkeySignIn', answer)
  assert.equal(fromUtf8(bundle?.sealed ?? new Uint8Array(0)), 'sealed')
  await refused('protocol.passkey.refused', callRoute(server, 'passkeySignIn', answer))
  const { passkeys: [passkey] } = await ana.call('passkeyList', {})
  assert.equal(passkey?.usedAtMs, server.clock.nowMs())
  assert.equal(passkey.isSynced, true)
})

test('of many answers with one challenge, sent at once, one is taken', async (t) => {
  const { server, holder } = await withBundle(t)
  const { challenge, rpId } = await callRoute(server, 'passkeySignInOptions', {})
  const outcomes = await Promise.allSettled(Array.from({ length: 20 }, async () =>
    callRoute(server, 'passkeySignIn', await holder.answer({ challenge, rpId, credentialIds: [], prfInput: INPUT }))))
  assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1)
})

test('S21 S24 whatever is wrong with a passkey\'s answer, the refusal is the same to the last byte', async (t) => {
  const { server, ana, holder } = await withBundle(t)
  const good = await answerOf(server, holder)
  const flipped = (bytes: Uint8Array, at = bytes.length - 1): Uint8Array => bytes.with(at, (bytes[at] ?? 0) ^ 1)
  const elsewhere = async (origin: string): Promise<PasskeyAssertion> => {
    const copy = holder.copy()
    copy.origin = origin
    return answerOf(server, copy)
  }
  const made = async (challenge: Uint8Array, rpId = 'localhost'): Promise<PasskeyAssertion> => {
    const stranger = holderFor(server)
    await stranger.create({ challenge, rpId, prfInput: INPUT })
    return stranger.answer({ challenge, rpId, credentialIds: [], prfInput: INPUT })
  }
  const { challenge } = await callRoute(server, 'passkeySignInOptions', {})
  const text = fromUtf8(good.clientData)
  const lenient = new SoftwareAuthenticator({ origin: pageOf(server), verifiesPerson: false }, systemRandom)
  const removed = holderFor(server)
  await register(ana, removed, 'removed')
  const { passkeys } = await ana.call('passkeyList', {})
  await ana.call('passkeyRemove', { passkeyId: passkeys.find(({ label }) => label === 'removed')?.passkeyId ?? makeId<PasskeyId>(systemRandom) })
  // one whose holder lets anybody pass is not even registered
  await refused('protocol.passkey.refused', register(ana, lenient))
  const stale = await answerOf(server, holder)
  server.clock.advance(LIFETIMES.challengeMs + 1)
  const bad: readonly (readonly [string, PasskeyAssertion])[] = [
    ['a page elsewhere', await elsewhere('https://evil.example')],
    ['a page whose address ends like ours', await elsewhere(`http://evil.localhost:${server.running.port}`)],
    ['a page whose address begins like ours', await elsewhere(`${pageOf(server)}.evil.example`)],
    ['our page on another port', await elsewhere('http://localhost:1')],
    ['our page over https', await elsewhere(pageOf(server).replace('http', 'https'))],
    ['a page without an address', await elsewhere('null')],
    ['an unknown passkey', await made(challenge)],
    ['a removed passkey', await answerOf(server, removed)],
    ['a person who was not verified', await answerOf(server, lenient)],
    ['a challenge of the holder\'s own', await holder.answer({ challenge: systemRandom(40), rpId: 'localhost', credentialIds: [], prfInput: INPUT })],
    ['a short challenge', await holder.answer({ challenge: systemRandom(4), rpId: 'localhost', credentialIds: [], prfInput: INPUT })],
    ['a challenge for tokens', await holder.answer({ challenge: (await callRoute(server, 'tokenChallenge', {})).nonce, rpId: 'localhost', credentialIds: [], prfInput: INPUT })],
    ['a challenge from a minute ago', stale],
    ['another signature', { ...good, signature: flipped(good.signature) }],
    ['a cut signature', { ...good, signature: good.signature.slice(0, 8) }],
    ['no signature to speak of', { ...good, signature: Uint8Array.of(0) }],
    ['another domain', { ...good, authenticatorData: flipped(good.authenticatorData, 0) }],
    ['other flags', { ...good, authenticatorData: flipped(good.authenticatorData, 32) }],
    ['words of a creation', { ...good, clientData: utf8(text.replace('webauthn.get', 'webauthn.create')) }],
    ['words with a prototype', { ...good, clientData: utf8(text.replace('{', '{"__proto__":{"origin":"x"},')) }],
    ['words that are none', { ...good, clientData: utf8('{') }],
    ['the name of another passkey', { ...good, credentialId: systemRandom(32) }],
  ]
  const answers = new Set<string>()
  for (const [what, assertion] of bad) {
    const response = await fetch(server.running.url + ROUTES.passkeySignIn.path, {
      method: 'POST', headers: { 'content-type': 'application/octet-stream' }, body: encode('passkeySignIn', assertion),
    })
    const { date: _, ...headers } = Object.fromEntries(response.headers)
    assert.equal(response.status, 401, what)
    answers.add(JSON.stringify([headers, await response.text()]))
  }
  assert.equal(bad.length, 22)
  assert.equal(answers.size, 1)
})

test('a copied authenticator is found out by its counter, whichever of the two answers second', async (t) => {
  const { server, holder } = await withBundle(t, { countsAnswers: true })
  const thief = holder.copy()
  await callRoute(server, 'passkeySignIn', await answerOf(server, holder))
  await refused('protocol.passkey.refused', callRoute(server, 'passkeySignIn', await answerOf(server, thief)))
  await callRoute(server, 'passkeySignIn', await answerOf(server, holder))
})

test('a passkey is registered once, for the account that asked, and at most sixteen', async (t) => {
  const server = await startTestServer(t)
  const ana = await firstDevice(server)
  const ben = await invitedDevice(ana, 'Ben')
  const request = await register(ana, holderFor(server))
  await refused('protocol.passkey.refused', ana.call('passkeyRegister', request))
  await refused('protocol.passkey.refused', ben.call('passkeyRegister', request))
  const { passkeys: [passkey] } = await ana.call('passkeyList', {})
  assert.ok(passkey)
  await refused('protocol.access.refused', ben.call('passkeyRemove', { passkeyId: passkey.passkeyId }))
  assert.deepEqual((await ben.call('passkeyList', {})).passkeys, [])
  assert.deepEqual((await ana.call('passkeyCreationOptions', {})).known, [{ credentialId: request.credentialId }])
  for (let made = 1; made < LIMITS.passkeysPerAccount; made++) await register(ana, holderFor(server))
  await refused('protocol.passkey.too_many', register(ana, holderFor(server)))
})

test('a bundle is replaced by whoever has seen the latest; the others are told', async (t) => {
  const { ana } = await withBundle(t)
  const phone = await ana.addDevice()
  await refused('protocol.bundle.conflict', phone.call('bundleReplace', { replaces: 0, sealed: utf8('mine') }))
  await phone.call('bundleReplace', { replaces: 1, sealed: utf8('mine') })
  await phone.call('bundleReplace', { replaces: 1, sealed: utf8('mine') })
  await refused('protocol.bundle.conflict', ana.call('bundleReplace', { replaces: 1, sealed: utf8('other') }))
  assert.deepEqual((await ana.call('bundleRead', {})).bundle, { version: 2, sealed: utf8('mine') })
  const outcomes = await Promise.allSettled(Array.from({ length: 8 }, (_, i) => ana.call('bundleReplace', { replaces: 2, sealed: utf8(`racer ${i}`) })))
  assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1)
  await refused('protocol.request.malformed', callTooLarge(ana))
})

test('under an address in numbers and without https there are no passkeys, and a domain elsewhere stops the start', async (t) => {
  for (const publicUrl of ['http://192.0.2.7', 'https://192.0.2.7', 'http://chat.example']) {
    const server = await startTestServer(t, { publicUrl })
    await refused('protocol.passkey.unavailable', optionsAt(server))
  }
  const named = await startTestServer(t, { publicUrl: 'https://chat.famichat.example', passkeyDomain: 'famichat.example' })
  assert.equal((await optionsAt(named)).rpId, 'famichat.example')
  for (const passkeyDomain of ['example', 'chat.example', 'amichat.example']) {
    await assert.rejects(startTestServer(t, { publicUrl: 'https://chat.famichat.example', passkeyDomain }), { code: 'server.passkey_domain.unusable' })
  }
})

const encode = <Name extends RouteName>(name: Name, request: RouteRequest<Name>): Uint8Array<ArrayBuffer> => encodeRequest(name, request) as Uint8Array<ArrayBuffer>

/** What the server says to anybody, by its port: its public address leads elsewhere. */
const optionsAt = async (server: TestServer): Promise<RouteResponse<'passkeySignInOptions'>> => {
  const response = await fetch(`http://127.0.0.1:${server.running.port}${ROUTES.passkeySignInOptions.path}`, {
    method: 'POST', headers: { 'content-type': 'application/octet-stream' }, body: new Uint8Array(0),
  })
  if (!response.ok) throw parseErrorBody(await response.json())
  return decodeResponse('passkeySignInOptions', new Uint8Array(await response.arrayBuffer()))
}

/** A bundle of one byte too many, inside a body that is not. */
const callTooLarge = (device: TestDevice): Promise<unknown> => {
  const body = encodeStruct(struct({ replaces: counter, sealed: opaque() }), { replaces: 2, sealed: new Uint8Array(LIMITS.accountBundleBytes + 1) }) as Uint8Array<ArrayBuffer>
  return exchange(device.server, 'bundleReplace', { method: 'POST', headers: { 'content-type': 'application/octet-stream', ...device.headers('bundleReplace', body) }, body })
}
