/**
 * Devices that nobody's account listed: put in by a member, by value and by reference, or by the server. Nobody takes them.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { concat, systemClock, systemRandom, utf8 } from '@famichat/base'
import { Client, type ConversationId, type Fetch } from '@famichat/client'
import { nodePlatform, openSqliteStore } from '@famichat/client/node'
import { Group, generateSignatureKey, type KeyPackage, decodeKeyPackage, makeAdd, makeKeyPackage, makeLifetime } from '@famichat/mls'
import { nodeBackend } from '@famichat/mls/node'
import {
  ContentType, ConversationKind, decodeResponse, type DeviceId, encodeDeviceCertificate, encodeResponse, Encryption, idToBytes, makeId, type MessageId, ROUTES,
  type WelcomeId,
} from '@famichat/protocol'
import { makeConversationExtension } from '../dist/conversation/conversation-extension.js'
import { certifyDevice, type Identity, leafParameters, openIdentity } from '../dist/identity/identity.js'
import { readIdentity } from '../dist/identity/joining.js'
import { Community } from './support/community.js'
import { lieAbout } from './support/lies.js'
import { asInsider, type Insider } from './support/insider.js'
import { suite } from './support/test-account.js'

const permissive = { backend: nodeBackend, authentication: { isValid: () => true, isSuccessor: () => true } }
const lifetime = () => makeLifetime(BigInt(Math.floor(systemClock.nowMs() / 1000)), 24n * 3600n)

/** A device with a certificate of the account's own key that no version of its list has. */
const unlistedDevice = async ({ accountSigner, accountId }: Pick<Identity, 'accountSigner' | 'accountId'>, deviceId = makeId<DeviceId>(systemRandom)): Promise<{ readonly keyPackage: KeyPackage; readonly message: Uint8Array }> => {
  assert.ok(accountSigner)
  const { signer } = await generateSignatureKey(suite)
  const certificate = await certifyDevice(accountSigner, { accountId, deviceId, deviceSignatureKey: signer.publicKey, listNumber: 1, nowMs: 1 })
  const leaf = leafParameters({ certificateBytes: encodeDeviceCertificate(certificate) } as Identity, systemRandom)
  const { message } = await makeKeyPackage(suite, signer, { ...leaf, lifetime: lifetime() })
  return { keyPackage: decodeKeyPackage(message), message }
}

const garden = async (community: Community): Promise<{ ada: Client; id: ConversationId }> => {
  const [ada, ben] = await community.people('Ada', 'Ben')
  assert.ok(ada && ben)
  const { conversationId: id } = await ada.createGroup('Garden', ['Ben'])
  await ben.sync()
  await community.close(ben)
  return { ada, id }
}

const isRefused = async (ada: Client, id: ConversationId): Promise<void> => {
  const before = await ada.info(id)
  await ada.sync()
  const { state, members, epoch } = await ada.info(id)
  assert.deepEqual([state, epoch, members], ['stuck', before.epoch, before.members])
  await assert.rejects(ada.send(id, 'to whom?'), { code: 'client.conversation.stuck' })
}

const waysIn: Readonly<Record<string, (insider: Insider, keyPackage: KeyPackage) => Promise<void>>> = {
  'by value': async ({ group, submit }, keyPackage) => {
    const { epoch } = group
    const { commit } = await group.commit({ proposals: [makeAdd(keyPackage)] })
    await submit(commit, epoch)
  },
  'by reference': async ({ group, submit, send }, keyPackage) => {
    await send(await group.propose(makeAdd(keyPackage)))
    const { epoch } = group
    const { commit } = await group.commit({ proposals: [] })
    await submit(commit, epoch)
  },
}

for (const [how, enter] of Object.entries(waysIn)) {
  test(`A05: a device that is not on its account's signed list is refused, added ${how}`, async (t) => {
    const community = await Community.start(t)
    const { ada, id } = await garden(community)
    await asInsider(community.profile('Ben'), id, async (insider) => { await enter(insider, (await unlistedDevice(insider.identity)).keyPackage) })
    await isRefused(ada, id)
  })
}

