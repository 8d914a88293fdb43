/**
 * The parts of an open client, put together, and the round that brings everything up to date.
 */
import { isCodedError } from '@famichat/base'
import type { AccountId, ConversationId, DeviceId } from '@famichat/protocol'
import { Catalogue } from './conversation/catalogue.js'
import { Transfers } from './archive/transfers.js'
import { Changes } from './conversation/changes.js'
import { Commits } from './conversation/commits.js'
import { Delivery } from './conversation/delivery.js'
import { Files } from './conversation/files.js'
import { Healing } from './conversation/healing.js'
import { Leaving } from './conversation/leaving.js'
import { Live } from './conversation/live.js'
import { membersOf } from './conversation/members.js'
import { Messaging } from './conversation/messaging.js'
import { noteKeyChange } from './conversation/members-changed.js'
import { Outbox } from './conversation/outbox.js'
import { Resending } from './conversation/resending.js'
import { isConnectionLoss } from './conversation/retry.js'
import { Upkeep } from './conversation/upkeep.js'
import { takeWelcomes } from './conversation/welcomes.js'
import { Workspace, type WorkspaceContext } from './conversation/workspace.js'
import { DeviceLists } from './identity/device-lists.js'
import { People } from './identity/directory.js'
import { readKeyChanges } from './identity/key-changes.js'
import { readImpostors } from './identity/invite-secrets.js'
import { checkInvites } from './identity/inviting.js'
import { topUpKeyPackages } from './identity/key-packages.js'
import { findStrayDevices } from './identity/stray-devices.js'
import { Connection } from './net/connection.js'
import type { Surroundings } from './platform.js'
import { ConversationState } from './store/records.js'

/** Something that is not as it should be, and did not stop the rest. */
export interface Problem {
  /** Undefined when it is about Welcomes, or about a person. */
  readonly conversationId: ConversationId | undefined
  /** The person it is about, if it is about one. */
  readonly accountId?: AccountId
  /** The device of that person it is about, if it is about one, and in how many conversations with them it is. */
  readonly deviceId?: DeviceId
  readonly conversations?: { readonly in: number; readonly of: number }
  readonly code: string
}

/** What a client is made of. */
export interface Engine {
  readonly workspace: Workspace
  readonly connection: Connection
  readonly delivery: Delivery
  readonly outbox: Outbox
  readonly messaging: Messaging
  readonly commits: Commits
  readonly upkeep: Upkeep
  readonly healing: Healing
  readonly leaving: Leaving
  readonly people: People
  readonly lists: DeviceLists
  readonly transfers: Transfers
  readonly catalogue: Catalogue
  readonly changes: Changes
  readonly live: Live
  refreshPeople(): Promise<void>
  sync(): Promise<readonly Problem[]>
  /** Takes waiting Welcomes and reads the logs of what was joined. */
  takeInvitations(): Promise<readonly Problem[]>
}

