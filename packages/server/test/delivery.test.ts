/**
 * Conversations, commits, messages, resume, Welcomes and removal, against a real server.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { equal, isCodedError, systemRandom, toHex } from '@famichat/base'
import {
  ClientFrameType, ContentType, type ConversationId, ConversationKind, Encryption, epochWinnerOf, LIMITS, makeId,
  type MessageId, ProtocolError, type ServerFrame, ServerFrameType,
} from '@famichat/protocol'
import { privateMessageBytes } from './support/mls-bytes.js'
import { makeCommit, seqsOf, TestChannel } from './support/test-channel.js'
import { firstDevice, invitedDevice, type TestDevice } from './support/test-device.js'
import { startTestServer } from './support/test-server.js'

const refused = (code: string, act: Promise<unknown>): Promise<void> =>
  assert.rejects(act, (error) => {
    assert.ok(isCodedError(error), String(error))
    assert.equal(error.code, code)
    return true
  })

const newConversation = async (device: TestDevice, kind: ConversationKind = ConversationKind.group): Promise<ConversationId> => {
  const conversationId = makeId<ConversationId>(systemRandom)
  await device.call('conversationCreate', { conversationId, kind })
  return conversationId
}

/** A conversation of Ana with these devices in it, at epoch 1. */
const conversationWith = async (ana: TestDevice, others: readonly TestDevice[]): Promise<ConversationId> => {
  const conversationId = await newConversation(ana)
  await ana.call('conversationCommit', makeCommit(conversationId, 0n, { added: others.map(({ deviceId }) => deviceId) }))
  return conversationId
}

const delivered = (frames: readonly ServerFrame[]): string[] => frames.flatMap((frame) =>
  frame.type === ServerFrameType.deliver ? [toHex(frame.envelope.message)] : [])

test('a message reaches the other device at once, with its place, sender and clear header', async (t) => {
  const ana = await firstDevice(await startTestServer(t))
  const ben = await invitedDevice(ana, 'Ben')
  const conversationId = await conversationWith(ana, [ben])
  const { channel: bens } = await TestChannel.resume(ben)
  const { channel: anas } = await TestChannel.resume(ana)
  const answer = await anas.say(conversationId, 'hello', { epoch: 1n })
  assert.ok(answer.type === ServerFrameType.accepted)
  const { envelope } = await bens.next(ServerFrameType.deliver)
  const { seq, senderDevice, epoch, contentType, encryption } = envelope.header
  assert.deepEqual({ seq, senderDevice, epoch, contentType, encryption },
    { seq: answer.seq, senderDevice: ana.deviceId, epoch: 1n, contentType: ContentType.application, encryption: Encryption.mls10 })
  assert.ok(equal(envelope.message, privateMessageBytes({ conversationId, epoch: 1n, text: 'hello' })))
})

test('a stolen token without the device key opens no channel', async (t) => {
  const ana = await firstDevice(await startTestServer(t))
  const thief = await invitedDevice(ana, 'Thief')
  const channel = new TestChannel(ana.server)
  await channel.authenticate(thief, ana.token)
  assert.equal((await channel.next(ServerFrameType.closing)).code, 'protocol.auth.refused')
  assert.equal(await channel.closed, 4401)
})

test('S14 of eight commits at one epoch exactly one wins and the others are told which', async (t) => {
  const ana = await firstDevice(await startTestServer(t))
  const phones = await Promise.all(Array.from({ length: 3 }, () => ana.addDevice()))
  const conversationId = await conversationWith(ana, phones)
  const racers = [ana, ...phones, ana, ...phones]
  const outcomes = await Promise.allSettled(racers.map((device, i) =>
    device.call('conversationCommit', makeCommit(conversationId, 1n, { text: `racer ${i}` }))))
  const won = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
  const lost = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []))
  assert.equal(won.length, 1)
  for (const error of lost) {
    assert.ok(error instanceof ProtocolError && error.code === 'protocol.epoch.conflict')
    assert.deepEqual(epochWinnerOf(error), { seq: won[0]?.seq, epoch: 1n })
  }
  const { envelopes } = await ana.call('logRead', { conversationId, afterSeq: 0 })
  assert.deepEqual(envelopes.map(({ header }) => [header.seq, header.epoch]), [[1, 0n], [2, 1n]])
})

