/**
 * The community as a person sees it: households with their people, who may be invited as what, and the devices of children
 * that wait for a guardian. What the server tells here decides about comfort, never about keys.
 */
import { type AccountId, AccountRole, type DeviceId, DeviceState, type FamilyId, FamilyRole, type InviteFor, InvitePlace } from '@famichat/protocol'
import { ClientError } from '../client-error.js'
import type { Engine } from '../engine.js'
import { type AuditLine, auditLines } from './audit-trail.js'
import { readDeviceNames } from './device-names.js'
import { type People, readCertificate } from './directory.js'

/** As what somebody is invited: into the inviter's family, or at the head of a new one. */
export type InvitedAs = 'adult' | 'guardian' | 'child' | 'family'

/** A person in a family. */
export interface FamilyMember {
  readonly accountId: AccountId
  readonly name: string
  readonly familyRole: 'adult' | 'guardian' | 'child'
  readonly isCommunityAdmin: boolean
}

/** A household with its people. */
export interface Family {
  readonly familyId: FamilyId
  readonly name: string
  readonly isOwn: boolean
  readonly members: readonly FamilyMember[]
}

/** A child's device that waits to be let in. */
export interface PendingDevice {
  readonly deviceId: DeviceId
  readonly accountId: AccountId
  /** The child's. */
  readonly name: string
  /** What the device is called, where this device made the invite that it came by. */
  readonly deviceName: string | undefined
  /** When the child's account certified it; undefined where that cannot be read. */
  readonly addedAtMs: number | undefined
}

/** What a child's grown-ups can do: the same for the child and for them, because both are shown this. */
export interface Transparency {
  readonly name: string
  /** Who lets devices in and shuts them out. */
  readonly guardians: readonly string[]
  readonly devices: readonly {
    readonly deviceId: DeviceId
    readonly state: 'in' | 'waiting' | 'removed'
    /** When the child's account certified it; undefined where that cannot be read. */
    readonly addedAtMs: number | undefined
  }[]
}

/** Roles to give; what is undefined stays. */
interface RoleChanges {
  readonly familyRole: FamilyMember['familyRole'] | undefined
  readonly isCommunityAdmin: boolean | undefined
}

const FAMILY_ROLES: Readonly<Record<FamilyMember['familyRole'], FamilyRole>> = { adult: FamilyRole.adult, guardian: FamilyRole.admin, child: FamilyRole.child }
const ROLE_NAMES = { [FamilyRole.adult]: 'adult', [FamilyRole.admin]: 'guardian', [FamilyRole.child]: 'child' } as const

const INVITES: Readonly<Record<InvitedAs, InviteFor>> = {
  adult: { place: InvitePlace.ownFamily, familyRole: FAMILY_ROLES.adult },
  guardian: { place: InvitePlace.ownFamily, familyRole: FAMILY_ROLES.guardian },
  child: { place: InvitePlace.ownFamily, familyRole: FAMILY_ROLES.child },
  family: { place: InvitePlace.newFamily },
}

/** The place an invite gives. */
export const inviteFor = (invitedAs: InvitedAs): InviteFor => INVITES[invitedAs]

/** Households, and what a guardian does. */
export class Community {
  readonly #engine: Engine
  readonly #ownAccount: AccountId

  constructor(engine: Engine) {
    this.#engine = engine
    this.#ownAccount = engine.workspace.context.identity.accountId
  }

