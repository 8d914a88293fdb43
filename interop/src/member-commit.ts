/**
 * One commit by a member: proposals of others first, then what the committer adds; everybody processes all of it.
 */
import { checkAgreement, deliverMessage, exchangeMessages, sendMessage, type SentMessage, validateAsJoiner } from './agreement.js'
import { meetsUnmergedLeavesDifference, TS_MLS_REFILLED_LEAF, TS_MLS_UNMERGED_LEAVES } from './known-differences.js'
import type { Change, Client, Committed, Kind } from './member.js'
import { ProposalChoice } from './proposal-choice.js'
import { type LiveSeat, nameSeat, type Seat, type World } from './world.js'

/** What a commit of the schedule is to be like. */
export interface CommitWish {
  readonly maxMembers: number
  /** At least this many adds by value: for growing a new group. */
  readonly adds?: number
}

/** By value: what each implementation's committers can put into a commit themselves. */
const BY_VALUE: Readonly<Record<Kind, readonly Exclude<Change['kind'], 'update'>[]>> = {
  famichat: ['add', 'add', 'remove', 'remove', 'externalPsk', 'resumptionPsk', 'extensions'],
  'ts-mls': ['add', 'add', 'remove', 'remove', 'externalPsk', 'resumptionPsk'],
  openmls: [],
}

/** Lets a member commit, and everybody follow. */
export const commitByMember = async (world: World, { maxMembers, adds = 0 }: CommitWish): Promise<void> => {
  const { chance } = world
  const committer = chance.pick(world.liveOf(world.pickKind()))
  const choice = new ProposalChoice(world, maxMembers)
  choice.take(committer)
  const late = chance.percent(25) ? await sendMessage(world, chance.pick(world.live)) : undefined
  const proposed = adds === 0 && chance.percent(40) ? await proposeSome(world, { committer, choice }) : []
  if (chance.percent(10)) await loseRace(world, committer)
  const changes = adds > 0 ? await chooseAdds(choice, adds) : await chooseByValue(world, { kind: committer.client.kind, choice })
  const words = [...proposed.map((kind) => `${kind} by reference`), ...changes.map(({ kind }) => kind)].join(', ')
  world.say(`${nameSeat(committer)} commits ${words === '' ? 'fresh keys' : words}`)
  const committed = await committer.member.commit({ changes, withPath: chance.percent(70) })
  const { tally } = world.run
  tally.commits.add(committer.client.kind)
  for (const { kind } of changes) tally.byValue.add(kind)
  for (const kind of proposed) tally.byReference.add(kind)
  await distribute(world, { committer, committed, choice })
  await afterCommit(world, late)
}

/** What must hold once everybody is in the new epoch. */
export const afterCommit = async (world: World, late?: SentMessage): Promise<void> => {
  await checkAgreement(world)
  if (late !== undefined) await deliverLate(world, late)
  await exchangeMessages(world)
  if (world.seats.length <= 16 || world.chance.percent(25)) await validateAsJoiner(world)
}

/** A proposal or commit on its way. */
export interface Handshake {
  readonly from: Client
  readonly handshake: Uint8Array
  /** What it is, in words. */
  readonly what: string
  /** Whom a commit removes. */
  readonly leaving?: ReadonlySet<Seat>
}

/** Whom a commit removed. */
export interface Removed {
  readonly aware: readonly LiveSeat[]
  /** Members of ts-mls that could not process it because their leaves were taken again at once. */
  readonly unaware: readonly LiveSeat[]
}

/** Delivers a proposal or commit to everybody but its sender. */
export const deliverHandshake = async (world: World, { from, handshake, what, leaving }: Handshake): Promise<Removed> => {
  const aware: LiveSeat[] = []
  const unaware: LiveSeat[] = []
  for (const seat of world.live.filter(({ client }) => client !== from)) {
    try {
      if (!await seat.member.receive(handshake)) aware.push(seat)
    } catch (error) {
      const isKnown = seat.client.kind === 'ts-mls' && leaving?.has(seat) === true && error instanceof Error && error.message.includes(TS_MLS_REFILLED_LEAF)
      if (!isKnown) throw new Error(`${nameSeat(seat)} refuses ${what} of ${from.kind}`, { cause: error })
      world.say(`${nameSeat(seat)} cannot process its removal (ts-mls.refilled_leaf)`)
      world.run.tally.differences.add('ts-mls.refilled_leaf')
      unaware.push(seat)
    }
    if (leaving !== undefined) world.run.tally.processed.add(`${from.kind}>${seat.client.kind}`)
  }
  return { aware, unaware }
}

const proposeSome = async (
  world: World, { committer, choice }: { readonly committer: LiveSeat; readonly choice: ProposalChoice },
): Promise<readonly Change['kind'][]> => {
  const { chance } = world
  const kinds: Change['kind'][] = []
  for (let count = chance.between(1, 4); count > 0; count--) {
    const proposer = chance.maybePick(world.live.filter(({ member }) => member.propose !== undefined))
    if (proposer?.member.propose === undefined) continue
    const change = await chooseProposal(world, { proposer, committer, choice })
    if (change === undefined) continue
    world.say(`${nameSeat(proposer)} proposes ${change.kind}`)
    const handshake = await proposer.member.propose(change)
    await deliverHandshake(world, { from: proposer.client, handshake, what: `the ${change.kind} proposal` })
    kinds.push(change.kind)
  }
  return kinds
}