test('S14 a lost commit changes nothing: no Welcome, no roster change, no place in the log', async (t) => {
  const ana = await firstDevice(await startTestServer(t))
  const ben = await invitedDevice(ana, 'Ben')
  const conversationId = await newConversation(ana)
  await ana.call('conversationCommit', makeCommit(conversationId, 0n))
  await refused('protocol.epoch.conflict', ana.call('conversationCommit', makeCommit(conversationId, 0n, { added: [ben.deviceId] })))
  assert.deepEqual((await ben.call('welcomeList', {})).welcomes, [])
  const { devices, epoch } = await ana.call('conversationRoster', { conversationId })
  assert.deepEqual([devices.length, epoch], [1, 1n])
})

test('S16 a commit or message sent again gets the first answer and is stored once; the id cannot be used for another', async (t) => {
  const ana = await firstDevice(await startTestServer(t))
  const conversationId = await newConversation(ana)
  const commit = makeCommit(conversationId, 0n, { text: 'x' })
  const first = await ana.call('conversationCommit', commit)
  assert.deepEqual(await ana.call('conversationCommit', commit), first)
  await refused('protocol.message.id_reused', ana.call('conversationCommit', { ...makeCommit(conversationId, 1n), messageId: commit.messageId }))
  const { channel } = await TestChannel.resume(ana)
  const messageId = makeId<MessageId>(systemRandom)
  const answers = [await channel.say(conversationId, 'a', { epoch: 1n, messageId }), await channel.say(conversationId, 'a', { epoch: 1n, messageId })]
  assert.deepEqual(answers.map((answer) => answer.type === ServerFrameType.accepted && answer.seq), [2, 2])
  const other = await channel.say(conversationId, 'b', { epoch: 1n, messageId })
  assert.ok(other.type === ServerFrameType.refused && other.code === 'protocol.message.id_reused')
  assert.equal((await ana.call('logRead', { conversationId, afterSeq: 0 })).envelopes.length, 2)
})

test('places have no holes although many devices send, retry and are refused at the same time', async (t) => {
  const ana = await firstDevice(await startTestServer(t))
  const phones = await Promise.all(Array.from({ length: 3 }, () => ana.addDevice()))
  const conversationId = await conversationWith(ana, phones)
  const channels = await Promise.all(phones.map((phone) => TestChannel.open(phone)))
  await Promise.all(channels.map(async (channel, c) => {
    for (let i = 0; i < 20; i++) {
      const messageId = makeId<MessageId>(systemRandom)
      await channel.say(conversationId, `${c} ${i}`, { epoch: 1n, messageId })
      if (i % 3 === 0) await channel.say(conversationId, `${c} ${i}`, { epoch: 1n, messageId })
      if (i % 5 === 0) await channel.say(conversationId, 'ahead', { epoch: 99n })
    }
  }))
  const { envelopes } = await ana.call('logRead', { conversationId, afterSeq: 0 })
  assert.deepEqual(envelopes.map(({ header }) => header.seq), Array.from({ length: 61 }, (_, i) => i + 1))
})

test('application messages of the last three epochs are accepted, older ones and future ones are not', async (t) => {
  const ana = await firstDevice(await startTestServer(t))
  const conversationId = await newConversation(ana)
  for (let epoch = 0n; epoch < 5n; epoch++) await ana.call('conversationCommit', makeCommit(conversationId, epoch))
  const { channel } = await TestChannel.resume(ana)
  const outcomes = []
  for (const epoch of [1n, 2n, 5n, 6n, 2n ** 60n]) {
    const answer = await channel.say(conversationId, 'm', { epoch })
    outcomes.push(answer.type === ServerFrameType.refused ? answer.code : 'accepted')
  }
  assert.deepEqual(outcomes, ['protocol.epoch.stale', 'accepted', 'accepted', 'protocol.epoch.unknown', 'protocol.epoch.unknown'])
  const proposal = (epoch: bigint) => channel.say(conversationId, '', { epoch, message: privateMessageBytes({ conversationId, epoch, content: 'proposal' }) })
  const stale = await proposal(4n)
  assert.ok(stale.type === ServerFrameType.refused && stale.code === 'protocol.epoch.stale')
  assert.equal((await proposal(5n)).type, ServerFrameType.accepted)
})

