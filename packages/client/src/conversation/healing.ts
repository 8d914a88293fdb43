/**
 * Healing: a device whose state is broken, or older than what it has sent, asks to be added afresh, and members who can do
 * so. Positions that go backwards, here or at the server, are said (E3, E8, S13, S52).
 */
import { isCodedError } from '@famichat/base'
import { type ConversationId, ConversationKind, type DeviceId } from '@famichat/protocol'
import type { People } from '../identity/directory.js'
import type { Connection } from '../net/connection.js'
import { ConversationState, IntentKind } from '../store/records.js'
import { noteRefusals, signRefusal } from './commit-refusals.js'
import { endWithoutCommit } from './ending.js'
import { devicesOf, putIntent, readIntents } from './intents.js'
import type { MemberDevice } from './members.js'
import { type PolicyView, viewOf } from './policy.js'
import { isBroken } from './standing.js'
import { giveBack, type Restored } from './taken-entries.js'
import { noteAt } from './taking.js'
import { readUndo } from './undo.js'
import type { Workspace } from './workspace.js'

/** A conversation whose log is shorter at the server than here. */
export interface Backwards {
  readonly conversationId: ConversationId
  readonly code: 'client.server.rolled_back' | 'client.server.restored'
}

/** The group keeps changing: whoever asks is heard again later. */
const HELP_ATTEMPTS = 4

/** Looks for what is broken, asks for help, and helps. */
export class Healing {
  readonly #workspace: Workspace
  readonly #connection: Connection
  readonly #people: People
  #requests: readonly { readonly conversationId: ConversationId; readonly deviceId: DeviceId }[] = []
  /** Conversations in which this device has asked since it could not go on there. */
  readonly #asked = new Set<ConversationId>()

  constructor({ workspace, connection, people }: { readonly workspace: Workspace; readonly connection: Connection; readonly people: People }) {
    this.#workspace = workspace
    this.#connection = connection
    this.#people = people
  }