const chooseProposal = async (
  world: World, { proposer, committer, choice }: { readonly proposer: LiveSeat; readonly committer: LiveSeat; readonly choice: ProposalChoice },
): Promise<Change | undefined> => {
  const kind = world.chance.pick(['update', 'update', 'add', 'remove', 'externalPsk', 'resumptionPsk', 'extensions'] as const)
  // ts-mls commits neither extensions (README.md) nor leaves its own Update out
  if (kind === 'extensions' && committer.client.kind === 'ts-mls') return undefined
  if (kind !== 'update') return choice.make(kind)
  if (choice.isTaken(proposer)) return undefined
  choice.take(proposer)
  return { kind }
}

const chooseAdds = async (choice: ProposalChoice, adds: number): Promise<readonly Change[]> => {
  const changes: Change[] = []
  for (let count = adds; count > 0; count--) changes.push(...await choose(choice, 'add'))
  return changes
}

const chooseByValue = async (world: World, { kind, choice }: { readonly kind: Kind; readonly choice: ProposalChoice }): Promise<readonly Change[]> => {
  const { chance } = world
  // core-crypto commits adds, or removes, or nothing of its own
  const openMlsKind = chance.pick(['add', 'remove'] as const)
  const changes: Change[] = []
  for (let count = chance.between(0, 3); count > 0; count--) {
    changes.push(...await choose(choice, kind === 'openmls' ? openMlsKind : chance.pick(BY_VALUE[kind])))
  }
  return changes
}

const choose = async (choice: ProposalChoice, kind: Exclude<Change['kind'], 'update'>): Promise<readonly Change[]> => {
  const change = await choice.make(kind)
  return change === undefined ? [] : [change]
}

/** Another member commits in the same epoch, and gives up. */
const loseRace = async (world: World, committer: LiveSeat): Promise<void> => {
  const rival = world.chance.maybePick(world.liveOf('famichat').filter((seat) => seat !== committer))
  if (rival?.member.discard === undefined) return
  await rival.member.commit({ changes: [], withPath: true })
  rival.member.discard()
  world.run.tally.lost.add('famichat')
}

const distribute = async (world: World, { committer, committed, choice }: {
  readonly committer: LiveSeat; readonly committed: Committed; readonly choice: ProposalChoice
}): Promise<void> => {
  const { aware, unaware } = await deliverHandshake(world, { from: committer.client, handshake: committed.commit, what: 'the commit', leaving: choice.leaving })
  await committer.member.merge()
  world.extensions = choice.extensions ?? world.extensions
  world.committedGroupInfo = committed.groupInfo
  const joinedEpoch = (await committer.member.facts()).epoch
  // leaves are numbered by our engine's view, once the newcomers have their seats
  for (const client of choice.joining) world.seats.push({ client, member: undefined, leaf: -1, joinedEpoch })
  for (const seat of [...aware, ...unaware]) await leave(seat)
  const gone = world.syncSeats()
  for (const seat of gone) {
    if (seat.member !== undefined) throw new Error(`${nameSeat(seat)} did not notice that it was removed`)
    world.outside.push(seat.client)
  }
  const strayed = aware.find((seat) => !gone.some((other) => other === seat))
  if (strayed !== undefined) throw new Error(`${nameSeat(strayed)} thinks that it was removed`)
  const unexplained = unaware.find((seat) => !world.seats.some(({ leaf }) => leaf === seat.leaf))
  if (unexplained !== undefined) throw new Error(`${nameSeat(unexplained)} did not notice that it was removed, and nobody took its leaf`)
  for (const client of choice.joining) await join(world, { client, adder: committer.client, welcome: committed.welcome })
}

const leave = async (seat: Seat): Promise<void> => {
  await seat.member?.leave()
  seat.member = undefined
}

const join = async (world: World, { client, adder, welcome }: {
  readonly client: Client; readonly adder: Client; readonly welcome: Uint8Array | undefined
}): Promise<void> => {
  const seat = world.seats.find((candidate) => candidate.client === client)
  if (seat === undefined || welcome === undefined) throw new Error('a newcomer has no seat or no Welcome')
  try {
    seat.member = await client.join(welcome, world.surroundings.groupId)
    world.run.tally.joined.add(`${adder.kind}>${client.kind}`)
  } catch (error) {
    const isKnown = client.kind === 'ts-mls' && error instanceof Error && error.message === TS_MLS_UNMERGED_LEAVES
    if (!isKnown || !meetsUnmergedLeavesDifference(await world.reference.groupInfo())) {
      throw new Error(`${nameSeat(seat)} cannot join by the Welcome of ${adder.kind}`, { cause: error })
    }
    world.say(`${nameSeat(seat)} stays out (ts-mls.unmerged_leaves)`)
    world.run.tally.differences.add('ts-mls.unmerged_leaves')
  }
}

/** A message of the epoch before is still read by who was there (§15.3). */
const deliverLate = async (world: World, late: SentMessage): Promise<void> => {
  const { epoch } = await world.reference.facts()
  const isSenderHere = world.seats.some(({ client }) => client === late.sender.client)
  // core-crypto looks the sender up among the members of today
  await deliverMessage(late, world.live.filter(({ client, joinedEpoch }) =>
    joinedEpoch < epoch && client !== late.sender.client && (isSenderHere || client.kind !== 'openmls')))
}