test('a device that comes back gets the rest after its cursor, or after what it acknowledged', async (t) => {
  const ana = await firstDevice(await startTestServer(t))
  const ben = await invitedDevice(ana, 'Ben')
  const conversationId = await conversationWith(ana, [ben])
  const { channel: anas } = await TestChannel.resume(ana)
  for (let i = 0; i < 150; i++) await anas.say(conversationId, `m${i}`, { epoch: 1n })
  const first = await TestChannel.resume(ben)
  assert.deepEqual(seqsOf(first.caughtUp), Array.from({ length: 150 }, (_, i) => i + 2))
  first.channel.send({ type: ClientFrameType.acknowledge, conversationId, seq: 100 })
  first.channel.send({ type: ClientFrameType.acknowledge, conversationId, seq: 90 })
  first.channel.send({ type: ClientFrameType.acknowledge, conversationId, seq: 100_000 })
  await first.channel.settle()
  const { conversations } = await ben.call('conversationList', {})
  assert.equal(conversations[0]?.acknowledgedSeq, 100)
  first.channel.close()
  assert.equal(seqsOf((await TestChannel.resume(ben)).caughtUp)[0], 101)
  const asked = await TestChannel.resume(ben, [{ conversationId, afterSeq: 149 }])
  assert.deepEqual(seqsOf(asked.caughtUp), [150, 151])
})

test('what is appended while a device catches up comes once and in order', async (t) => {
  const ana = await firstDevice(await startTestServer(t))
  const ben = await invitedDevice(ana, 'Ben')
  const conversationId = await conversationWith(ana, [ben])
  const { channel: anas } = await TestChannel.resume(ana)
  for (let i = 0; i < 200; i++) await anas.say(conversationId, `m${i}`, { epoch: 1n })
  const resuming = TestChannel.resume(ben)
  for (let i = 0; i < 50; i++) await anas.say(conversationId, `n${i}`, { epoch: 1n })
  const { channel, caughtUp } = await resuming
  const seqs = seqsOf(caughtUp)
  while (seqs.length < 250) seqs.push((await channel.next(ServerFrameType.deliver)).envelope.header.seq)
  assert.deepEqual(seqs, Array.from({ length: 250 }, (_, i) => i + 2))
})

test('S25 a removed device gets the commit that removes it and nothing after, now or later, over channel or HTTP', async (t) => {
  const ana = await firstDevice(await startTestServer(t))
  const ben = await invitedDevice(ana, 'Ben')
  const conversationId = await conversationWith(ana, [ben])
  const { channel: bens } = await TestChannel.resume(ben)
  const { channel: anas } = await TestChannel.resume(ana)
  await anas.say(conversationId, 'before', { epoch: 1n })
  const { seq } = await ana.call('conversationCommit', makeCommit(conversationId, 1n, { removed: [ben.deviceId] }))
  await anas.say(conversationId, 'after', { epoch: 2n })
  assert.equal((await bens.next(ServerFrameType.removed)).untilSeq, seq)
  assert.deepEqual(await bens.settle(), [])
  const answer = await bens.say(conversationId, 'still here?', { epoch: 2n })
  assert.ok(answer.type === ServerFrameType.refused && answer.code === 'protocol.access.refused')
  const again = await TestChannel.resume(ben, [{ conversationId, afterSeq: 1 }])
  assert.deepEqual(seqsOf(again.caughtUp), [2, 3])
  assert.equal(again.caughtUp.at(-1)?.type, ServerFrameType.removed)
  const { envelopes, hasMore } = await ben.call('logRead', { conversationId, afterSeq: 0 })
  assert.deepEqual([envelopes.map(({ header }) => header.seq), hasMore], [[2, 3], false])
  await refused('protocol.access.refused', ben.call('conversationRoster', { conversationId }))
})

test('an outsider and a conversation that does not exist get the same answer', async (t) => {
  const ana = await firstDevice(await startTestServer(t))
  const eve = await invitedDevice(ana, 'Eve')
  const { channel } = await TestChannel.resume(eve)
  for (const conversationId of [await newConversation(ana), makeId<ConversationId>(systemRandom)]) {
    await refused('protocol.access.refused', eve.call('logRead', { conversationId, afterSeq: 0 }))
    await refused('protocol.access.refused', eve.call('conversationRoster', { conversationId }))
    await refused('protocol.access.refused', eve.call('conversationGroupInfo', { conversationId }))
    await refused('protocol.access.refused', eve.call('conversationCommit', makeCommit(conversationId, 0n)))
    const answer = await channel.say(conversationId, 'hi')
    assert.ok(answer.type === ServerFrameType.refused && answer.code === 'protocol.access.refused')
  }
})

