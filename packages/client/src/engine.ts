/**
 * The parts of an open client, put together, and the round that brings everything up to date.
 */
import { isCodedError } from '@famichat/base'
import type { AccountId, ConversationId } from '@famichat/protocol'
import { Catalogue } from './conversation/catalogue.js'
import { Changes } from './conversation/changes.js'
import { Commits } from './conversation/commits.js'
import { Delivery } from './conversation/delivery.js'
import { Files } from './conversation/files.js'
import { Healing } from './conversation/healing.js'
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
import { People } from './identity/directory.js'
import { readKeyChanges } from './identity/key-changes.js'
import { topUpKeyPackages } from './identity/key-packages.js'
import { Connection } from './net/connection.js'
import type { Surroundings } from './platform.js'
import { ConversationState } from './store/records.js'

/** Something that is not as it should be, and did not stop the rest. */
export interface Problem {
  /** Undefined when it is about Welcomes, or about a person. */
  readonly conversationId: ConversationId | undefined
  /** The person it is about, if it is about one. */
  readonly accountId?: AccountId
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
  readonly people: People
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
  surroundings: Surroundings, { groupConfig, identity, trust }: Pick<WorkspaceContext, 'groupConfig' | 'identity' | 'trust'>,
): Engine => {
  const { store, suite, clock, random, sleep, onPoint, network } = surroundings
  const changes = new Changes()
  const onWritten = (conversationId: ConversationId): void => { changes.tell(conversationId) }
  const workspace = new Workspace({ store, suite, groupConfig, identity, trust, clock, random, onPoint, onWritten })
  const people = new People(workspace.context)
  const connection: Connection = new Connection({
    identity, network, clock, random,
    listener: { onFrame: (frame) => { live.onFrame(frame) }, onClosed: () => { live.onClosed() } },
  })
  const delivery = new Delivery(workspace, connection)
  const commits = new Commits({ workspace, connection, delivery, sleep })
  const settle = async (conversationId: ConversationId): Promise<void> => { await commits.settle(conversationId) }
  const outbox = new Outbox({ workspace, connection, delivery, settle, sleep })
  const healing = new Healing({ workspace, connection, people })
  const resending = new Resending({ workspace, outbox })
  const upkeep = new Upkeep({ workspace, connection, delivery, outbox, commits, people, healing, resending })

  const files = new Files({ workspace, connection, sleep })
  const messaging = new Messaging({ workspace, outbox, upkeep, files, sleep })

  const refreshPeople = async (): Promise<void> => {
    const changed = await people.take(await connection.calls.call('directory', {}))
    for (const accountId of changed) await noteKeyChange(workspace, accountId)
  }

  /** Somebody came in whom the directory did not have when it was read last: names are for screens, not for keys. */
  const learnPeople = async (conversationId: ConversationId): Promise<void> => {
    const known = new Set(people.accounts.map(({ accountId }) => accountId))
    const isNew = await workspace.turn('read', conversationId, ({ group }) =>
      Promise.resolve(group?.status === 'active' && membersOf(group).some(({ accountId }) => !known.has(accountId))))
    if (isNew) await refreshPeople()
  }

  const takeInvitations = async (): Promise<readonly Problem[]> => {
    const { joined, isLastResortUsed, refusals } = await takeWelcomes({ workspace, connection, delivery })
    for (const conversationId of joined) {
      await delivery.catchUp(conversationId)
      await learnPeople(conversationId)
    }
    if (isLastResortUsed || joined.length > 0) await topUp(isLastResortUsed)
    return refusals.map((code) => ({ conversationId: undefined, code }))
  }

  const topUp = (isLastResortUsed: boolean): Promise<void> => topUpKeyPackages(
    { store, suite, identity, clock, random }, connection.calls, { onWritten: () => { onPoint('topup.written') }, isLastResortUsed },
  )

  const sync = async (): Promise<readonly Problem[]> => {
    await refreshPeople()
    const problems: Problem[] = [...await takeInvitations(), ...await healing.look()]
    for (const accountId of await readKeyChanges(store)) problems.push({ conversationId: undefined, accountId, code: 'client.member.key_changed' })
    for (const { conversationId, record } of await workspace.list()) {
      if (record.state !== ConversationState.active) continue
      try {
        await upkeep.keepUp(conversationId)
      } catch (error) {
        if (isConnectionLoss(error) || !isCodedError(error)) throw error
        problems.push({ conversationId, code: error.code })
      }
      await healing.askIfBroken(conversationId)
    }
    await topUp(false)
    return problems
  }

  const live: Live = new Live({ workspace, connection, delivery, upkeep, changes, sync, takeInvitations, learnPeople, sleep, random })
  const catalogue = new Catalogue(workspace, people)
  return { workspace, connection, delivery, outbox, messaging, commits, upkeep, people, catalogue, changes, live, refreshPeople, sync, takeInvitations }
}
