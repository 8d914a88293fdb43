/**
 * Live: stays connected, takes what is delivered in the order it comes, connects again with back-off, and does its share
 * of the upkeep: proposals that others made are committed after a moment, so that not everybody commits at once, and what time
 * alone brings (silence, guests whose time is over, keys that grow old, members who ask for help) is looked at now and then.
 */
import { PARAMETERS } from '../parameters.js'
import { isCodedError, type RandomBytes } from '@famichat/base'
import { ContentType, type ConversationId, type Envelope, ServerFrameType } from '@famichat/protocol'
import type { DeliveryFrame } from '../net/channel.js'
import type { Connection } from '../net/connection.js'
import type { Timer } from '../net/timer.js'
import { ConversationState } from '../store/records.js'
import { CallsForHelp } from './calls-for-help.js'
import type { Changes } from './changes.js'
import type { Delivery } from './delivery.js'
import type { Healing } from './healing.js'
import { backOffMs, isConnectionLoss, type Sleep } from './retry.js'
import type { Upkeep } from './upkeep.js'
import type { Workspace } from './workspace.js'

/** What staying connected works with. */
export interface LiveContext {
  readonly workspace: Workspace
  readonly connection: Connection
  readonly delivery: Delivery
  readonly upkeep: Upkeep
  readonly healing: Healing
  readonly changes: Changes
  readonly sync: () => Promise<unknown>
  readonly takeInvitations: () => Promise<unknown>
  /** Learns the names of whoever came in. */
  readonly learnPeople: (conversationId: ConversationId) => Promise<void>
  /** Looks who asks to be added afresh, and adds them. */
  readonly helpWhoAsks: (conversationId: ConversationId) => Promise<void>
  readonly sleep: Sleep
  readonly timer: Timer
  readonly random: RandomBytes
}

/** How long a client waits before it commits what another proposed, at most. */
const COMMIT_JITTER_MS = PARAMETERS.commitJitterMs
const RECONNECT_STEP_MS = 100
/** On average; not all devices of a community at once. */
const UPKEEP_EVERY_MS = PARAMETERS.upkeepEveryMs

/** Runs until it is told to stop. */
export class Live {
  readonly #context: LiveContext
  readonly #frames: DeliveryFrame[] = []
  readonly #scheduled = new Set<ConversationId>()
  readonly #calls: CallsForHelp
  /** Who wants to be connected. */
  readonly #wanted = new Set<AbortSignal>()
  #running: Promise<void> | undefined
  #isRunning = false
  #pumping: Promise<void> | undefined
  #ticking: Promise<void> | undefined
  #closed: (() => void) | undefined
  /** A bug met while taking frames; `run` throws it. */
  #failure: unknown

  constructor(context: LiveContext) {
    this.#context = context
    const { timer, random } = context
    this.#calls = new CallsForHelp({ timer, random, help: (conversationId) => { void this.#help(conversationId) } })
  }

