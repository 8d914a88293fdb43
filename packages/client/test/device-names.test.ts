/**
 * What people call their devices: known to the account's own devices and to the guardian who invited, to the server never.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemRandom, utf8 } from '@famichat/base'
import type { Client, Fetch, OpenSocket, SocketEvents } from '@famichat/client'
import { nodePlatform } from '@famichat/client/node'
import { type InviteId, makeId } from '@famichat/protocol'
import { openDeviceName, sealDeviceName } from '../dist/identity/device-names.js'
import { suiteOf } from '../dist/platform.js'
import { Community, settle } from './support/community.js'

/** Everything that a device sends, as it goes out. */
class Wire {
  #sent = ''

  readonly network = {
    fetch: ((url, init) => {
      this.#sent += url + Buffer.from(init.body as Uint8Array | undefined ?? []).toString('latin1')
      return nodePlatform.network.fetch(url, init)
    }) satisfies Fetch,
    openSocket: ((url: string, events: SocketEvents) => {
      const socket = nodePlatform.network.openSocket(url, events)
      return { close: () => { socket.close() }, send: (frame: Uint8Array) => { this.#sent += Buffer.from(frame).toString('latin1'); socket.send(frame) } }
    }) satisfies OpenSocket,
  }

  holds(text: string): boolean {
    return this.#sent.includes(Buffer.from(utf8(text)).toString('latin1'))
  }
}

const joinNamed = (community: Community, link: string, { name, deviceName, wire }: { readonly name: string; readonly deviceName: string; readonly wire: Wire }): Promise<Client> =>
  community.joinWith(link, name, { profile: deviceName, network: wire.network, deviceName })

const namesOf = async (client: Client): Promise<readonly (string | undefined)[]> => (await client.devices()).map(({ name }) => name).sort()

test('linked devices know each other\'s names from the start, a new name reaches the others, and no server sees one', async (t) => {
  const community = await Community.start(t)
  const wire = new Wire()
  const phone = await joinNamed(community, community.setupLink, { name: 'Ada', deviceName: 'Canary Phone', wire })
  await phone.sync()
  const offering = await phone.offerLink()
  const [, laptop] = await Promise.all([offering.complete(), joinNamed(community, offering.link, { name: '', deviceName: 'Canary Laptop', wire })])
  await settle(phone, laptop)
  for (const client of [phone, laptop]) assert.deepEqual(await namesOf(client), ['Canary Laptop', 'Canary Phone'])
  await laptop.nameDevice(phone.identity.deviceId, '  Canary   in the kitchen ')
  await settle(phone, laptop)
  for (const client of [phone, laptop]) assert.deepEqual(await namesOf(client), ['Canary Laptop', 'Canary in the kitchen'])
  // of two names the later one stays, whichever device said it
  await phone.nameDevice(phone.identity.deviceId, 'Canary by the window')
  await settle(laptop, phone)
  for (const client of [phone, laptop]) assert.deepEqual(await namesOf(client), ['Canary Laptop', 'Canary by the window'])
  const [self] = await phone.conversations()
  assert.ok(self)
  assert.deepEqual((await phone.messages(self.conversationId)).map(({ content }) => content), [], 'names are no messages')
  await assert.rejects(phone.nameDevice(phone.identity.deviceId, '\u202e'), { code: 'protocol.name.malformed' })
  await assert.rejects(phone.nameDevice('nobody', 'x'), { code: 'client.device.unknown' })
  assert.ok(wire.holds(phone.identity.deviceId) || wire.holds('/api/v1/'), 'the wire is heard')
  assert.ok(!wire.holds('Canary'))
})

test('a device that is alone is named without a conversation for it', async (t) => {
  const community = await Community.start(t)
  const ada = await community.join(community.setupLink, 'Ada')
  await ada.sync()
  assert.deepEqual(await namesOf(ada), [undefined])
  await ada.nameDevice(ada.identity.deviceId, 'The old tablet')
  assert.deepEqual(await namesOf(ada), ['The old tablet'])
  assert.deepEqual(await ada.conversations(), [])
})

test('the guardian who invited a child reads what its waiting device is called and when it asked; others read nothing', async (t) => {
  const community = await Community.start(t)
  const [ada] = await community.people('Ada')
  assert.ok(ada)
  const gus = await community.join((await ada.invite('guardian')).link, 'Gus')
  await gus.sync()
  const wire = new Wire()
  const kid = await joinNamed(community, (await ada.invite('child')).link, { name: 'Kid', deviceName: 'Canary Tablet', wire })
  const [waiting] = await ada.community.pendingDevices()
  assert.deepEqual([waiting?.deviceId, waiting?.name, waiting?.deviceName], [kid.identity.deviceId, 'Kid', 'Canary Tablet'])
  assert.ok((waiting?.addedAtMs ?? 0) > 0)
  assert.deepEqual((await gus.community.pendingDevices()).map(({ deviceName }) => deviceName), [undefined])
  assert.ok(!wire.holds('Canary'))
})

test('a sealed name is of one length, opens with its invite alone, and one that is no name is none', () => {
  const suite = suiteOf(nodePlatform)
  const invite = { inviteId: makeId<InviteId>(systemRandom), secret: systemRandom(16) }
  const seal = (name: string): Uint8Array => sealDeviceName(suite, invite, { name, random: systemRandom })
  const sealed = seal('Tablet')
  assert.equal(openDeviceName(suite, invite, sealed), 'Tablet')
  assert.equal(seal('x'.repeat(64)).length, sealed.length)
  assert.equal(seal('\u{1f4f1}'.repeat(64)).length, sealed.length)
  assert.equal(openDeviceName(suite, { ...invite, secret: systemRandom(16) }, sealed), undefined)
  assert.equal(openDeviceName(suite, { ...invite, inviteId: makeId<InviteId>(systemRandom) }, sealed), undefined)
  assert.equal(openDeviceName(suite, invite, sealed.with(20, (sealed[20] ?? 0) ^ 1)), undefined)
  assert.equal(openDeviceName(suite, invite, Uint8Array.of(1)), undefined)
  assert.equal(openDeviceName(suite, invite, seal('gpj\u202eTablet')), undefined)
})
