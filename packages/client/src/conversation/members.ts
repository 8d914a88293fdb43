/**
 * The members of a group as people and devices: read from the certificates in its leaves, which the engine has validated.
 */
import type { Group, LeafIndex, LeafNode } from '@famichat/mls'
import type { AccountId, DeviceId } from '@famichat/protocol'
import { certificateOf } from '../identity/trust.js'

/** A device in a conversation. */
export interface MemberDevice {
  readonly accountId: AccountId
  readonly deviceId: DeviceId
}

/** A device at its place in the tree; the place is good for one epoch. */
export interface PlacedDevice extends MemberDevice {
  readonly leafIndex: LeafIndex
}

const known = new WeakMap<LeafNode, MemberDevice>()

/** Whose leaf this is. */
export const deviceOfLeaf = (leafNode: LeafNode): MemberDevice => {
  const cached = known.get(leafNode)
  if (cached !== undefined) return cached
  const { accountId, deviceId } = certificateOf(leafNode.credential)
  const device = { accountId, deviceId }
  known.set(leafNode, device)
  return device
}

const placed = new WeakMap<Group, { readonly epoch: bigint; readonly members: readonly PlacedDevice[] }>()

/** Every device in the group, in leaf order. In one epoch it is the same array each time: what is worked out from it may be kept beside it. */
export const membersOf = (group: Group): readonly PlacedDevice[] => {
  const { epoch } = group
  const kept = placed.get(group)
  if (kept?.epoch === epoch) return kept.members
  const members = group.members.map(({ leafIndex, leafNode }) => ({ leafIndex, ...deviceOfLeaf(leafNode) }))
  placed.set(group, { epoch, members })
  return members
}

/** The devices of each account, both in their order. */
export const devicesByAccount = (devices: readonly MemberDevice[]): ReadonlyMap<AccountId, readonly DeviceId[]> => {
  const byAccount = new Map<AccountId, DeviceId[]>()
  for (const { accountId, deviceId } of devices) {
    const own = byAccount.get(accountId)
    if (own === undefined) byAccount.set(accountId, [deviceId])
    else own.push(deviceId)
  }
  return byAccount
}

/** The accounts of some devices, each once, in their order. */
export const accountsOf = (devices: readonly MemberDevice[]): readonly AccountId[] => [...new Set(devices.map(({ accountId }) => accountId))]