  /** The households with their people, one's own first. */
  async families(): Promise<readonly Family[]> {
    return familiesOf(await this.#people(), this.#ownAccount)
  }

  /** True while this device waits for a guardian: until then the server answers nothing else. */
  async isPending(): Promise<boolean> {
    return (await this.#engine.connection.calls.call('deviceState', {})).state === DeviceState.pending
  }

  /** Devices of children that wait for this account. */
  async pendingDevices(): Promise<readonly PendingDevice[]> {
    const people = await this.#people()
    return pendingDevicesOf(people, this.#ownAccount, await readDeviceNames(this.#engine.workspace.context.store))
  }

  /** What the grown-ups of a child can do. @throws ClientError `client.member.unknown` for anybody who is no child */
  async transparency(accountId: string): Promise<Transparency> {
    const { accounts } = await this.#people()
    const child = accounts.find((account) => account.accountId === accountId && account.familyRole === FamilyRole.child)
    if (child === undefined) throw new ClientError('client.member.unknown')
    return {
      name: child.accountName,
      guardians: accounts.filter(({ familyId, familyRole, isEnded }) => familyId === child.familyId && familyRole === FamilyRole.admin && !isEnded).map(({ accountName }) => accountName),
      devices: child.devices.map(({ deviceId, isRevoked, isPending, certificate }) =>
        ({ deviceId, state: isRevoked ? 'removed' : isPending ? 'waiting' : 'in', addedAtMs: readCertificate(certificate)?.createdAtMs })),
    }
  }

  /** Lets a child's device in. @throws ClientError `client.device.unknown` */
  async approveDevice(idOrPrefix: string): Promise<PendingDevice> {
    const device = oneOf(await this.pendingDevices(), idOrPrefix)
    await this.#engine.connection.calls.call('deviceApprove', { deviceId: device.deviceId })
    return device
  }

  /** Turns a child's waiting device away for good. @throws ClientError `client.device.unknown` */
  async refuseDevice(idOrPrefix: string): Promise<PendingDevice> {
    const device = oneOf(await this.pendingDevices(), idOrPrefix)
    await this.#engine.connection.calls.call('deviceRevoke', { deviceId: device.deviceId, deviceList: undefined })
    return device
  }

  /**
   * Ends a person's account for good: all its devices are shut out at once, and leave the conversations in which somebody who decides
   * is online. For admins of the community, for guardians in their family, and for adults their own.
   * @throws ClientError `client.member.unknown` | `client.account.ended` | ProtocolError `protocol.access.refused` | `protocol.role.last_admin`
   */
  async endAccount(name: string): Promise<void> {
    const { accountId, isEnded } = (await this.#people()).named(name)
    if (isEnded) throw new ClientError('client.account.ended')
    await this.#engine.connection.calls.call('accountEnd', { accountId })
    // of oneself there is nothing left to bring up to date
    if (accountId !== this.#ownAccount) await this.#engine.sync()
  }

  /**
   * Gives a person other roles: the community's by its admins, a family's by its guardians.
   * @throws ClientError `client.member.unknown` | `client.account.ended` | ProtocolError `protocol.access.refused` | `protocol.role.last_admin`
   */
  async changeRoles(name: string, { familyRole, isCommunityAdmin }: RoleChanges): Promise<void> {
    const { accountId, isEnded } = (await this.#people()).named(name)
    if (isEnded) throw new ClientError('client.account.ended')
    await this.#engine.connection.calls.call('roleChange', {
      accountId,
      role: isCommunityAdmin === undefined ? undefined : isCommunityAdmin ? AccountRole.admin : AccountRole.member,
      familyRole: familyRole && FAMILY_ROLES[familyRole],
    })
    await this.#engine.refreshPeople()
  }

  /** What was done in the community, newest first. @throws ProtocolError `protocol.access.refused` for anybody but its admins */
  async audit(): Promise<readonly AuditLine[]> {
    const trail = await this.#engine.connection.calls.call('auditList', {})
    return auditLines(trail, await this.#people())
  }

  async #people(): Promise<People> {
    await this.#engine.refreshPeople()
    return this.#engine.people
  }
}

/** The one device with this id, or with an id that begins so (4 characters or more). @throws ClientError `client.device.unknown` */
export const oneOf = <Device extends { readonly deviceId: DeviceId }>(devices: readonly Device[], idOrPrefix: string): Device => {
  const found = devices.filter(({ deviceId }) => deviceId === idOrPrefix || (idOrPrefix.length >= 4 && deviceId.startsWith(idOrPrefix)))
  const [device] = found
  if (device === undefined || found.length > 1) throw new ClientError('client.device.unknown')
  return device
}

const familiesOf = ({ families, accounts }: People, ownAccount: AccountId): readonly Family[] => {
  const own = accounts.find(({ accountId }) => accountId === ownAccount)?.familyId
  return families.map(({ familyId, familyName }): Family => ({
    familyId,
    name: familyName,
    isOwn: familyId === own,
    members: accounts.filter((account) => account.familyId === familyId && !account.isEnded).map(({ accountId, accountName, familyRole, role }): FamilyMember =>
      ({ accountId, name: accountName, familyRole: ROLE_NAMES[familyRole], isCommunityAdmin: role === AccountRole.admin })),
  })).sort((a, b) => Number(b.isOwn) - Number(a.isOwn))
}

/** Of the children of the family, when this account is their guardian. */
const pendingDevicesOf = ({ accounts }: People, ownAccount: AccountId, names: Awaited<ReturnType<typeof readDeviceNames>>): readonly PendingDevice[] => {
  const guardian = accounts.find(({ accountId, familyRole }) => accountId === ownAccount && familyRole === FamilyRole.admin)
  if (guardian === undefined) return []
  return accounts.filter(({ familyId, familyRole }) => familyId === guardian.familyId && familyRole === FamilyRole.child)
    .flatMap(({ accountId, accountName, devices }) => devices.filter(({ isPending, isRevoked }) => isPending && !isRevoked)
      .map(({ deviceId, certificate }): PendingDevice =>
        ({ deviceId, accountId, name: accountName, deviceName: names.get(deviceId)?.name, addedAtMs: readCertificate(certificate)?.createdAtMs })))
}
