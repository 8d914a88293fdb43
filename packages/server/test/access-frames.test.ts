/**
 * Who may do what over the channel: every frame for every kind of caller. A frame without a line here does not compile.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemRandom } from '@famichat/base'
import { ClientFrameType, type ConversationId, Encryption, makeId, type MessageId, ServerFrameType, type WelcomeId } from '@famichat/protocol'
import { type Actor, ACTORS, makeWorld, type World } from './support/access-world.js'
import { privateMessageBytes } from './support/mls-bytes.js'
import { TestChannel } from './support/test-channel.js'
import { TestDevice } from './support/test-device.js'

type FrameName = keyof typeof ClientFrameType
type Answers = Readonly<Record<Actor, string>>

/** Before a channel is open, every frame but the first closes it. */
const shut = { revoked: 'protocol.frame.unexpected', pending: 'protocol.frame.unexpected', nobody: 'protocol.frame.unexpected' }
const forAll = (answer: string): Answers => Object.fromEntries(ACTORS.map((actor) => [actor, answer])) as Answers
const inConversation = (yes: string, no: string): Answers => ({ ...forAll(yes), removed: no, outsider: no, elsewhere: no, ...shut })

const ANSWERS: Readonly<Record<FrameName, Answers>> = {
  authenticate: { ...forAll('ready'), revoked: 'protocol.auth.refused', pending: 'protocol.device.pending', nobody: 'protocol.auth.refused' },
  // who was removed still gets what was said until then
  resume: { ...inConversation('delivered', 'nothing'), removed: 'delivered' },
  send: { ...inConversation('accepted', 'protocol.access.refused'), reader: 'protocol.access.refused' },
  acknowledge: { ...inConversation('stored', 'nothing'), removed: 'stored' },
  // of one's own Welcome only, and only in scope; owner and outsider name the member's
  acknowledgeWelcome: { ...forAll('kept'), member: 'gone', child: 'gone', reader: 'gone', writer: 'gone', ...shut },
  ping: { ...forAll('pong'), ...shut },
}

/** The channel of somebody who got in, else one that is not open yet. */
const connect = async (world: World, actor: Actor): Promise<TestChannel> => {
  if (actor === 'nobody' || actor === 'revoked' || actor === 'pending') {
    const channel = new TestChannel(world.actors.owner.server)
    await channel.next(ServerFrameType.challenge)
    return channel
  }
  return TestChannel.open(world.actors[actor])
}

const outcomeOf = async (channel: TestChannel): Promise<string> => {
  for (;;) {
    const frame = await channel.nextFrame()
    switch (frame.type) {
      case ServerFrameType.closing: case ServerFrameType.refused: return frame.code
      case ServerFrameType.accepted: return 'accepted'
      case ServerFrameType.ready: return 'ready'
      case ServerFrameType.pong: return 'pong'
      default: continue
    }
  }
}

/** Whether the channel still answers; if not, why it was closed. */
const settled = async (channel: TestChannel): Promise<string | undefined> => {
  channel.send({ type: ClientFrameType.ping, requestId: 1 })
  const outcome = await outcomeOf(channel)
  return outcome === 'pong' ? undefined : outcome
}

/** What comes of each frame, in one word. */
const TRIES: Readonly<Record<FrameName, (world: World, actor: Actor) => Promise<string>>> = {
  authenticate: async (world, actor) => {
    const device = actor === 'nobody' ? new TestDevice(world.actors.owner.server) : world.actors[actor]
    const channel = new TestChannel(device.server)
    await channel.authenticate(device, device.token)
    return outcomeOf(channel)
  },
  resume: async (world, actor) => {
    const channel = await connect(world, actor)
    channel.send({ type: ClientFrameType.resume, cursors: [{ conversationId: world.conversationId, afterSeq: 0 }] })
    let delivered = 'nothing'
    for (;;) {
      const frame = await channel.nextFrame()
      if (frame.type === ServerFrameType.closing) return frame.code
      if (frame.type === ServerFrameType.deliver && frame.envelope.header.conversationId === world.conversationId) delivered = 'delivered'
      if (frame.type === ServerFrameType.caughtUp) return delivered
    }
  },
  send: async (world, actor) => {
    const channel = await connect(world, actor)
    const { conversationId } = world
    channel.send({
      type: ClientFrameType.send, requestId: 1, conversationId, messageId: makeId<MessageId>(systemRandom), encryption: Encryption.mls10, epoch: 2n,
      message: privateMessageBytes({ conversationId, epoch: 2n, text: `from ${actor}` }),
    })
    return outcomeOf(channel)
  },
  acknowledge: async (world, actor) => {
    const channel = await connect(world, actor)
    channel.send({ type: ClientFrameType.acknowledge, conversationId: world.conversationId, seq: 2 })
    const closed = await settled(channel)
    if (closed !== undefined || actor === 'nobody') return closed ?? 'nothing'
    // the whole device asks, whatever its token was narrowed to
    await world.actors[actor].signIn()
    for (;;) {
      const { conversations } = await world.actors[actor].call('conversationList', {})
      return conversations.some(({ acknowledgedSeq }) => acknowledgedSeq === 2) ? 'stored' : 'nothing'
    }
  },
  acknowledgeWelcome: async (world, actor) => {
    const channel = await connect(world, actor)
    const holder = actor === 'nobody' || actor === 'revoked' || actor === 'pending' || actor === 'owner' || actor === 'outsider' || actor === 'removed'
      ? await whole(world.actors.member) : await whole(world.actors[actor])
    const [waiting] = (await holder.call('welcomeList', {})).welcomes
    assert.ok(waiting, `${actor} has a Welcome to name`)
    channel.send({ type: ClientFrameType.acknowledgeWelcome, welcomeId: waiting.welcomeId })
    const closed = await settled(channel)
    if (closed !== undefined) return closed
    return await isWaiting(holder, waiting.welcomeId) ? 'kept' : 'gone'
  },
  ping: async (world, actor) => {
    const channel = await connect(world, actor)
    channel.send({ type: ClientFrameType.ping, requestId: 1 })
    return outcomeOf(channel)
  },
}

/** A token for everything, beside the one the channel was opened with. */
const whole = async (device: TestDevice): Promise<TestDevice> => {
  await device.signIn()
  return device
}

const isWaiting = async (device: TestDevice, welcomeId: WelcomeId): Promise<boolean> =>
  (await device.call('welcomeList', {})).welcomes.some((welcome) => welcome.welcomeId === welcomeId)

for (const name of Object.keys(ClientFrameType) as FrameName[]) {
  test(`S24 the frame ${name} does for every kind of caller what its line says`, async (t) => {
    const world = await makeWorld(t)
    // the member comes last: its Welcome is the one that others name
    const actors = [...ACTORS].sort((a, b) => Number(a === 'member') - Number(b === 'member'))
    for (const actor of actors) assert.equal(await TRIES[name](world, actor), ANSWERS[name][actor], `${name} for ${actor}`)
  })
}

test('S24 a message to what is not there and one to what is forbidden get one answer', async (t) => {
  const world = await makeWorld(t)
  const channel = await TestChannel.open(world.actors.outsider)
  const forbidden = await channel.say(world.conversationId, 'let me in', { epoch: 2n })
  const missing = await channel.say(makeId<ConversationId>(systemRandom), 'let me in', { epoch: 2n })
  assert.deepEqual({ ...forbidden, requestId: 0 }, { ...missing, requestId: 0 })
})