/** Puts the parts together. */
export const makeEngine = (
  surroundings: Surroundings, { groupConfig, identity, trust, psks }: Pick<WorkspaceContext, 'groupConfig' | 'identity' | 'trust' | 'psks'>,
): Engine => {
  const { store, suite, clock, random, sleep, timer, onPoint, network } = surroundings
  const changes = new Changes()
  const onWritten = (conversationId: ConversationId): void => { changes.tell(conversationId) }
  const workspace = new Workspace({ store, suite, groupConfig, identity, trust, psks, clock, random, onPoint, onWritten })
  const connection: Connection = new Connection({
    identity, network, clock, random, timer,
    listener: { onFrame: (frame) => { live.onFrame(frame) }, onClosed: () => { live.onClosed() } },
  })
  const lists = new DeviceLists({ store, suite, trust, calls: connection.calls })
  const people = new People(workspace.context, lists)
  const delivery = new Delivery({ workspace, connection, lists, explainGap: () => healing.look(), sleep })
  const commits = new Commits({ workspace, connection, delivery, sleep })
  const settle = async (conversationId: ConversationId): Promise<void> => { await commits.settle(conversationId) }
  const outbox = new Outbox({ workspace, connection, delivery, settle, sleep })
  const healing: Healing = new Healing({ workspace, connection, people })
  const resending = new Resending({ workspace, outbox })
  const leaving = new Leaving({ workspace, connection, outbox, people })
  const upkeep = new Upkeep({ workspace, connection, delivery, outbox, commits, people, healing, resending, leaving })

  const files = new Files({ workspace, connection, sleep })
  const messaging = new Messaging({ workspace, outbox, delivery, upkeep, files, sleep })

  const readDirectory = async (): Promise<void> => {
    const changed = await people.take(await connection.calls.call('directory', {}))
    for (const accountId of changed) await noteKeyChange(workspace, accountId)
  }

  const refreshPeople = async (): Promise<void> => {
    await readDirectory()
    if (await lists.giveBack(people.accounts)) await readDirectory()
    await lists.follow(people.accounts)
    await lists.keep(identity.accountId)
    if (!connection.calls.isNarrowed) await checkInvites(workspace.context, { calls: connection.calls, lists })
  }

  /** Somebody came in whom the directory did not have when it was read last: names are for screens, not for keys. */
  const learnPeople = async (conversationId: ConversationId): Promise<void> => {
    const known = new Set(people.accounts.map(({ accountId }) => accountId))
    const isNew = await workspace.turn('read', conversationId, ({ group }) =>
      Promise.resolve(group?.status === 'active' && membersOf(group).some(({ accountId }) => !known.has(accountId))))
    if (isNew) await refreshPeople()
  }

  const takeInvitations = async (): Promise<readonly Problem[]> => {
    const { joined, isLastResortUsed, refusals } = await takeWelcomes({ workspace, connection, delivery, lists })
    const problems = refusals.map((code): Problem => ({ conversationId: undefined, code }))
    for (const conversationId of joined) {
      try {
        await delivery.catchUp(conversationId)
        await learnPeople(conversationId)
      } catch (error) {
        // a conversation that a server made up has no log: that must not stop the rest
        if (isConnectionLoss(error) || !isCodedError(error)) throw error
        problems.push({ conversationId, code: error.code })
      }
    }
    if (isLastResortUsed || joined.length > 0) await topUp(isLastResortUsed)
    return problems
  }

  const topUp = (isLastResortUsed: boolean): Promise<void> => topUpKeyPackages(
    { store, suite, identity, clock, random }, connection.calls, { onWritten: () => { onPoint('topup.written') }, isLastResortUsed },
  )

  /** A device may have come since the directory was read. */
  const strayDevices = async (): ReturnType<typeof findStrayDevices> => {
    const found = await findStrayDevices(workspace, people)
    if (!found.some(({ code }) => code === 'client.device.hidden')) return found
    await refreshPeople()
    return findStrayDevices(workspace, people)
  }

  let hasTriedAgain = false
  /** A server that was restored may have forgotten this device; one that has shut it out says the same. */
  const comeIn = async (): Promise<void> => {
    try {
      await refreshPeople()
    } catch (error) {
      if (hasTriedAgain || !isCodedError(error, 'client.device.revoked')) throw error
      hasTriedAgain = true
      const { registerAgain } = await import('./identity/registering-again.js')
      if (!(await registerAgain(surroundings, workspace, connection.calls))) throw error
      await refreshPeople()
    }
  }

  const sync = async (): Promise<readonly Problem[]> => {
    await comeIn()
    const problems: Problem[] = [...await takeInvitations(), ...await healing.look()]
    for (const accountId of await readKeyChanges(store)) problems.push({ conversationId: undefined, accountId, code: 'client.member.key_changed' })
    for (const { conversationId, record } of await workspace.list()) {
      if (!connection.calls.reaches(conversationId, 'read')) continue
      if (record.state !== ConversationState.active) {
        await healing.askIfBroken(conversationId)
        continue
      }
      try {
        await upkeep.keepUp(conversationId)
      } catch (error) {
        if (isConnectionLoss(error) || !isCodedError(error)) throw error
        problems.push({ conversationId, code: error.code })
      }
      await healing.askIfBroken(conversationId)
    }
    for (const stray of await strayDevices()) problems.push({ conversationId: undefined, ...stray })
    for (const accountId of await readImpostors(store)) problems.push({ conversationId: undefined, accountId, code: 'client.invite.joiner_differs' })
    for (const [accountId, code] of lists.problems) problems.push({ conversationId: undefined, accountId, code })
    await topUp(false)
    try {
      if (!connection.calls.isNarrowed) await transfers.settle()
    } catch (error) {
      // it goes on with the next sync, or is said again then
      if (!isCodedError(error)) throw error
      if (!isConnectionLoss(error)) problems.push({ conversationId: undefined, code: error.code })
    }
    return problems
  }

  /** A device of somebody's may have come since the directory was read. */
  const helpWhoAsks = async (conversationId: ConversationId): Promise<void> => {
    if (connection.calls.isNarrowed) return
    const asking = await healing.listen(conversationId)
    if (asking.length === 0) return
    const known = new Set(people.accounts.flatMap(({ devices }) => devices.map(({ deviceId }) => deviceId)))
    if (!asking.every((deviceId) => known.has(deviceId))) await refreshPeople()
    await upkeep.keepUp(conversationId)
  }

  const live: Live = new Live({ workspace, connection, delivery, upkeep, healing, changes, sync, takeInvitations, learnPeople, helpWhoAsks, sleep, timer, random })
  const catalogue = new Catalogue(workspace, people)
  const transfers = new Transfers({ workspace, calls: connection.calls, catalogue, sleep })
  return { workspace, connection, delivery, outbox, messaging, commits, upkeep, healing, leaving, people, lists, transfers, catalogue, changes, live, refreshPeople, sync, takeInvitations }
}