  /** Compares positions with the server's, and hears who asks for help. @throws ProtocolError | ClientError `client.server.unreachable` */
  async look(): Promise<readonly Backwards[]> {
    const { calls } = this.#connection
    const before = new Map((await this.#active()).map(({ conversationId, record }) => [conversationId, record.cursor]))
    const { conversations } = await calls.call('conversationList', {})
    await this.#hear()
    const backwards: Backwards[] = []
    const unknown: ConversationId[] = []
    for (const { conversationId, lastSeq, acknowledgedSeq, fromSeq, untilSeq, restored } of conversations) {
      const cursor = before.get(conversationId)
      if (cursor === undefined) {
        if (untilSeq === undefined && !(await this.#isKnown(conversationId))) unknown.push(conversationId)
        continue
      }
      if (restored !== undefined && await this.#followRestore(conversationId, goingOn(restored, fromSeq))) backwards.push({ conversationId, code: 'client.server.restored' })
      if (untilSeq !== undefined && restored === undefined) {
        await this.#endedAt(conversationId, untilSeq)
      }
      if (lastSeq < cursor) backwards.push({ conversationId, code: 'client.server.rolled_back' })
      // read again: another process of this profile may have gone on meanwhile
      else if (acknowledgedSeq > (await this.#workspace.read(conversationId)).cursor) await this.#markRolledBack(conversationId)
    }
    if (unknown.length > 0) await this.#askIntoUnknown(unknown)
    return backwards
  }

  /**
   * The server delivers nothing any more, and no entry has said so. Whoever wanted to leave is out, as far as it goes; else members put
   * this device out by an entry in whose place it has taken another one: it was told another course of things (S6).
   */
  #endedAt(conversationId: ConversationId, untilSeq: number): Promise<void> {
    const workspace = this.#workspace
    return workspace.turn('leave', conversationId, async (turn) => {
      const { record } = turn
      if (record?.state !== ConversationState.active || record.cursor < untilSeq) return
      if (record.isLeaving) await endWithoutCommit(workspace, conversationId, turn)
      else turn.update({ stuckCode: 'client.log.forked' })
    })
  }

  async #isKnown(conversationId: ConversationId): Promise<boolean> {
    const { store } = this.#workspace.context
    return await store.get('conversations', conversationId) !== undefined || await store.get('archived', conversationId) !== undefined
  }

  /**
   * This device is in conversations that it knows nothing of, and no Welcome waits: its files are from before it came in, or the
   * Welcome was for keys that it has not. The members can add it afresh.
   */
  async #askIntoUnknown(unknown: readonly ConversationId[]): Promise<void> {
    const { calls } = this.#connection
    const waiting = new Set((await calls.call('welcomeList', {})).welcomes.map(({ conversationId }) => conversationId))
    for (const conversationId of unknown) if (!waiting.has(conversationId)) await calls.call('conversationReadd', { conversationId, refusal: undefined })
  }

  /** Who asks for help, and who could not take what this device committed. */
  async #hear(): Promise<void> {
    const { requests, refusals } = await this.#connection.calls.call('readdList', {})
    this.#requests = requests
    await noteRefusals(this.#workspace, refusals)
  }

  /** Hears anew who asks for help in a conversation: somebody may have helped already. */
  async listen(conversationId: ConversationId): Promise<readonly DeviceId[]> {
    await this.#hear()
    return this.#asking(conversationId)
  }

  /** True when this device cannot go on here, and has not asked for help yet; once it can again, it may ask anew. */
  async isAskingDue(conversationId: ConversationId): Promise<boolean> {
    const record = await this.#workspace.read(conversationId)
    if (record.state === ConversationState.active && isBroken(record)) return !this.#asked.has(conversationId)
    this.#asked.delete(conversationId)
    return false
  }

  /** Asks the members, when this device cannot go on by itself, or was let go after long silence. */
  async askIfBroken(conversationId: ConversationId): Promise<void> {
    const record = await this.#workspace.read(conversationId)
    if (!(record.state === ConversationState.active ? isBroken(record) : record.isAway)) return
    try {
      await this.#connection.calls.call('conversationReadd', { conversationId, refusal: await signRefusal(this.#workspace.context, conversationId, record) })
      this.#asked.add(conversationId)
    } catch (error) {
      // removed meanwhile: then there is nothing to mend
      if (!isCodedError(error, 'protocol.access.refused')) throw error
    }
  }

  /**
   * Wants members who asked out and in again: devices that are there, of the certificates the group knows. A further device of
   * somebody who is in it comes in when that account vouches for it: the others may be lost.
   */
  async help(conversationId: ConversationId): Promise<void> {
    if (this.#asking(conversationId).length === 0) return
    for (let attempt = 0; attempt < HELP_ATTEMPTS; attempt++) if (await this.#helpAtOnce(conversationId)) break
    this.#requests = this.#requests.filter((request) => request.conversationId !== conversationId)
  }

  /** @returns false when somebody changed the group meanwhile, and may have helped: whoever was helped is not to be put out again */
  async #helpAtOnce(conversationId: ConversationId): Promise<boolean> {
    const { store, identity } = this.#workspace.context
    const record = await this.#workspace.read(conversationId)
    if (isBroken(record) || record.isLeaving) return true
    const seen = await this.#workspace.turn('read', conversationId, ({ group }) =>
      Promise.resolve(group?.status === 'active' ? { view: viewOf(group, readUndo(record)), epoch: group.epoch } : undefined))
    if (seen === undefined) return true
    const { view, epoch } = seen
    // heard after the epoch was seen: whoever was served before is not on the list, and whoever is served from now on is so in another epoch
    const asking = await this.listen(conversationId)
    const known = new Set(devicesOf(await readIntents(store, conversationId), IntentKind.readd).map(({ deviceId }) => deviceId))
    const devices = view.members.filter(({ deviceId }) => asking.includes(deviceId) && !known.has(deviceId) && deviceId !== identity.deviceId)
    const newcomers = await this.#newcomers(view, asking)
    return this.#workspace.turn('intent', conversationId, (turn) => {
      if (turn.group?.epoch !== epoch) return Promise.resolve(false)
      for (const [kind, wanted] of [[IntentKind.readd, devices], [IntentKind.add, newcomers]] as const) {
        if (wanted.length > 0) putIntent(this.#workspace, conversationId, turn, { kind, devices: wanted.map(({ accountId, deviceId }) => ({ accountId, deviceId })) })
      }
      return Promise.resolve(true)
    })
  }

  #asking(conversationId: ConversationId): readonly DeviceId[] {
    return this.#requests.filter((request) => request.conversationId === conversationId).map(({ deviceId }) => deviceId)
  }

  /** Devices of people who are in it or may come back. */
  async #newcomers({ members, rules, undo }: PolicyView, asking: readonly DeviceId[]): Promise<readonly MemberDevice[]> {
    const newcomers: MemberDevice[] = []
    const belonging = [...members, ...rules.away, ...undo?.removed ?? []].map(({ accountId }) => accountId)
    for (const accountId of new Set([...belonging, ...rules.kind === ConversationKind.direct ? rules.admins : []])) {
      const account = this.#people.accounts.find((known) => known.accountId === accountId)
      const isConcerned = account?.devices.some(({ deviceId }) => asking.includes(deviceId) && !members.some((member) => member.deviceId === deviceId))
      if (account === undefined || isConcerned !== true) continue
      for (const deviceId of await this.#people.activeDevices(account)) {
        if (asking.includes(deviceId) && !members.some((member) => member.deviceId === deviceId)) newcomers.push({ accountId, deviceId })
      }
    }
    return newcomers
  }

  async #active(): Promise<Awaited<ReturnType<Workspace['list']>>> {
    return (await this.#workspace.list()).filter(({ record }) => record.state === ConversationState.active && record.isRegistered)
  }

  /** Says that the server was restored, once, and gives back what it lost. @returns true when this device had not known */
  async #followRestore(conversationId: ConversationId, restored: Restored): Promise<boolean> {
    const { store, identity, clock } = this.#workspace.context
    const record = await this.#workspace.read(conversationId)
    if (record.resumesAfterSeq === restored.resumesAfterSeq) return false
    await giveBack(store, this.#connection, conversationId, restored)
    // only now: whoever stops before gives it back again, which is harmless
    await this.#workspace.turn('restore', conversationId, (turn) => {
      const { accountId, deviceId } = identity
      const { cursor: seq = 0 } = turn.record ?? {}
      noteAt({ turn, conversationId }, { seq, code: 'client.server.restored', accountId, deviceId, atMs: clock.nowMs(), epoch: turn.group?.epoch ?? 0n, count: 1 })
      turn.update({ restoredAfterSeq: restored.afterSeq, resumesAfterSeq: restored.resumesAfterSeq })
      return Promise.resolve()
    })
    return true
  }

  #markRolledBack(conversationId: ConversationId): Promise<void> {
    return this.#workspace.turn('rollback', conversationId, (turn) => {
      turn.update({ isRolledBack: true })
      return Promise.resolve()
    })
  }
}

/** What came back from before this device came in is not for it. */
const goingOn = ({ afterSeq, resumesAfterSeq }: Restored, fromSeq: number): Restored => ({ afterSeq, resumesAfterSeq: Math.max(resumesAfterSeq, fromSeq - 1) })