/** A device that its account listed, whose identity has other bytes than it was certified with. */
const oddlySpelled = async (folder: string, spell: (certificate: Uint8Array) => Uint8Array): Promise<KeyPackage> => {
  const store = openSqliteStore({ folder })
  const record = await readIdentity(store)
  await store.close()
  assert.ok(record)
  const { signer, certificateBytes } = await openIdentity(suite, record)
  const leaf = leafParameters({ certificateBytes: spell(certificateBytes) } as Identity, systemRandom)
  return decodeKeyPackage((await makeKeyPackage(suite, signer, { ...leaf, lifetime: lifetime() })).message)
}

const spellings: Readonly<Record<string, (certificate: Uint8Array) => Uint8Array>> = {
  'a space behind it': (certificate) => concat(certificate, utf8(' ')),
  'another case of one letter': (certificate) => certificate.with(4, (certificate[4] ?? 0) ^ 0x20),
  'its last byte left out': (certificate) => certificate.slice(0, -1),
}
for (const [how, enter] of Object.entries(waysIn)) {
  for (const [spelling, spell] of Object.entries(spellings)) {
    test(`A06: an identity in other bytes than its account signed, ${spelling}, is nobody's: refused ${how}`, async (t) => {
      const community = await Community.start(t)
      const { ada, id } = await garden(community)
      const dora = await community.join((await ada.invite()).link, 'Dora')
      await dora.sync()
      await community.close(dora)
      await ada.sync()
      await ada.membership.appoint(id, 'Ben')
      const ben = await community.open('Ben')
      await ben.sync()
      await community.close(ben)
      const keyPackage = await oddlySpelled(community.profile('Dora'), spell)
      await asInsider(community.profile('Ben'), id, (insider) => enter(insider, keyPackage))
      await isRefused(ada, id)
    })
  }
}

test('A06: a name that differs in case, width, accents\' spelling or spaces is the same name, and is taken once', async (t) => {
  const community = await Community.start(t)
  const [ada] = await community.people('Zoë Ångström')
  assert.ok(ada)
  for (const [at, name] of ['zoë ångström', 'ZOË ÅNGSTRÖM ', ' Zoe\u0308  A\u030angstro\u0308m', 'Ｚｏë Ångström'].entries()) {
    await assert.rejects(community.join((await ada.invite()).link, name, `profile ${at.toString()}`), { code: 'protocol.name.taken' }, name)
  }
  for (const name of ['Zoë\u200bÅngström', 'Zoë\u202emortsgnÅ', '\u2028']) {
    await assert.rejects(community.join((await ada.invite()).link, name, 'another profile'), { code: 'protocol.name.malformed' }, JSON.stringify(name))
  }
})

test('S7: a KeyPackage that the server made up for somebody\'s device is not added, whoever signed it', async (t) => {
  const community = await Community.start(t)
  const [ada, ben] = await community.people('Ada', 'Ben')
  assert.ok(ada && ben)
  const { accountId, deviceId } = ben.identity
  const { signer: accountSigner } = await generateSignatureKey(suite)
  const swapped = await unlistedDevice({ accountSigner, accountId }, deviceId)
  await community.close(ada)
  const deceived = await community.deceive('Ada', lieAbout('keyPackageClaim', ({ claimed }) => {
    assert.equal(claimed.length, 1)
    return { claimed: [{ deviceId, keyPackage: swapped.message, isLastResort: false }], exhausted: [] }
  }))
  await deceived.sync()
  await assert.rejects(deceived.createDirect('Ben'), { code: 'client.member.changed' })
  assert.deepEqual((await deceived.conversations()).flatMap(({ members }) => members.map(({ name }) => name)), ['Ada'])
})

