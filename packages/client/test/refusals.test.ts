/**
 * Refusals of the client: every code of the catalogue is reached, and a refusal changes nothing.
 */
import assert from 'node:assert/strict'
import { chmodSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { encode, opaque, struct, systemRandom, toBase64url, uint8 } from '@famichat/base'
import { Client, CLIENT_ERRORS, type ClientErrorCode, type Fetch, type OpenSocket, validateJoinLink } from '@famichat/client'
import { nodePlatform, openSqliteStore } from '@famichat/client/node'
import { makeId, type MessageId, ROUTES } from '@famichat/protocol'
import Sqlite from 'better-sqlite3-multiple-ciphers'
import { decodeMessageDocument, decodeMessageHead } from '../dist/conversation/message-document.js'
import { openLinkMail, parseDeviceLink } from '../dist/identity/device-link.js'
import { decodeRecord, NameRecord } from '../dist/store/records.js'
import { surroundingsOf } from '../dist/platform.js'
import { Community, settle, textsOf } from './support/community.js'
import { lieAbout, lieAboutLog } from './support/lies.js'

/** Reached where cheating, healing and policies are tested: hostile-members, healing, contacts, archive, devices, device-lists, history-transfer, invites, passkeys, policy, silence, guests, family, ended-accounts and scope. */
const ELSEWHERE = [
  'client.message.missing', 'client.message.replayed', 'client.message.misplaced', 'client.log.reordered',
  'client.log.forked', 'client.server.rolled_back', 'client.server.restored', 'client.profile.rolled_back',
  'client.member.key_changed', 'client.member.not_changed', 'client.conversation.stranger',
  'client.conversation.awaiting', 'client.history.gap', 'client.archive.not_one', 'client.archive.newer', 'client.archive.damaged',
  'client.archive.wrong_key', 'client.archive.no_such_lock', 'client.archive.unlocked', 'client.archive.passphrase_short',
  'client.archive.no_account_key', 'client.archive.other_account', 'client.recovery.none', 'client.recovery.malformed', 'client.recovery.wrong_words',
  'client.passkey.needs_phrase', 'client.passkey.locked', 'client.passkey.cancelled', 'client.passkey.unsupported', 'client.passkey.exists', 'client.passkey.unknown',
  'client.change.refused', 'client.change.not_taken', 'client.guest.expired', 'client.family.not_adult', 'client.history.away', 'client.device.idle', 'client.device.away',
  'client.verification.malformed', 'client.verification.not_for_you', 'client.verification.differs',
  'client.account.no_key', 'client.device_list.rolled_back', 'client.device_list.forked', 'client.device_list.refused', 'client.device_list.withheld',
  'client.device.unlisted', 'client.device.hidden', 'client.history.not_sent', 'client.invite.joiner_differs',
  'client.account.ended', 'client.scope.refused',
]
const reached = new Set<string>(ELSEWHERE)

const refuses = async (work: Promise<unknown> | (() => unknown), code: ClientErrorCode): Promise<void> => {
  await assert.rejects(async () => { await (typeof work === 'function' ? work() : work) }, { code })
  reached.add(code)
}

after(() => {
  const missing = Object.keys(CLIENT_ERRORS).filter((code) => !reached.has(code))
  assert.deepEqual(missing, [], 'codes that no test reaches')
})

test('a reader has a name that can be part of a key', async (t) => {
  const community = await Community.start(t)
  const [ada] = await community.people('Ada')
  assert.ok(ada)
  for (const reader of ['', 'Dice', 'a/b', 'x'.repeat(33)]) {
    await refuses(ada.incoming(reader, new AbortController().signal).next(), 'client.reader.malformed')
  }
})

test('profiles and their keys', async (t) => {
  const community = await Community.start(t)
  const folder = community.profile('Ada')
  const open = () => { openSqliteStore({ folder }) }
  const [ada] = await community.people('Ada')
  assert.ok(ada)
  await community.close(ada)
  const key = join(folder, 'profile.key')
  const good = readFileSync(key)
  chmodSync(key, 0o644)
  await refuses(open, 'client.key.exposed')
  chmodSync(key, 0o600)
  writeFileSync(key, 'zz')
  await refuses(open, 'client.key.malformed')
  writeFileSync(key, '1'.repeat(64))
  await refuses(open, 'client.key.wrong')
  renameSync(key, join(community.folder, 'away'))
  await refuses(open, 'client.key.missing')
  writeFileSync(key, good, { mode: 0o600 })
  await refuses(community.join(community.setupLink, 'Ada'), 'client.profile.taken').catch(async () => {
    // the set-up link is used up: any whole link will do
    await refuses(community.join(`http://127.0.0.1:9/i#v1.${'A'.repeat(22)}.${'A'.repeat(22)}`, 'Ada'), 'client.profile.taken')
  })
  await refuses(Client.open(community.options('empty')), 'client.profile.missing')
  writeFileSync(join(community.folder, 'file'), '')
  await refuses(() => openSqliteStore({ folder: join(community.folder, 'file') }), 'client.profile.unusable')
  const holder = openSqliteStore({ folder })
  const waiter = openSqliteStore({ folder, patienceMs: 20 })
  await holder.exclusive(() => refuses(waiter.exclusive(() => Promise.resolve()), 'client.profile.busy'))
  await holder.write([], { name: 'x', version: 0 })
  await refuses(holder.write([], { name: 'x', version: 0 }), 'client.store.stale')
  await holder.close()
  await refuses(holder.get('profile', 'identity'), 'client.store.failed')
  await waiter.close()
  const database = new Sqlite(join(folder, 'profile.db'))
  database.pragma("cipher = 'chacha20'")
  database.pragma(`key = "x'${good.toString('utf8').trim()}'"`)
  database.pragma('user_version = 99')
  await refuses(open, 'client.store.newer')
  // before people could be verified: brought up to date
  database.pragma('user_version = 2')
  for (const table of ['verifications', 'keyChanges', 'archived']) database.exec(`DROP TABLE "${table}"`)
  const upgraded = await community.open('Ada')
  assert.deepEqual(await upgraded.contacts.list(), [])
  await community.close(upgraded)
  database.pragma('user_version = 1')
  database.close()
  await refuses(open, 'client.store.older')
  await refuses(() => decodeRecord(NameRecord, Uint8Array.of(9, 9)), 'client.store.malformed')
})

test('links, servers and revoked devices', async (t) => {
  const community = await Community.start(t)
  const [ada, ben] = await community.people('Ada', 'Ben')
  assert.ok(ada && ben)
  await refuses(() => validateJoinLink('https://chat.example/l#v1.short'), 'client.link.malformed')
  const offering = await ada.offerLink()
  const { suite } = surroundingsOf(community.options('unused'))
  await refuses(() => openLinkMail(suite, parseDeviceLink(offering.link), { direction: 'offer', sealed: systemRandom(80) }), 'client.link.refused')
  const [, phone] = await Promise.all([offering.complete(), community.join(offering.link, '', 'phone')])
  let nowMs = 0
  const late = { ...community.options('late'), clock: { nowMs: () => Date.parse('2026-11-22') + (nowMs += 400_000) } }
  await refuses(Client.join(late, (await ada.offerLink()).link), 'client.link.timed_out')
  await refuses(ada.revokeDevice('nothing'), 'client.device.unknown')
  await refuses(ada.revokeDevice(ada.identity.deviceId), 'client.device.is_self')
  await ada.revokeDevice(phone.identity.deviceId)
  await refuses(phone.sync(), 'client.device.revoked')
  // the invite's last part promises a key that nobody here has
  const { link } = await ada.invite()
  const cleo = await community.join(link.replace(/[^.]+$/, toBase64url(systemRandom(16))), 'Cleo')
  await refuses(cleo.sync(), 'client.invite.inviter_missing')
  const { conversationId } = await ada.createDirect('Ben')
  await community.stopServer()
  await refuses(ada.send(conversationId, 'kept'), 'client.server.unreachable')
  await community.startServer()
  // a line that is cut whenever something is sent after the sign-in
  const openSocket: OpenSocket = (url, events) => {
    const socket = nodePlatform.network.openSocket(url, events)
    let frames = 0
    return { close: () => { socket.close() }, send: (bytes) => { if (frames++ === 0) socket.send(bytes); else socket.close() } }
  }
  const cut = await Client.open({ ...community.options('Ada'), network: { ...nodePlatform.network, openSocket }, sleep: () => Promise.resolve() })
  await refuses(cut.send(conversationId, 'kept as well'), 'client.channel.closed')
  await cut.close()
  await settle(ada, ben)
  assert.deepEqual(await textsOf(ben, conversationId), ['kept', 'kept as well'])
})

test('people, conversations and messages', async (t) => {
  const community = await Community.start(t)
  const [ada, ben, cleo] = await community.people('Ada', 'Ben', 'Cleo')
  assert.ok(ada && ben && cleo)
  await refuses(ada.conversation('nothing'), 'client.conversation.unknown')
  await refuses(ada.createDirect('Zoe'), 'client.member.unknown')
  await refuses(ada.createDirect('ada'), 'client.member.is_self')
  const direct = await ada.createDirect('Ben')
  await refuses(ada.add(direct.conversationId, 'Cleo'), 'client.conversation.direct')
  const { conversationId } = await ada.createGroup('Garden', ['Ben'])
  await ada.createGroup('Garden', [])
  await refuses(ada.conversation('Garden'), 'client.conversation.ambiguous')
  await refuses(ada.add(conversationId, 'Ben'), 'client.member.already_in')
  await refuses(ada.remove(conversationId, 'Cleo'), 'client.member.not_in')
  await refuses(ada.send(conversationId, ' '), 'client.message.empty')
  await refuses(ada.send(conversationId, 'x'.repeat(48 * 1024 + 1)), 'client.message.too_long')
  await refuses(() => decodeMessageHead(Uint8Array.of(7)), 'client.message.malformed')
  await refuses(() => decodeMessageDocument(encode(struct({ version: uint8, rest: opaque() }), { version: 7, rest: Uint8Array.of(1) })), 'client.message.newer')
  await ben.sync()
  await ada.remove(conversationId, 'Ben')
  await ben.sync()
  await refuses(ben.send(conversationId, 'no'), 'client.conversation.ended')
})

test('messages and files that cannot be', async (t) => {
  const community = await Community.start(t)
  const [ada, ben] = await community.people('Ada', 'Ben')
  assert.ok(ada && ben)
  const { conversationId } = await ada.createDirect('Ben')
  await ben.sync()
  const { messageId } = await ada.send(conversationId, 'mine')
  await ben.sync()
  await refuses(ben.send(conversationId, { type: 'delete', messageId }), 'client.message.not_own')
  const unknown = makeId<MessageId>(systemRandom)
  await refuses(ben.send(conversationId, { type: 'delete', messageId: unknown }), 'client.message.unknown')
  const file = (fileName: string, fileBytes = 3) => ({ fileName, mediaType: 'text/plain', fileBytes, read: () => Promise.resolve(systemRandom(3)) })
  await refuses(ada.sendFile(conversationId, file('../x')), 'client.file.name_refused')
  await refuses(ada.sendFile(conversationId, file('x', 101 * 1024 * 1024)), 'client.file.too_large')
  await refuses(ada.sendFile(conversationId, file('x')), 'client.file.changed')
  const { messageId: fileId } = await ada.sendFile(conversationId, { ...file('x'), read: () => Promise.resolve(Uint8Array.of(1, 2, 3)) })
  await ben.sync()
  await community.close(ben)
  const read = async (client: Client): Promise<void> => { for await (const piece of client.readFile(conversationId, { accountId: ada.identity.accountId, messageId: fileId })) assert.ok(piece) }
  const garbling = await community.deceive('Ben', lieAbout('blobRead', () => ({ chunk: systemRandom(40) })))
  await refuses(read(garbling), 'client.file.damaged')
  await community.close(garbling)
  const forgetting = await community.deceive('Ben', (path) => path === ROUTES.blobRead.path ? new Response(JSON.stringify({ code: 'protocol.access.refused' }), { status: 404 }) : undefined)
  await refuses(read(forgetting), 'client.file.gone')
})

test('a dishonest server is caught', async (t) => {
  const community = await Community.start(t)
  const [ada, ben, cleo] = await community.people('Ada', 'Ben', 'Cleo')
  assert.ok(ada && ben && cleo)
  const { conversationId } = await ada.createGroup('Garden', ['Ben'])
  await ben.sync()
  await refuses(ben.add(conversationId, 'Cleo'), 'client.member.not_admin')
  await refuses(ada.membership.dismiss(conversationId, 'Ada'), 'client.member.last_admin')
  await refuses(ada.membership.comeBack(conversationId), 'client.member.not_away')
  await refuses(ada.add(conversationId, 'Cleo', { untilMs: 1 }), 'client.guest.past')
  await ada.send(conversationId, 'withheld from Ben')
  await ada.send(conversationId, 'delivered')

  const [benDevice] = (await ada.info(conversationId)).members.flatMap(({ name, deviceIds }) => (name === 'Ben' ? deviceIds : []))
  const swapped = await community.deceive('Ada', lieAbout('keyPackageClaim', ({ claimed: [one] }) => {
    assert.ok(one && benDevice)
    return { claimed: [{ ...one, deviceId: benDevice }], exhausted: [] }
  }))
  await swapped.sync()
  await refuses(swapped.add(conversationId, 'Cleo'), 'client.member.changed')
  await community.close(swapped)
  const exhausted = await community.deceive('Ada', lieAbout('keyPackageClaim', ({ claimed }) => ({ claimed: [], exhausted: claimed.map(({ deviceId }) => deviceId) })))
  await exhausted.sync()
  await refuses(exhausted.add(conversationId, 'Cleo'), 'client.member.unreachable')
  await community.close(exhausted)

  const omitting = await community.deceive('Ben', lieAboutLog((envelopes) => envelopes.slice(1)))
  await omitting.sync()
  const events = await omitting.history(conversationId)
  // there is a hole, and it is known whose message it was
  assert.deepEqual(events.flatMap((event) => (event.kind === 'notice' ? [event.errorCode, event.count] : [])), ['client.message.withheld', 1, 'client.message.missing', 1])
  assert.deepEqual(await textsOf(omitting, conversationId), ['delivered'])
  reached.add('client.message.withheld')
  await ada.send(conversationId, 'dropped before Ben came')
  await ada.send(conversationId, 'still there')
  const away = await community.deceive('Ben', lieAbout('logRead', ({ envelopes: [first, ...envelopes], hasMore }) => ({ envelopes, hasMore, prunedSeq: first?.header.seq ?? 0 })))
  await community.close(omitting)
  await away.sync()
  const told = (await away.history(conversationId)).flatMap((event) => (event.kind === 'notice' ? [[event.errorCode, event.count]] : []))
  assert.deepEqual(told.filter(([code]) => code !== 'client.message.missing'), [['client.message.withheld', 1], ['client.log.pruned', 1]])
  assert.equal((await textsOf(away, conversationId)).at(-1), 'still there')
  reached.add('client.log.pruned')
  await community.close(away)

  await ada.add(conversationId, 'Cleo')
  await ada.membership.appoint(conversationId, 'Cleo')
  const garbling = await community.deceive('Ben', lieAboutLog((envelopes) => envelopes.map(({ header, message }) => ({ header, message: message.with(-1, (message.at(-1) ?? 0) ^ 1) }))))
  await garbling.sync()
  await refuses(garbling.send(conversationId, 'no'), 'client.conversation.stuck')
  await community.close(garbling)
  await ben.sync()
  assert.equal((await ben.info(conversationId)).state, 'active', 'the honest log mends it')

  const { origin } = cleo.identity
  await community.close(cleo)
  const { network } = nodePlatform
  const refusing: Fetch = (url, init) => url === origin + ROUTES.conversationCommit.path
    ? Promise.resolve(new Response(JSON.stringify({ code: 'protocol.epoch.conflict', winner: { seq: 1, epoch: '1' } }), { status: 409 })) : network.fetch(url, init)
  const starved = await Client.open({ ...community.options('Cleo'), network: { ...network, fetch: refusing }, sleep: () => Promise.resolve() })
  await starved.sync()
  await refuses(starved.remove(conversationId, 'Ben'), 'client.conversation.busy')
  // it is said before it is given up
  assert.ok((await starved.history(conversationId)).some((event) => event.kind === 'notice' && event.errorCode === 'client.change.outrun'))
  reached.add('client.change.outrun')
  await starved.close()
})
