/**
 * One external commit (RFC 9420 §12.4.3.2): a newcomer adds itself, or a member that lost its state comes back.
 */
import { afterCommit, deliverHandshake } from './member-commit.js'
import { meetsUnmergedLeavesDifference } from './known-differences.js'
import { nameSeat, type Seat, type World } from './world.js'

/** Somebody joins without a Welcome. Says whether it was possible. */
export const commitFromOutside = async (world: World, { maxMembers }: { readonly maxMembers: number }): Promise<boolean> => {
  const { chance } = world
  const returning = chance.percent(40) || world.seats.length >= maxMembers ? chance.pick(world.seats) : undefined
  const groupInfo = chance.percent(50) ? world.committedGroupInfo ?? await world.reference.groupInfo() : await world.reference.groupInfo()
  const tsMlsRefuses = world.hasTsMls && meetsUnmergedLeavesDifference(groupInfo)
  if (returning?.client.kind === 'ts-mls' && tsMlsRefuses) return false
  if (returning !== undefined && world.hasOpenMls && leavesFullTree(world, returning)) return false
  const client = returning?.client ?? await world.newcomer(tsMlsRefuses ? 'famichat' : undefined)
  world.say(`${client.kind} joins by external commit${returning === undefined ? '' : `, in place of ${nameSeat(returning)}`}`)

  const withPsk = client.kind === 'famichat' && !world.hasOpenMls && chance.percent(30)
  const { member, commit } = await client.joinExternally({
    groupInfo,
    groupId: world.surroundings.groupId,
    removes: returning?.leaf,
    pskIds: withPsk ? [chance.bytes(8)] : [],
  })
  world.run.tally.externalCommits.add(client.kind)
  if (returning !== undefined) await forget(world, returning)
  const { aware } = await deliverHandshake(world, { from: client, handshake: commit, what: 'the commit', leaving: new Set() })
  if (aware.length > 0) throw new Error(`${aware.map(nameSeat).join()} thinks that it was removed`)
  world.committedGroupInfo = undefined
  world.seats.push({ client, member, leaf: -1, joinedEpoch: (await member.facts()).epoch })
  world.syncSeats()
  await afterCommit(world)
  return true
}

/** The old appearance of a member is gone, with its state. */
const forget = async (world: World, seat: Seat): Promise<void> => {
  if (seat.client.kind !== 'openmls') await seat.member?.leave()
  world.seats = world.seats.filter((other) => other !== seat)
}


/**
 * True when the tree shrinks to a full one as this leaf is removed, and grows again for the joiner, at another leaf.
 * OpenMLS then still has the removed leaf in the regrown half: the Remove has no effect for it (README.md).
 */
const leavesFullTree = ({ seats }: World, removed: Seat): boolean => {
  const leaves = seats.filter((seat) => seat !== removed).map(({ leaf }) => leaf)
  let leafCount = 1
  while (leafCount <= Math.max(0, ...leaves)) leafCount *= 2
  return leaves.length === leafCount && removed.leaf > leafCount
}