test('S9: an external commit is refused, also by a device with a good certificate', async (t) => {
  const community = await Community.start(t)
  const { ada, id } = await garden(community)
  await asInsider(community.profile('Ben'), id, async ({ group, identity }) => {
    const groupInfo = await group.groupInfo({ withExternalPub: true, withTree: true })
    const { commit } = await Group.joinExternal({
      config: { ...permissive, policy: { acceptExternalCommits: true } }, signer: identity.signer, groupInfo, leaf: leafParameters(identity, systemRandom), removes: group.ownLeaf,
    })
    const { seq } = await ada.info(id)
    await community.close(ada)
    const deceived = await community.deceive('Ada', (path, honest) => {
      if (path !== ROUTES.logRead.path) return undefined
      const stretch = decodeResponse('logRead', honest)
      const header = {
        conversationId: id, seq: seq + 1, senderDevice: identity.deviceId, messageId: makeId<MessageId>(systemRandom), encryption: Encryption.mls10,
        contentType: ContentType.commit, epoch: group.epoch, createdAtMs: 1,
      }
      return new Response(encodeResponse('logRead', { ...stretch, envelopes: [{ header, message: commit }] }) as Uint8Array<ArrayBuffer>)
    })
    const { epoch, members } = await deceived.info(id)
    await deceived.sync()
    const after = await deceived.info(id)
    assert.deepEqual([after.state, after.epoch, after.members], ['stuck', epoch, members])
  })
})

test('S10: a Welcome to another group under a known conversation\'s id changes nothing; one under its own id is a conversation of its own', async (t) => {
  const community = await Community.start(t)
  const [ada, ben, mallory] = await community.people('Ada', 'Ben', 'Mallory')
  assert.ok(ada && ben && mallory)
  const { conversationId: id } = await ada.createGroup('Garden', ['Ben', 'Mallory'])
  for (const client of [ben, mallory]) await client.sync()
  await ada.send(id, 'the real one')
  await ben.sync()
  const before = await ben.info(id)
  await community.close(mallory)
  await community.close(ben)
  const own = makeId<ConversationId>(systemRandom)
  await asInsider(community.profile('Mallory'), id, async ({ identity, calls }) => {
    for (const groupId of [id, own]) {
      const { claimed: [claimed] } = await calls.call('keyPackageClaim', { accountId: ben.identity.accountId, deviceIds: [ben.identity.deviceId] })
      assert.ok(claimed)
      const group = await Group.create({
        config: permissive, signer: identity.signer, groupId: idToBytes(groupId), leaf: leafParameters(identity, systemRandom),
        extensions: [makeConversationExtension({ kind: ConversationKind.group, name: 'Garden', familyId: undefined, admins: [], guests: [], away: [] })],
      })
      const { welcome } = await group.commit({ proposals: [makeAdd(decodeKeyPackage(claimed.keyPackage))] })
      assert.ok(welcome)
      const header = {
        welcomeId: makeId<WelcomeId>(systemRandom), conversationId: groupId, kind: ConversationKind.group, fromSeq: 1, senderDevice: identity.deviceId, createdAtMs: 1,
        welcomeBytes: welcome.length,
      }
      const { network } = nodePlatform
      const answers = new Map<string, Uint8Array>([
        [ROUTES.welcomeList.path, encodeResponse('welcomeList', { welcomes: [header] })],
        [ROUTES.welcomeRead.path, encodeResponse('welcomeRead', { header, welcome })],
        [ROUTES.logRead.path, encodeResponse('logRead', { envelopes: [], hasMore: false, prunedSeq: 0 })],
      ])
      const lying: Fetch = (url, init) => {
        const forged = answers.get(new URL(url).pathname)
        return forged === undefined ? network.fetch(url, init) : Promise.resolve(new Response(forged as Uint8Array<ArrayBuffer>))
      }
      const deceived = await Client.open({ ...community.options('Ben'), network: { ...network, fetch: lying }, sleep: () => Promise.resolve() })
      await deceived.sync()
      const { members, epoch } = await deceived.info(id)
      assert.deepEqual([members, epoch], [before.members, before.epoch])
      if (groupId === own) assert.deepEqual((await deceived.info(own)).members.map(({ name }) => name).sort(), ['Ben', 'Mallory'])
      await deceived.close()
    }
  })
})