  /** A frame came; outside of `run` only answers matter. */
  onFrame(frame: DeliveryFrame): void {
    if (!this.#isRunning) return
    this.#frames.push(frame)
    this.#pumping ??= this.#pump().finally(() => { this.#pumping = undefined })
  }

  /** The channel is gone. */
  onClosed(): void {
    this.#frames.length = 0
    this.#closed?.()
  }

  /** May be called several times at once: there is one connection, and it lasts as long as anybody wants it. @throws what connecting again cannot mend, a revoked device for one */
  async run(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return
    this.#wanted.add(signal)
    let onStop = (): void => undefined
    const stopped = new Promise<void>((resolve) => { onStop = resolve })
    const stop = (): void => {
      this.#wanted.delete(signal)
      if (this.#wanted.size === 0) this.#context.connection.close()
      onStop()
    }
    signal.addEventListener('abort', stop)
    try {
      while (this.#wanted.has(signal)) {
        this.#running ??= this.#stayConnected().finally(() => { this.#running = undefined })
        await Promise.race([this.#running, stopped])
      }
      if (this.#wanted.size === 0) await this.#running
    } finally {
      signal.removeEventListener('abort', stop)
      this.#wanted.delete(signal)
    }
  }

  async #stayConnected(): Promise<void> {
    this.#isRunning = true
    try {
      for (let attempt = 0; this.#wanted.size > 0; attempt++) {
        try {
          await this.#session(() => { attempt = 0 })
        } catch (error) {
          if (!isPassing(error)) throw error
        }
        if (this.#wanted.size > 0) await this.#context.sleep(backOffMs(this.#context.random, attempt, RECONNECT_STEP_MS))
      }
    } finally {
      this.#isRunning = false
      await this.#pumping
      await this.#ticking
    }
  }

  /** One connection, from catching up to its end. */
  async #session(onConnected: () => void): Promise<void> {
    const { workspace, connection, sync } = this.#context
    await sync()
    const channel = await connection.channel()
    const closed = new Promise<void>((resolve) => { this.#closed = resolve })
    const active = (await workspace.list()).filter(({ record }) => record.state === ConversationState.active)
    if (this.#wanted.size === 0 || !channel.isOpen) return
    channel.resume(active.map(({ conversationId, record }) => ({ conversationId, afterSeq: record.cursor })))
    onConnected()
    const stopTicking = this.#tick()
    await closed
    stopTicking()
    this.#calls.stop()
    if (this.#failure !== undefined) throw this.#failure instanceof Error ? this.#failure : new Error('live delivery failed')
  }

  /** Brings everything up to date now and then while the connection lasts. @returns what ends that */
  #tick(): () => void {
    const { timer, random } = this.#context
    let isOver = false
    let cancel = (): void => undefined
    const plan = (): void => {
      if (isOver) return
      cancel = timer(Math.floor(UPKEEP_EVERY_MS * (0.75 + (random(1)[0] ?? 0) / 512)), () => {
        this.#ticking = this.#lookAround().finally(plan)
      })
    }
    plan()
    return () => {
      isOver = true
      cancel()
    }
  }

  /** What cannot be mended here ends the connection: the next one meets it again, and throws it. */
  async #lookAround(): Promise<void> {
    try {
      await this.#context.sync()
    } catch (error) {
      if (!isCodedError(error)) this.#failure = error
      this.#context.connection.close()
    }
  }

  async #pump(): Promise<void> {
    for (let frame = this.#frames.shift(); frame !== undefined; frame = this.#frames.shift()) {
      try {
        await this.#take(frame)
      } catch (error) {
        // what was missed is in the log: the next connection starts by reading it
        if (!isCodedError(error)) this.#failure = error
        this.#context.connection.close()
        return
      }
    }
  }

  async #take(frame: DeliveryFrame): Promise<void> {
    const { delivery, takeInvitations } = this.#context
    switch (frame.type) {
      case ServerFrameType.deliver:
        await this.#takeEnvelopes(frame.envelope.header.conversationId, [frame.envelope, ...this.#following(frame.envelope)])
        return
      case ServerFrameType.announce:
        await delivery.catchUp(frame.header.conversationId)
        this.#arrived(frame.header.conversationId)
        return
      case ServerFrameType.welcome:
      case ServerFrameType.announceWelcome:
        await takeInvitations()
        this.#arrived(frame.header.conversationId)
        return
      case ServerFrameType.readdRequested:
        this.#calls.heard(frame.conversationId)
        return
      case ServerFrameType.removed:
      case ServerFrameType.caughtUp:
        return
    }
  }

  /** Entries of the same conversation that wait right behind: they share a transaction. */
  #following({ header }: Envelope): readonly Envelope[] {
    const following: Envelope[] = []
    for (let next = this.#frames[0]; next?.type === ServerFrameType.deliver; next = this.#frames[0]) {
      if (next.envelope.header.conversationId !== header.conversationId || following.length >= 63) break
      following.push(next.envelope)
      this.#frames.shift()
    }
    return following
  }

  async #takeEnvelopes(conversationId: ConversationId, envelopes: readonly Envelope[]): Promise<void> {
    const { workspace, delivery } = this.#context
    const known = (await workspace.list()).find((conversation) => conversation.conversationId === conversationId)
    // not joined yet: its Welcome leads to the same entries
    if (known === undefined) return
    // what is missing between frames may be in the log: only what is missing there was left out
    if (isConnected(envelopes, known.record.cursor)) await delivery.take(conversationId, envelopes)
    else await delivery.catchUp(conversationId)
    if (envelopes.some(({ header }) => header.contentType === ContentType.commit)) await this.#context.learnPeople(conversationId)
    this.#arrived(conversationId)
  }

  /** Another process of this profile may have taken the entries: who waits looks again either way. */
  #arrived(conversationId: ConversationId): void {
    this.#context.changes.tell(conversationId)
    if (this.#scheduled.has(conversationId)) return
    this.#scheduled.add(conversationId)
    void this.#keepUpSoon(conversationId)
  }

  async #keepUpSoon(conversationId: ConversationId): Promise<void> {
    const { upkeep, sleep, random } = this.#context
    try {
      await sleep(0)
      await this.#askForHelp(conversationId)
      if (!(await upkeep.isDue(conversationId))) return
      await sleep(((random(1)[0] ?? 0) / 256) * COMMIT_JITTER_MS)
      this.#scheduled.delete(conversationId)
      if (this.#isRunning) await upkeep.keepUp(conversationId)
    } catch (error) {
      // it is due again with the next connection, or the next entry
      this.#failed(error)
    } finally {
      this.#scheduled.delete(conversationId)
    }
  }

  /** Who cannot go on asks at once, unless the log has what the frame had not. */
  async #askForHelp(conversationId: ConversationId): Promise<void> {
    const { delivery, healing } = this.#context
    if (!(await healing.isAskingDue(conversationId))) return
    await delivery.catchUp(conversationId)
    await healing.askIfBroken(conversationId)
  }

  async #help(conversationId: ConversationId): Promise<void> {
    if (!this.#isRunning) return
    try {
      await this.#context.helpWhoAsks(conversationId)
    } catch (error) {
      // whoever asks is still on the list when this device looks next
      this.#failed(error)
    }
  }

  #failed(error: unknown): void {
    if (!isCodedError(error)) this.#failure = error
    if (!isCodedError(error) || isConnectionLoss(error)) this.#context.connection.close()
  }
}

/** True when every entry is known or follows the one before it. */
const isConnected = (envelopes: readonly Envelope[], cursor: number): boolean => {
  let reached = cursor
  for (const { header: { seq } } of envelopes) {
    if (seq > reached + 1) return false
    reached = Math.max(reached, seq)
  }
  return true
}

const PASSING = [
  'protocol.server.unavailable', 'protocol.server.failed', 'protocol.rate.limited', 'protocol.channel.timed_out', 'protocol.channel.too_slow',
  'protocol.channel.too_many', 'protocol.response.malformed', 'client.profile.busy',
]

const isPassing = (error: unknown): boolean => isConnectionLoss(error) || (isCodedError(error) && PASSING.includes(error.code))
