/**
 * Invites, registration, tokens, links, revocation and KeyPackages, against a real server.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isCodedError, systemRandom, toHex } from '@famichat/base'
import {
  AccountRole, type ConversationId, ConversationKind, encodeDeviceCertificate, formatInviteAuthorization, formatInviteLink, type InviteId, inviteProofInput,
  InviteState, LIFETIMES, LIMITS, type LinkId, makeId, parseInviteLink, ScopeAccess, tokenRequestTbs,
} from '@famichat/protocol'
import { TestChannel } from './support/test-channel.js'
import { callRoute, firstDevice, invitedDevice, makeKeyPair, sha256, TestDevice } from './support/test-device.js'
import { startTestServer } from './support/test-server.js'

const refused = (code: string, act: Promise<unknown>): Promise<void> =>
  assert.rejects(act, (error) => {
    assert.ok(isCodedError(error), String(error))
    assert.equal(error.code, code)
    return true
  })

test('the set-up link makes the first account, an admin, once', async (t) => {
  const server = await startTestServer(t)
  const link = server.running.setupLink ?? ''
  const ana = new TestDevice(server)
  assert.equal((await ana.join(link, ' Ana ')).role, AccountRole.admin)
  await refused('protocol.invite.used', new TestDevice(server).join(link, 'Ben'))
  await ana.signIn()
  const { accounts } = await ana.call('directory', {})
  assert.deepEqual(accounts.map(({ accountName, role }) => [accountName, role]), [['Ana', AccountRole.admin]])
})

test('a join whose answer was lost may be asked again by the same device', async (t) => {
  const server = await startTestServer(t)
  const link = server.running.setupLink ?? ''
  const ana = new TestDevice(server)
  const first = await ana.join(link, 'Ana')
  assert.deepEqual(await ana.join(link, 'Ana'), first)
})

test('a restart before anybody has joined gives a new set-up link, and the old one no longer works', async (t) => {
  const server = await startTestServer(t)
  const old = server.running.setupLink ?? ''
  await server.restart()
  await refused('protocol.invite.refused', new TestDevice(server).join(old, 'Ana'))
  await firstDevice(server)
  await server.restart()
  assert.equal(server.running.setupLink, undefined)
})

test('an invite makes one member; a second use, an unknown id and a wrong secret are refused', async (t) => {
  const server = await startTestServer(t)
  const ana = await firstDevice(server)
  const link = await ana.invite()
  const ben = new TestDevice(server)
  assert.equal((await ben.join(link, 'Ben')).role, AccountRole.member)
  await refused('protocol.invite.used', new TestDevice(server).join(link, 'Cem'))
  const parts = parseInviteLink(await ana.invite())
  const unknown = { ...parts, inviteId: makeId<InviteId>(systemRandom) }
  for (const bad of [unknown, { ...parts, secret: systemRandom(16) }]) {
    await refused('protocol.invite.refused', new TestDevice(server).join(formatInviteLink(bad), 'Cem'))
  }
  const { invites } = await ana.call('inviteList', {})
  assert.deepEqual(invites.map(({ state }) => state).sort(), [InviteState.open, InviteState.used])
  assert.ok(invites.some(({ usedBy }) => usedBy === ben.account.accountId))
})

test('an invite ends after 72 hours, or when it is taken back', async (t) => {
  const server = await startTestServer(t)
  const ana = await firstDevice(server)
  const revoked = await ana.invite()
  const { inviteId } = parseInviteLink(revoked)
  await ana.call('inviteRevoke', { inviteId })
  await refused('protocol.invite.revoked', new TestDevice(server).join(revoked, 'Ben'))
  const late = await ana.invite()
  server.clock.advance(LIFETIMES.inviteMs)
  await refused('protocol.invite.expired', new TestDevice(server).join(late, 'Ben'))
  await ana.signIn()
  const ben = await invitedDevice(ana, 'Ben')
  await refused('protocol.access.refused', ben.call('inviteRevoke', { inviteId }))
})

test('two people cannot join with one invite at the same time', async (t) => {
  const server = await startTestServer(t)
  const link = await (await firstDevice(server)).invite()
  const outcomes = await Promise.allSettled(Array.from({ length: 6 }, (_, i) => new TestDevice(server).join(link, `Guest ${i}`)))
  assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1)
})

test('a name is unique however it is written', async (t) => {
  const server = await startTestServer(t)
  const ana = await firstDevice(server)
  const link = await ana.invite()
  await refused('protocol.name.taken', new TestDevice(server).join(link, 'ANA'))
  await refused('protocol.name.malformed', new TestDevice(server).join(link, ' \n '))
  await new TestDevice(server).join(link, 'Anna')
})

test('a device is registered only with a certificate of its account and a signature of its own', async (t) => {
  const server = await startTestServer(t)
  const link = server.running.setupLink ?? ''
  const { inviteId, secret } = parseInviteLink(link)
  const authorization = formatInviteAuthorization(inviteId, sha256(inviteProofInput(inviteId, secret)))
  const device = new TestDevice(server)
  const good = { accountName: 'Ana', familyName: undefined, ...device.registration(inviteId) }
  const otherKey = encodeDeviceCertificate({ ...device.certificate, accountKey: makeKeyPair().publicKey })
  const bad = [
    { ...good, certificate: otherKey },
    { ...good, registrationSignature: new Uint8Array(64) },
    { ...good, registrationSignature: device.registration(makeId<LinkId>(systemRandom)).registrationSignature },
    { ...good, certificate: good.certificate.slice(1) },
  ]
  for (const request of bad) await refused('protocol.certificate.refused', callRoute(server, 'join', request, authorization))
  await callRoute(server, 'join', good, authorization)
})

test('S21 a token comes for a signed challenge only: stale, foreign, replayed or badly signed ones are refused alike', async (t) => {
  const server = await startTestServer(t)
  const ana = await firstDevice(server)
  const { nonce } = await callRoute(server, 'tokenChallenge', {})
  const { deviceId } = ana
  const scope = undefined
  const signature = ana.sign(tokenRequestTbs({ origin: ana.origin, nonce, deviceId, scope }))
  const elsewhere = ana.sign(tokenRequestTbs({ origin: 'https://evil.example', nonce, deviceId, scope }))
  const made = systemRandom(40)
  const bad = [
    { deviceId, nonce, scope, signature: elsewhere },
    { deviceId, nonce, scope, signature: new Uint8Array(64) },
    { deviceId: new TestDevice(server).deviceId, nonce, scope, signature },
    { deviceId, nonce: made, scope, signature: ana.sign(tokenRequestTbs({ origin: ana.origin, nonce: made, deviceId, scope })) },
    { deviceId, nonce, scope: { access: ScopeAccess.write, conversations: [] }, signature },
  ]
  for (const request of bad) await refused('protocol.auth.refused', callRoute(server, 'tokenIssue', request))
  await callRoute(server, 'tokenIssue', { deviceId, nonce, scope, signature })
  await refused('protocol.auth.refused', callRoute(server, 'tokenIssue', { deviceId, nonce, scope, signature }))
  const stale = await callRoute(server, 'tokenChallenge', {})
  server.clock.advance(LIFETIMES.challengeMs + 1)
  const late = ana.sign(tokenRequestTbs({ origin: ana.origin, nonce: stale.nonce, deviceId, scope }))
  await refused('protocol.auth.refused', callRoute(server, 'tokenIssue', { deviceId, nonce: stale.nonce, scope, signature: late }))
})

test('a token ends after ten minutes', async (t) => {
  const server = await startTestServer(t)
  const ana = await firstDevice(server)
  server.clock.advance(LIFETIMES.tokenMs)
  await refused('protocol.auth.refused', ana.call('directory', {}))
  await ana.signIn()
  await ana.call('directory', {})
})

test('a device comes in by the account\'s key alone when all others are lost, once, and asks to be let into its conversations', async (t) => {
  const server = await startTestServer(t)
  const ana = await firstDevice(server)
  const ben = await invitedDevice(ana, 'Ben')
  const conversationId = makeId<ConversationId>(systemRandom)
  await ben.call('conversationCreate', { conversationId, kind: ConversationKind.group })
  const found = new TestDevice(server, ben.account)
  const request = found.registration(ben.account.accountId, found.keyPackages(1))
  const stranger = new TestDevice(server, { accountId: ben.account.accountId, key: makeKeyPair() })
  await refused('protocol.certificate.refused', callRoute(server, 'deviceRecover', stranger.registration(ben.account.accountId)))
  await refused('protocol.certificate.refused', callRoute(server, 'deviceRecover', { ...request, registrationSignature: new Uint8Array(64) }))
  const nobody = new TestDevice(server)
  await refused('protocol.certificate.refused', callRoute(server, 'deviceRecover', nobody.registration(nobody.account.accountId)))
  await callRoute(server, 'deviceRecover', request)
  await callRoute(server, 'deviceRecover', request)
  await found.signIn()
  const { requests } = await ben.call('readdList', {})
  assert.deepEqual(requests, [{ conversationId, deviceId: found.deviceId }])
})

test('a further device is linked through two blobs the server cannot read, once', async (t) => {
  const server = await startTestServer(t)
  const ana = await firstDevice(server)
  const ben = await invitedDevice(ana, 'Ben')
  const { linkId } = await ana.call('linkOpen', {})
  const phone = new TestDevice(server, ana.account)
  const registration = { linkId, ...phone.registration(linkId) }
  await refused('protocol.link.refused', ana.call('linkAnswer', { linkId, sealed: Uint8Array.of(1) }))
  await callRoute(server, 'linkOffer', { linkId, sealed: Uint8Array.of(7) })
  await refused('protocol.link.refused', callRoute(server, 'linkOffer', { linkId, sealed: Uint8Array.of(8) }))
  await refused('protocol.link.refused', ben.call('linkRead', { linkId }))
  assert.deepEqual((await ana.call('linkRead', { linkId })).sealed, Uint8Array.of(7))
  assert.equal((await callRoute(server, 'linkCollect', { linkId })).sealed, undefined)
  await refused('protocol.link.refused', callRoute(server, 'deviceRegister', registration))
  await ana.call('linkAnswer', { linkId, sealed: Uint8Array.of(9) })
  assert.deepEqual((await callRoute(server, 'linkCollect', { linkId })).sealed, Uint8Array.of(9))
  const stranger = new TestDevice(server, { accountId: ana.account.accountId, key: makeKeyPair() })
  await refused('protocol.certificate.refused', callRoute(server, 'deviceRegister', { linkId, ...stranger.registration(linkId) }))
  const foreign = new TestDevice(server, ben.account)
  await refused('protocol.link.refused', callRoute(server, 'deviceRegister', { linkId, ...foreign.registration(linkId) }))
  await refused('protocol.device_list.refused', callRoute(server, 'deviceRegister', registration))
  await ana.list(phone)
  await callRoute(server, 'deviceRegister', registration)
  await callRoute(server, 'deviceRegister', registration)
  const second = new TestDevice(server, ana.account)
  await refused('protocol.link.refused', callRoute(server, 'deviceRegister', { linkId, ...second.registration(linkId) }))
  await phone.signIn()
  const { accounts } = await phone.call('directory', {})
  assert.equal(accounts.find(({ accountId }) => accountId === ana.account.accountId)?.devices.length, 2)
})

test('a device link ends after ten minutes', async (t) => {
  const server = await startTestServer(t)
  const ana = await firstDevice(server)
  const { linkId } = await ana.call('linkOpen', {})
  server.clock.advance(LIFETIMES.linkMs)
  await refused('protocol.link.refused', callRoute(server, 'linkOffer', { linkId, sealed: Uint8Array.of(7) }))
})

test('an account has no more open device links than the cap: those it has still work, and one that was used or is over makes room', async (t) => {
  const server = await startTestServer(t)
  const ana = await firstDevice(server)
  const ben = await invitedDevice(ana, 'Ben')
  const links: LinkId[] = []
  for (let i = 0; i < LIMITS.openLinksPerAccount; i++) links.push((await ana.call('linkOpen', {})).linkId)
  await refused('protocol.rate.limited', ana.call('linkOpen', {}))
  await ben.call('linkOpen', {})
  for (const [at, linkId] of links.entries()) {
    await callRoute(server, 'linkOffer', { linkId, sealed: Uint8Array.of(at) })
    assert.deepEqual((await ana.call('linkRead', { linkId })).sealed, Uint8Array.of(at))
  }
  const [first] = links
  assert.ok(first !== undefined)
  const phone = new TestDevice(server, ana.account)
  await ana.list(phone)
  await ana.call('linkAnswer', { linkId: first, sealed: Uint8Array.of(9) })
  await callRoute(server, 'deviceRegister', { linkId: first, ...phone.registration(first) })
  await ana.call('linkOpen', {})
  await refused('protocol.rate.limited', ana.call('linkOpen', {}))
  server.clock.advance(LIFETIMES.linkMs)
  await ana.signIn()
  await ana.call('linkOpen', {})
})

test('S23 a revoked device loses its tokens, its channels and its KeyPackages in one act, and cannot come back', async (t) => {
  const server = await startTestServer(t)
  const ana = await firstDevice(server)
  const ben = await invitedDevice(ana, 'Ben')
  const phone = await ana.addDevice(2)
  const channel = await TestChannel.open(phone)
  await refused('protocol.access.refused', ben.call('deviceRevoke', { deviceId: phone.deviceId, deviceList: undefined }))
  await ana.revoke(phone.deviceId)
  assert.equal(await channel.closed, 4401)
  await refused('protocol.auth.refused', phone.call('directory', {}))
  await refused('protocol.auth.refused', phone.signIn())
  const { claimed } = await ben.call('keyPackageClaim', { accountId: ana.account.accountId, deviceIds: [] })
  assert.deepEqual(claimed.map(({ deviceId }) => deviceId), [ana.deviceId])
  const { accounts } = await ben.call('directory', {})
  const anas = accounts.find(({ accountId }) => accountId === ana.account.accountId)
  assert.deepEqual(anas?.devices.filter(({ isRevoked }) => isRevoked).map(({ deviceId }) => deviceId), [phone.deviceId])
})

test('S26 each KeyPackage is handed out once, however many ask at the same time', async (t) => {
  const server = await startTestServer(t)
  const ana = await firstDevice(server)
  const ben = await invitedDevice(ana, 'Ben', 5)
  const request = { accountId: ben.account.accountId, deviceIds: [] }
  const answers = await Promise.all(Array.from({ length: 8 }, () => ana.call('keyPackageClaim', request)))
  const handedOut = answers.flatMap(({ claimed }) => claimed.map(({ keyPackage }) => toHex(keyPackage)))
  assert.equal(handedOut.length, 5)
  assert.equal(new Set(handedOut).size, 5)
  assert.equal(answers.filter(({ exhausted }) => exhausted.includes(ben.deviceId)).length, 3)
})

test('a KeyPackage that was handed out is not taken a second time', async (t) => {
  const server = await startTestServer(t)
  const ana = await firstDevice(server)
  const ben = await invitedDevice(ana, 'Ben', 0)
  const keyPackages = ben.keyPackages(1)
  assert.equal((await ben.call('keyPackageUpload', { keyPackages })).available, 1)
  await ana.call('keyPackageClaim', { accountId: ben.account.accountId, deviceIds: [ben.deviceId] })
  assert.equal((await ben.call('keyPackageUpload', { keyPackages })).available, 0)
})

test('S26 the last-resort KeyPackage comes last, stays, and is replaced by the next one', async (t) => {
  const server = await startTestServer(t)
  const ana = await firstDevice(server)
  const ben = await invitedDevice(ana, 'Ben', 1)
  for (let i = 0; i < 2; i++) await ben.call('keyPackageUpload', { keyPackages: ben.keyPackages(1, { isLastResort: true }) })
  assert.deepEqual(await ben.call('keyPackageCount', {}), { available: 1, hasLastResort: true })
  const flags = []
  for (let i = 0; i < 3; i++) {
    const { claimed } = await ana.call('keyPackageClaim', { accountId: ben.account.accountId, deviceIds: [] })
    flags.push(...claimed.map(({ isLastResort }) => isLastResort))
  }
  assert.deepEqual(flags, [false, true, true])
})

test('S27 refuses KeyPackages of another device, suite or time, undecodable ones and more than a hundred', async (t) => {
  const server = await startTestServer(t)
  const ana = await firstDevice(server)
  const ben = await invitedDevice(ana, 'Ben', 0)
  const bad = [
    ana.keyPackages(1), ben.keyPackages(1, { cipherSuite: 2 }), ben.keyPackages(1, { lifetimeSeconds: 1 }),
    ben.keyPackages(1, { lifetimeSeconds: 365 * 86400 }), [Uint8Array.of(1, 2, 3)],
  ]
  for (const keyPackages of bad) await refused('protocol.key_package.refused', ben.call('keyPackageUpload', { keyPackages }))
  await ben.call('keyPackageUpload', { keyPackages: ben.keyPackages(100) })
  await refused('protocol.key_package.too_many', ben.call('keyPackageUpload', { keyPackages: ben.keyPackages(1) }))
  assert.equal((await ben.call('keyPackageCount', {})).available, 100)
})