test('a Welcome comes on every connection until it is acknowledged, before the messages that follow it', async (t) => {
  const ana = await firstDevice(await startTestServer(t))
  const ben = await invitedDevice(ana, 'Ben')
  const { channel: online } = await TestChannel.resume(ben)
  const conversationId = await conversationWith(ana, [ben])
  const { channel: anas } = await TestChannel.resume(ana)
  await anas.say(conversationId, 'welcome', { epoch: 1n })
  const welcome = await online.next(ServerFrameType.welcome)
  assert.deepEqual([welcome.header.conversationId, welcome.header.fromSeq, welcome.header.kind], [conversationId, 2, ConversationKind.group])
  assert.equal((await online.next(ServerFrameType.deliver)).envelope.header.seq, 2)
  online.close()
  const again = await TestChannel.resume(ben)
  assert.deepEqual(again.caughtUp.map(({ type }) => type), [ServerFrameType.welcome, ServerFrameType.deliver])
  again.channel.send({ type: ClientFrameType.acknowledgeWelcome, welcomeId: welcome.header.welcomeId })
  await again.channel.settle()
  assert.deepEqual((await ben.call('welcomeList', {})).welcomes, [])
  assert.deepEqual((await TestChannel.resume(ben)).caughtUp.map(({ type }) => type), [ServerFrameType.deliver])
})

test('only the device it is for can read or acknowledge a Welcome', async (t) => {
  const ana = await firstDevice(await startTestServer(t))
  const ben = await invitedDevice(ana, 'Ben')
  await conversationWith(ana, [ben])
  const { welcomes: [header] } = await ben.call('welcomeList', {})
  assert.ok(header !== undefined)
  await refused('protocol.access.refused', ana.call('welcomeRead', { welcomeId: header.welcomeId }))
  const { channel } = await TestChannel.resume(ana)
  channel.send({ type: ClientFrameType.acknowledgeWelcome, welcomeId: header.welcomeId })
  await channel.settle()
  assert.equal((await ben.call('welcomeRead', { welcomeId: header.welcomeId })).welcome.length, header.welcomeBytes)
})

test('a commit and a Welcome too large for a frame are announced and fetched over HTTP', async (t) => {
  const ana = await firstDevice(await startTestServer(t))
  const ben = await invitedDevice(ana, 'Ben')
  const conversationId = await conversationWith(ana, [ben])
  const { channel } = await TestChannel.resume(ben)
  const cem = await invitedDevice(ana, 'Cem')
  const { channel: cems } = await TestChannel.resume(cem)
  await ana.call('conversationCommit', makeCommit(conversationId, 1n, { added: [cem.deviceId], fill: 300_000, welcome: 900_000 }))
  const { header, messageBytes } = await channel.next(ServerFrameType.announce)
  const { envelopes: [envelope] } = await ben.call('logRead', { conversationId, afterSeq: header.seq - 1 })
  assert.deepEqual([envelope?.header, envelope?.message.length], [header, messageBytes])
  const announced = await cems.next(ServerFrameType.announceWelcome)
  const { welcome } = await cem.call('welcomeRead', { welcomeId: announced.header.welcomeId })
  assert.equal(welcome.length, announced.header.welcomeBytes)
})

test('a device that is removed and added again in one commit reads its old end and its new start', async (t) => {
  const ana = await firstDevice(await startTestServer(t))
  const ben = await invitedDevice(ana, 'Ben')
  const conversationId = await conversationWith(ana, [ben])
  const { channel: anas } = await TestChannel.resume(ana)
  await anas.say(conversationId, 'old', { epoch: 1n })
  await ana.call('conversationCommit', makeCommit(conversationId, 1n, { added: [ben.deviceId], removed: [ben.deviceId] }))
  await anas.say(conversationId, 'new', { epoch: 2n })
  const { caughtUp } = await TestChannel.resume(ben)
  assert.deepEqual(caughtUp.flatMap((frame) => (frame.type === ServerFrameType.welcome ? [frame.header.fromSeq] : [])), [4])
  assert.deepEqual(seqsOf(caughtUp), [2, 3, 4])
})

