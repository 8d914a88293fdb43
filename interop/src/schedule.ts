/**
 * Schedule: one group from its creation on, all of it decided by one seed.
 */
import { Chance } from './chance.js'
import { commitFromOutside } from './external-join.js'
import { FamichatClient } from './famichat-client.js'
import { checkAgreement } from './agreement.js'
import { commitByMember } from './member-commit.js'
import type { Kind, Surroundings } from './member.js'
import { PRIVATE_EXTENSION, randomExtensions } from './proposal-choice.js'
import { nameSeat, type RunContext, World } from './world.js'

/** How large and how long a schedule is. */
export interface Plan {
  readonly maxMembers: number
  readonly commits: number
}

/** Plans schedules, each from its own seed. */
export type Profile = (chance: Chance) => Plan

/** Short schedules of small groups, some of them a bit larger; and long ones of up to 50 members. */
export const PROFILES: Readonly<Record<'short' | 'long', Profile>> = {
  short: (chance) => (chance.percent(85)
    ? { maxMembers: chance.between(2, 6), commits: chance.between(2, 4) }
    : { maxMembers: chance.between(8, 14), commits: chance.between(7, 11) }),
  long: (chance) => ({
    maxMembers: chance.percent(60) ? chance.between(2, 10) : chance.between(11, chance.percent(70) ? 25 : 50),
    commits: chance.between(8, 30),
  }),
}

/** A schedule that did not come to its end; the message tells the story. */
export class ScheduleFailure extends Error {
  override readonly name = 'ScheduleFailure'
}

const LOG_LINES_TOLD = 15

/** Runs the schedule of a seed. @throws ScheduleFailure */
export const runSchedule = async (run: RunContext, seed: number, profile: Profile): Promise<void> => {
  const chance = new Chance(seed)
  const world = makeWorld(run, chance, seed)
  try {
    await play(world, profile)
    await world.end()
  } catch (error) {
    const told = world.log.slice(-LOG_LINES_TOLD).map((line) => `    ${line}`).join('\n')
    throw new ScheduleFailure(`after ${world.log.length} steps, the last of them:\n${told}`, { cause: error })
  }
  run.tally.schedules++
}

const makeWorld = (run: RunContext, chance: Chance, seed: number): World => {
  const kinds = chance.pick<readonly Kind[]>([
    ['famichat', 'ts-mls', 'openmls'], ['famichat', 'ts-mls', 'openmls'], ['famichat', 'ts-mls'], ['famichat', 'openmls'],
  ])
  const hasOpenMls = kinds.includes('openmls')
  const surroundings: Surroundings = {
    suiteId: chance.between(1, 3),
    groupId: new TextEncoder().encode(`interop ${seed.toString()} ${run.openMls.nextNumber().toString()}`),
    // core-crypto takes no other
    publicHandshakes: hasOpenMls || chance.percent(50),
    extensionTypes: hasOpenMls ? [] : [PRIVATE_EXTENSION],
    psk: (pskId) => Uint8Array.from([...pskId].reverse()),
    random: chance.bytes,
  }
  return new World(run, { chance, kinds, surroundings })
}

const play = async (world: World, profile: Profile): Promise<void> => {
  const { chance, run: { tally } } = world
  const { maxMembers, commits } = profile(chance)
  world.say(`suite ${world.surroundings.suiteId}, up to ${maxMembers} members of ${world.kinds.join(', ')}`)
  await found(world)
  await checkAgreement(world)
  for (let done = 0; done < commits; done++) {
    const missing = maxMembers - world.seats.length
    if (done === 0 || (done <= 2 && missing > 1)) {
      await commitByMember(world, { maxMembers, adds: chance.between(Math.ceil(missing / 2), missing) })
    } else if (!chance.percent(20) || !await commitFromOutside(world, { maxMembers })) {
      await commitByMember(world, { maxMembers })
    }
    tally.sizes.add(`${world.seats.length}`)
    tally.suites.add(`${world.surroundings.suiteId}`)
  }
}

/** Any kind creates the group; when that is a peer, its first commit adds a member of ours. */
const found = async (world: World): Promise<void> => {
  const { chance } = world
  const kind = chance.pick(world.kinds)
  const client = await world.newcomer(kind)
  const extensions = chance.percent(50) ? randomExtensions(world) : []
  const { groupId } = world.surroundings
  const member = await client.found({ groupId, extensions })
  const founder = { client, member, leaf: 0, joinedEpoch: 0n }
  world.seats = [founder]
  world.say(`${nameSeat(founder)} creates the group`)
  if (kind === 'famichat') return
  const ours = await FamichatClient.create(world.newIdentity(), world.surroundings)
  const { commit, welcome } = await member.commit({ changes: [{ kind: 'add', keyPackage: await ours.keyPackage() }], withPath: true })
  await member.merge()
  if (welcome === undefined || commit.length === 0) throw new Error(`${kind} added a member without a Welcome`)
  world.seats.push({ client: ours, member: await ours.join(welcome), leaf: 1, joinedEpoch: 1n })
  world.run.tally.commits.add(kind)
  world.run.tally.joined.add(`${kind}>famichat`)
}
