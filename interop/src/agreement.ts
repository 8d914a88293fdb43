/**
 * Agreement: after every commit all members must have the same secrets, the tree must pass a full join,
 * and messages must go between every pair of implementations.
 */
import { equal, toHex } from '@famichat/base'
import { decodeMessage } from '../../packages/mls/dist/wire/message.js'
import { KINDS } from './member.js'
import { type LiveSeat, nameSeat, type World } from './world.js'

/** Receivers of each implementation per message, in groups too large for everybody to read everything. */
const MAX_READERS_PER_KIND = 2
const SMALL_GROUP = 6

/** @throws Error when a member disagrees with our engine */
export const checkAgreement = async (world: World): Promise<void> => {
  const { tally } = world.run
  const expected = await world.reference.facts()
  for (const seat of world.live) {
    const facts = await seat.member.facts()
    if (facts.epoch !== expected.epoch) throw new Error(`${nameSeat(seat)} is in epoch ${facts.epoch.toString()}, our engine in ${expected.epoch.toString()}`)
    for (const name of ['epochAuthenticator', 'treeHash', 'exported'] as const) {
      if (facts[name] === undefined) continue
      expectEqual(`${name} of ${nameSeat(seat)}`, facts[name], expected[name] ?? facts[name])
      tally.agreed.add(name)
    }
  }
  await checkExporter(world)
  checkCommittedGroupInfo(world, expected.treeHash ?? new Uint8Array(0))
}

/** Any label and context, where it can be read (§8.5). */
const checkExporter = async (world: World): Promise<void> => {
  const { chance } = world
  const label = toHex(chance.bytes(chance.between(0, 8)))
  const context = chance.bytes(chance.between(0, 40))
  const length = chance.between(1, 200)
  const expected = await world.reference.exportSecret(label, context, length)
  for (const seat of world.live) {
    const exported = await seat.member.exportSecret?.(label, context, length)
    if (exported !== undefined) expectEqual(`exported secret of ${nameSeat(seat)}`, exported, expected)
  }
}

/** core-crypto shows its tree hash only in the GroupInfo that goes with its own commit. */
const checkCommittedGroupInfo = (world: World, treeHash: Uint8Array): void => {
  if (world.committedGroupInfo === undefined) return
  const message = decodeMessage(world.committedGroupInfo)
  if (!('groupInfo' in message)) throw new TypeError('core-crypto gave something else than a GroupInfo')
  expectEqual('tree hash in the GroupInfo of the committer', message.groupInfo.groupContext.treeHash, treeHash)
  world.run.tally.agreed.add('treeHash')
}

/** Our engine validates the whole tree, as a joiner does, without joining. */
export const validateAsJoiner = async (world: World): Promise<void> => {
  const observer = await world.observer()
  const { groupId } = world.surroundings
  const { member } = await observer.joinExternally({ groupInfo: await world.reference.groupInfo(), groupId, removes: undefined, pskIds: [] })
  await member.leave()
  world.run.tally.validatedTrees++
}

/** Every implementation sends, and every other one, its own kind included, reads. */
export const exchangeMessages = async (world: World): Promise<void> => {
  const { chance } = world
  for (const kind of KINDS) {
    const sender = chance.maybePick(world.liveOf(kind))
    if (sender === undefined) continue
    const messages = []
    for (let count = chance.percent(20) ? 2 : 1; count > 0; count--) messages.push(await sendMessage(world, sender))
    // the later one first: the key of the earlier has to be kept (§9.2)
    for (const message of messages.reverse()) await deliverMessage(message, readersOf(world, sender))
  }
}

/** A message on its way. */
export interface SentMessage {
  readonly world: World
  readonly sender: LiveSeat
  readonly plaintext: Uint8Array
  readonly message: Uint8Array
}

export const sendMessage = async (world: World, sender: LiveSeat): Promise<SentMessage> => {
  const plaintext = world.chance.bytes(world.chance.between(0, world.chance.percent(10) ? 5000 : 300))
  return { world, sender, plaintext, message: await sender.member.protect(plaintext) }
}

export const deliverMessage = async ({ world, sender, plaintext, message }: SentMessage, readers: readonly LiveSeat[]): Promise<void> => {
  for (const reader of readers) {
    expectEqual(`message of ${nameSeat(sender)} as ${nameSeat(reader)} reads it`, await reader.member.open(message), plaintext)
    world.run.tally.read.add(`${sender.client.kind}>${reader.client.kind}`)
  }
}

const readersOf = (world: World, sender: LiveSeat): readonly LiveSeat[] => {
  const others = world.live.filter((seat) => seat !== sender)
  if (others.length <= SMALL_GROUP) return others
  return KINDS.flatMap((kind) => world.chance.sample(others.filter(({ client }) => client.kind === kind), MAX_READERS_PER_KIND))
}

const expectEqual = (what: string, actual: Uint8Array, expected: Uint8Array): void => {
  if (!equal(actual, expected)) throw new Error(`${what} is ${toHex(actual)}, expected ${toHex(expected)}`)
}