test('refuses a roster change that does not fit, whole', async (t) => {
  const ana = await firstDevice(await startTestServer(t))
  const ben = await invitedDevice(ana, 'Ben')
  const conversationId = await conversationWith(ana, [ben])
  const phone = await ben.addDevice()
  await ben.revoke(phone.deviceId)
  const bad = [{ added: [ben.deviceId] }, { removed: [phone.deviceId] }, { added: [phone.deviceId] }]
  for (const change of bad) await refused('protocol.roster.refused', ana.call('conversationCommit', makeCommit(conversationId, 1n, change)))
  const malformed = [
    makeCommit(conversationId, 1n, { removed: [ana.deviceId] }), { ...makeCommit(conversationId, 1n), added: [phone.deviceId] },
    { ...makeCommit(conversationId, 1n), epoch: 2n }, { ...makeCommit(conversationId, 1n), commit: privateMessageBytes({ conversationId, epoch: 1n }) },
    { ...makeCommit(makeId<ConversationId>(systemRandom), 1n), conversationId }, { ...makeCommit(conversationId, 1n), groupInfo: Uint8Array.of(1) },
  ]
  for (const submission of malformed) await refused('protocol.message.malformed', ana.call('conversationCommit', submission))
  assert.equal((await ana.call('conversationRoster', { conversationId })).epoch, 1n)
})

test('a revoked device that is still in a conversation can neither send nor be sent to', async (t) => {
  const ana = await firstDevice(await startTestServer(t))
  const phone = await ana.addDevice()
  const conversationId = await conversationWith(ana, [phone])
  const { channel } = await TestChannel.resume(phone)
  await ana.revoke(phone.deviceId)
  const { channel: anas } = await TestChannel.resume(ana)
  await anas.say(conversationId, 'secret', { epoch: 1n })
  assert.equal(await channel.closed, 4401)
  const rest: ServerFrame[] = []
  for (;;) {
    const frame = await channel.nextFrame().catch(() => undefined)
    if (frame === undefined) break
    rest.push(frame)
  }
  assert.deepEqual(delivered(rest), [])
})

test('unencrypted messages are taken only where the kind allows them', async (t) => {
  const ana = await firstDevice(await startTestServer(t))
  const { channel } = await TestChannel.resume(ana)
  const note = { encryption: Encryption.none, message: Uint8Array.of(104, 105) }
  for (const kind of [ConversationKind.direct, ConversationKind.group, ConversationKind.family]) {
    const answer = await channel.say(await newConversation(ana, kind), '', note)
    assert.ok(answer.type === ServerFrameType.refused && answer.code === 'protocol.message.unencrypted')
  }
  assert.equal((await channel.say(await newConversation(ana, ConversationKind.self), '', note)).type, ServerFrameType.accepted)
})

test('nobody else\'s device can be added to a conversation with oneself', async (t) => {
  const ana = await firstDevice(await startTestServer(t))
  const ben = await invitedDevice(ana, 'Ben')
  const conversationId = await newConversation(ana, ConversationKind.self)
  await refused('protocol.roster.refused', ana.call('conversationCommit', makeCommit(conversationId, 0n, { added: [ben.deviceId] })))
})

test('a restart keeps accounts, logs, rosters, Welcomes and cursors', async (t) => {
  const server = await startTestServer(t)
  const ana = await firstDevice(server)
  const ben = await invitedDevice(ana, 'Ben')
  const conversationId = await conversationWith(ana, [ben])
  const { channel } = await TestChannel.resume(ana)
  await channel.say(conversationId, 'kept', { epoch: 1n })
  const before = await ben.call('logRead', { conversationId, afterSeq: 0 })
  await server.restart()
  assert.equal((await channel.next(ServerFrameType.closing)).code, 'protocol.server.unavailable')
  assert.deepEqual(await ben.call('logRead', { conversationId, afterSeq: 0 }), before)
  const { caughtUp } = await TestChannel.resume(ben)
  assert.deepEqual(caughtUp.map(({ type }) => type), [ServerFrameType.welcome, ServerFrameType.deliver])
})

test('S29 a slow device does not pile up memory: it is served from the log when it reads again', async (t) => {
  const ana = await firstDevice(await startTestServer(t))
  const ben = await invitedDevice(ana, 'Ben')
  const conversationId = await conversationWith(ana, [ben])
  const { channel: bens } = await TestChannel.resume(ben)
  const { channel: anas } = await TestChannel.resume(ana)
  bens.socket.pause()
  const message = privateMessageBytes({ conversationId, epoch: 1n, fill: LIMITS.messageBytes - 200 })
  for (let i = 0; i < 150; i++) await anas.say(conversationId, '', { epoch: 1n, message })
  bens.socket.resume()
  const seqs: number[] = []
  while (seqs.length < 150) seqs.push((await bens.next(ServerFrameType.deliver)).envelope.header.seq)
  assert.deepEqual(seqs, Array.from({ length: 150 }, (_, i) => i + 2))
})
