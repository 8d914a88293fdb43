/**
 * Archives: what they bring back, what they never hold, and everything they refuse.
 */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { fromBase64url, toHex } from '@famichat/base'
import { type ArchiveOpener, type ArchiveSource, Client, type ConversationId, verifyArchive } from '@famichat/client'
import { nodePlatform, openSqliteStore } from '@famichat/client/node'
import { ArchiveKey } from '../dist/archive/archive-locks.js'
import { openArchive, sealArchive } from '../dist/archive/archive-stream.js'
import { ENTROPY_BYTES, wordsOf } from '../dist/archive/recovery-phrase.js'
import { surroundingsOf } from '../dist/platform.js'
import { decodeRecord, HistoryRecord, IdentityRecord } from '../dist/store/records.js'
import { childWithTablet, Community, settle, textsOf } from './support/community.js'

const PASSPHRASE = 'correct horse battery'
const byPassphrase: ArchiveOpener = { type: 'passphrase', passphrase: PASSPHRASE }

const collect = async (pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array> => {
  const all: Uint8Array[] = []
  for await (const piece of pieces) all.push(piece)
  return new Uint8Array(Buffer.concat(all))
}

/** In pieces of an odd size, as a file or a network gives them. */
const sourceOf = (bytes: Uint8Array, size = 1000): ArchiveSource => async function* pieces() {
  for (let at = 0; at < bytes.length; at += size) yield await Promise.resolve(bytes.subarray(at, at + size))
}

const phraseOf = async (client: Client): Promise<string> => (await client.recovery.phrase()).join(' ')

/** Ada has written with Ben, alone and in a group, and has verified him. */
const adasLife = async (t: TestContext): Promise<{ community: Community; ada: Client; ben: Client; direct: ConversationId; group: ConversationId }> => {
  const community = await Community.start(t)
  const [ada, ben] = await community.people('Ada', 'Ben')
  assert.ok(ada && ben)
  const { conversationId: direct } = await ada.createDirect('Ben')
  const { conversationId: group } = await ada.createGroup('Garden', ['Ben'])
  await settle(ada, ben)
  await ada.send(direct, 'one')
  await ben.send(direct, 'two')
  await ben.send(group, 'in the garden')
  await ada.contacts.markVerified('Ben')
  await settle(ada, ben)
  return { community, ada, ben, direct, group }
}

test('a lost device comes back from its archive as a new one, with every message once, and goes on', async (t) => {
  const { community, ada, ben, direct, group } = await adasLife(t)
  const archive = await collect(ada.archive.create({ passphrase: PASSPHRASE }))
  const summary = await verifyArchive(nodePlatform, sourceOf(archive), byPassphrase)
  assert.deepEqual([summary.accountName, summary.conversations, summary.messages, summary.hasAccountKey], ['Ada', 2, 3, true])
  const lost = ada.identity
  await community.close(ada)
  await ben.send(direct, 'while nobody could read it')

  const again = await community.restore('new', { source: sourceOf(archive), opener: byPassphrase })
  assert.equal(again.identity.accountId, lost.accountId)
  assert.notEqual(again.identity.deviceId, lost.deviceId, 'a new device, with keys of its own')
  assert.deepEqual((await again.conversations()).map(({ name, state }) => [name, state]).sort(), [['Ben', 'archived'], ['Garden', 'archived']])
  assert.deepEqual(await textsOf(again, direct), ['one', 'two'])
  await assert.rejects(again.send(direct, 'too early'), { code: 'client.conversation.awaiting' })

  await settle(ben, again)
  assert.deepEqual((await again.conversations()).map(({ name, state }) => [name, state]).sort(), [['Ben', 'active'], ['Garden', 'active']])
  await again.revokeDevice(lost.deviceId)
  await settle(ben, again)
  await again.send(direct, 'three')
  await ben.sync()
  await ben.send(direct, 'four')
  await ben.send(group, 'still here')
  await again.sync()
  assert.deepEqual(await textsOf(again, direct), ['one', 'two', 'three', 'four'])
  assert.deepEqual(await textsOf(again, group), ['in the garden', 'still here'])
  assert.deepEqual(await textsOf(ben, direct), ['one', 'two', 'while nobody could read it', 'three', 'four'])
  const gaps = (await again.history(direct)).flatMap((event) => (event.kind === 'notice' && event.errorCode === 'client.history.gap' ? [event.count] : []))
  assert.equal(gaps.length, 1, 'what is missing is said once')
  assert.deepEqual((await again.contacts.list()).map(({ name, state }) => [name, state]), [['Ben', 'verified']])
  assert.deepEqual((await ben.info(direct)).members.find(({ name }) => name === 'Ada')?.deviceIds, [again.identity.deviceId])
})

test('names of devices come out of an archive; of two for one device the later one stays', async (t) => {
  const { community, ada } = await adasLife(t)
  const { deviceId } = ada.identity
  const nameIn = async (client: Client): Promise<string | undefined> => (await client.devices()).find((device) => device.deviceId === deviceId)?.name
  await ada.nameDevice(deviceId, 'in the kitchen')
  const early = await collect(ada.archive.create({ passphrase: PASSPHRASE }))
  await ada.nameDevice(deviceId, 'by the window')
  const late = await collect(ada.archive.create({ passphrase: PASSPHRASE }))
  await community.close(ada)
  const again = await community.restore('new', { source: sourceOf(early), opener: byPassphrase })
  assert.equal(await nameIn(again), 'in the kitchen')
  await again.archive.take(sourceOf(late), byPassphrase)
  assert.equal(await nameIn(again), 'by the window')
  await again.archive.take(sourceOf(early), byPassphrase)
  assert.equal(await nameIn(again), 'by the window')
})

test('the twelve words open an archive in any hand, and a restored device has the same ones', async (t) => {
  const { community, ada } = await adasLife(t)
  await assert.rejects(collect(ada.archive.create({})), { code: 'client.archive.unlocked' })
  const phrase = await phraseOf(ada)
  assert.match(phrase, /^([a-z]+ ){11}[a-z]+$/)
  const archive = await collect(ada.archive.create({}))
  const typed = ` ${phrase.toUpperCase().replaceAll(' ', ',\n')} `
  await community.close(ada)
  const again = await community.restore('new', { source: sourceOf(archive), opener: { type: 'phrase', phrase: typed } })
  assert.equal(await phraseOf(again), phrase)
})

test('whatever does not open an archive says so, and takes nothing from it', async (t) => {
  const { community, ada } = await adasLife(t)
  await assert.rejects(collect(ada.archive.create({ passphrase: 'short' })), { code: 'client.archive.passphrase_short' })
  const passkey = { credentialId: Uint8Array.of(1), secret: new Uint8Array(32).fill(7) }
  await assert.rejects(collect(ada.archive.create({ passkey })), { code: 'client.archive.unlocked' }, 'a passkey is never the only lock')
  const byPass = await collect(ada.archive.create({ passphrase: PASSPHRASE, passkey }))
  assert.equal((await verifyArchive(nodePlatform, sourceOf(byPass), { type: 'passkey', passkey })).accountName, 'Ada')
  const refuses = async (opener: ArchiveOpener, code: string, bytes = byPass): Promise<void> => {
    await assert.rejects(Client.restore(community.options('new'), { source: sourceOf(bytes), opener }), { code })
  }
  await refuses({ type: 'passphrase', passphrase: 'wrong horse battery' }, 'client.archive.wrong_key')
  await refuses({ type: 'phrase', phrase: (await wordsOf(new Uint8Array(ENTROPY_BYTES))).join(' ') }, 'client.archive.no_such_lock')
  await refuses({ type: 'passkey', passkey: { ...passkey, secret: new Uint8Array(32) } }, 'client.archive.wrong_key')
  const phrase = await phraseOf(ada)
  const byWords = await collect(ada.archive.create({}))
  await refuses({ type: 'phrase', phrase: (await wordsOf(new Uint8Array(ENTROPY_BYTES))).join(' ') }, 'client.archive.wrong_key', byWords)
  await refuses({ type: 'phrase', phrase: phrase.split(' ').slice(1).join(' ') }, 'client.recovery.malformed', byWords)
  await refuses({ type: 'phrase', phrase }, 'client.archive.not_one', new TextEncoder().encode('this is a letter, not an archive'))
  await refuses({ type: 'phrase', phrase }, 'client.archive.newer', byWords.with(17, 9))
  await assert.rejects(Client.open(community.options('new')), { code: 'client.profile.missing' })
  const untouched = openSqliteStore({ folder: community.profile('new') })
  assert.deepEqual(await untouched.list('history', { prefix: '' }), [])
  await untouched.close()
})

test('an archive whose passphrase was stretched too little, or so much that it would stop this device, is refused', async (t) => {
  const { ada } = await adasLife(t)
  const archive = await collect(ada.archive.create({ passphrase: PASSPHRASE }))
  // magic, version, length, nonce prefix, length of the locks (2), kind, salt: then memory
  const memoryAt = 16 + 2 + 2 + 7 + LOCKS_PREFIX_BYTES + 1 + 16
  const [highest = 1] = archive.subarray(memoryAt)
  assert.equal(new DataView(archive.buffer).getUint32(memoryAt), 64 * 1024, `memory is where it is changed (${highest.toString()})`)
  for (const memoryKiB of [1024, 0xffff_ffff]) {
    const changed = archive.slice()
    new DataView(changed.buffer).setUint32(memoryAt, memoryKiB)
    await assert.rejects(verifyArchive(nodePlatform, sourceOf(changed), byPassphrase), { code: 'client.archive.damaged' })
  }
})

const LOCKS_PREFIX_BYTES = 2

test('an archive holds no key that opens what is said later', async (t) => {
  const { community, ada } = await adasLife(t)
  const opener: ArchiveOpener = { type: 'phrase', phrase: await phraseOf(ada) }
  const archive = await collect(ada.archive.create({}))
  await community.close(ada)
  const store = openSqliteStore({ folder: community.profile('Ada') })
  const { suite } = surroundingsOf({ ...nodePlatform, store })
  const inside = Buffer.from(await collect(openArchive(suite, sourceOf(archive), new ArchiveKey(opener))))
  const has = (part: Uint8Array): boolean => inside.includes(Buffer.from(part))
  const identity = decodeRecord(IdentityRecord, await store.get('profile', 'identity') ?? new Uint8Array(0))
  assert.ok(identity.accountPrivateKey && has(identity.accountPrivateKey), 'the account\'s key is what makes a new device')
  assert.equal(has(identity.devicePrivateKey), false)
  const lists = Buffer.concat((await store.list('deviceLists', { prefix: '' })).map(({ value }) => value))
  const publicKeys = Buffer.concat([identity.certificate, ...(await store.list('pins', { prefix: '' })).map(({ value }) => value)])
  const authenticators = Buffer.concat((await store.list('history', { prefix: '' })).map(({ value }) => decodeRecord(HistoryRecord, value).epochAuthenticator))
  let rows = 0
  for (const table of ['groupRows', 'keyPackages'] as const) {
    for (const { value } of await store.list(table, { prefix: '' })) {
      for (let at = 0; at + 32 <= value.length; at += 32) {
        const part = value.subarray(at, at + 32)
        // public parts of the state are in history too: the epoch authenticators, ids, people's public keys behind their length
        const isPublic = [publicKeys, authenticators].some((known) => known.includes(Buffer.from(part.subarray(1)))) || lists.includes(Buffer.from(part.subarray(0, 16)))
        if (new Set(part).size > 20 && !isPublic) assert.equal(has(part), false, `${table}: ${toHex(part)}`)
      }
      rows++
    }
  }
  assert.ok(rows > 100)
  assert.equal(Buffer.from(archive).includes('in the garden'), false)
  await store.close()
})

test('a linked device takes an archive of its account in once, and nobody else\'s does', async (t) => {
  const { community, ada, ben, direct } = await adasLife(t)
  const offering = await ada.offerLink()
  const [, phone] = await Promise.all([offering.complete(), community.join(offering.link, '', 'phone')])
  await settle(phone, ada)
  await ada.send(direct, 'on both')
  await phone.sync()
  const opener: ArchiveOpener = { type: 'phrase', phrase: await phraseOf(ada) }
  const archive = await collect(ada.archive.create({}))
  for (let time = 0; time < 2; time++) await phone.archive.take(sourceOf(archive), opener)
  assert.deepEqual(await textsOf(phone, direct), ['one', 'two', 'on both'])
  assert.equal((await phone.info(direct)).state, 'active')
  await phone.send(direct, 'and on')
  await settle(ada, ben, phone)
  for (const client of [ada, phone]) assert.deepEqual(await textsOf(client, direct), ['one', 'two', 'on both', 'and on'])
  await assert.rejects(ben.archive.take(sourceOf(archive), opener), { code: 'client.archive.other_account' })
})

test('the archive of a child\'s linked device makes no device of its own', async (t) => {
  const community = await Community.start(t)
  const [ada] = await community.people('Ada')
  assert.ok(ada)
  const { tablet } = await childWithTablet(community, ada)
  const opener: ArchiveOpener = { type: 'phrase', phrase: await phraseOf(tablet) }
  const ofTablet = await collect(tablet.archive.create({}))
  await assert.rejects(Client.restore(community.options('new'), { source: sourceOf(ofTablet), opener }), { code: 'client.archive.no_account_key' })
})

test('a restore that is cut off anywhere goes on where it stopped', async (t) => {
  const { community, ada, ben, direct } = await adasLife(t)
  const opener: ArchiveOpener = { type: 'phrase', phrase: await phraseOf(ada) }
  const archive = await collect(ada.archive.create({}))
  await community.close(ada)
  const devices = new Set<string>()
  for (const point of ['join.written', 'join.registered', 'never']) {
    const options = community.options('new', (reached) => { if (reached === point) throw new Error('killed') })
    const restoring = Client.restore(options, { source: sourceOf(archive), opener })
    if (point === 'never') {
      const again = await restoring
      await settle(ben, again)
      assert.deepEqual(await textsOf(again, direct), ['one', 'two'])
      for (const { deviceId } of await again.devices()) devices.add(deviceId)
      await again.close()
    } else {
      await assert.rejects(restoring, { message: 'killed' })
      await options.store.close()
    }
  }
  assert.equal(devices.size, 2, 'the lost device and one new one')
})

test('words of the phrase are asked for by place', async (t) => {
  const { ada } = await adasLife(t)
  assert.deepEqual(await ada.recovery.status(), { hasPhrase: false, rehearsedAtMs: undefined })
  await assert.rejects(ada.recovery.rehearse([]), { code: 'client.recovery.none' })
  const phrase = await ada.recovery.phrase()
  const places = ada.recovery.places()
  assert.equal(new Set(places).size, 3)
  const words = places.map((place) => ({ place, word: phrase[place - 1] ?? '' }))
  const [first] = words
  assert.ok(first)
  for (const wrong of [words.slice(1), [first, first, first], words.map(({ place }) => ({ place, word: 'zebra' }))]) {
    await assert.rejects(ada.recovery.rehearse(wrong), { code: 'client.recovery.wrong_words' })
  }
  assert.equal((await ada.recovery.status()).rehearsedAtMs, undefined)
  await ada.recovery.rehearse(words.map(({ place, word }) => ({ place, word: ` ${word.toUpperCase()} ` })))
  assert.ok((await ada.recovery.status()).rehearsedAtMs)
})

test('an archive of the first version is opened for ever', async (t) => {
  const { suite } = surroundingsOf((await Community.start(t)).options('unused'))
  const phrase = (await wordsOf(new Uint8Array(ENTROPY_BYTES).fill(5))).join(' ')
  const inside = await collect(openArchive(suite, sourceOf(fromBase64url(FIRST_ARCHIVE), 7), new ArchiveKey({ type: 'phrase', phrase })))
  assert.equal(new TextDecoder().decode(inside), 'as it was first')
  let next = 0
  const random = (length: number): Uint8Array => new Uint8Array(length).fill(++next)
  const sealed = await collect(sealArchive({ suite, random }, { phraseEntropy: new Uint8Array(ENTROPY_BYTES).fill(5) }, sourceOf(new TextEncoder().encode('as it was first'))()))
  assert.equal(Buffer.from(sealed).toString('base64url'), FIRST_ARCHIVE, 'and new ones have the same form')
})

const FIRST_ARCHIVE = 'RmFtaWNoYXQgYXJjaGl2ZQABAEoCAgICAgICQEECAwMDAwMDAwMDAwMDAwMDA1qCPQpW-Bhb1GjDhqtcjCyBVLnnn_ZzFOBeI2cSc8IqLVvve76ZHq9q6wE43IUz-Er2HZbs4fg-nAdDmhZP7Ezru551DwjE6wgDT4enF_g'
