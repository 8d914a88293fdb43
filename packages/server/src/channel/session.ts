/**
 * A device on an open channel. Delivery is by log position: entries come straight from memory while the device keeps
 * up, and from the database whenever it lags. Positions only move forward, so nothing is delivered twice on a channel.
 */
import {
  type ConversationId, type EnvelopeHeader, fitsFrame, isInScope, ServerFrameType, type WelcomeId,
} from '@famichat/protocol'
import type { Subscription } from '../delivery/cursors.js'
import { readVisible } from '../delivery/log.js'
import { listWelcomes, readWelcome } from '../delivery/welcomes.js'
import { kindOf } from '../server-log.js'
import type { AuthenticatedDevice, Services } from '../services.js'
import type { Outlet } from './outlet.js'

interface Position {
  /** The last entry that was sent, or that the device had. */
  seq: number
  /** True while entries may be sent as they happen: everything before has been sent. */
  isLive: boolean
  /** Set when the device was removed: the last entry it may read. */
  untilSeq: number | undefined
}

const STRETCH = { maxMessages: 64, maxBytes: 512 * 1024 }

/** Delivers to one device over one socket. */
export class Session {
  readonly device: AuthenticatedDevice
  readonly outlet: Outlet
  readonly #services: Services
  readonly #positions = new Map<ConversationId, Position>()
  readonly #lagging = new Set<ConversationId>()
  readonly #sentWelcomes = new Set<WelcomeId>()
  #hasWelcomes = false
  #isDelivering = false
  #isPumping = false
  #isCaughtUp = false

  constructor(services: Services, device: AuthenticatedDevice, outlet: Outlet) {
    this.#services = services
    this.device = device
    this.outlet = outlet
  }

  /** True once the device has resumed: before that it gets answers only. */
  get isDelivering(): boolean {
    return this.#isDelivering
  }

  /** Whether the token the channel was opened with reaches this conversation. */
  mayRead(conversationId: ConversationId): boolean {
    return isInScope(this.device.scope, conversationId, 'read')
  }

  /** Starts delivery after the device's cursors, or after what it acknowledged. Returns what to follow live. */
  start(subscriptions: readonly Subscription[], cursors: ReadonlyMap<ConversationId, number>): readonly ConversationId[] {
    this.#isDelivering = true
    this.#hasWelcomes = true
    for (const { conversationId, lastSeq, untilSeq, acknowledgedSeq } of subscriptions) {
      // a cursor beyond the log comes from before a restore: what the log gets next must still be delivered
      const seq = Math.min(cursors.get(conversationId) ?? acknowledgedSeq, lastSeq)
      if ((untilSeq !== undefined && seq >= untilSeq) || !this.mayRead(conversationId)) continue
      this.#positions.set(conversationId, { seq, isLive: seq === lastSeq && untilSeq === undefined, untilSeq })
      if (seq < lastSeq) this.#lagging.add(conversationId)
    }
    this.wake()
    return [...this.#positions].filter(([, position]) => position.untilSeq === undefined).map(([id]) => id)
  }

  /** The device was added at the commit `seq`, or made the conversation (`seq` 0): its Welcome goes first. */
  joined(conversationId: ConversationId, seq: number): void {
    const earlier = this.#positions.get(conversationId)
    this.#positions.set(conversationId, { seq: earlier?.seq ?? seq, isLive: false, untilSeq: undefined })
    this.#lagging.add(conversationId)
    this.#hasWelcomes = true
    this.wake()
  }

  /** The device was removed by the commit `seq`, which is the last entry it gets. */
  left(conversationId: ConversationId, seq: number): void {
    const position = this.#positions.get(conversationId)
    if (position === undefined) return
    position.isLive = false
    position.untilSeq = seq
    this.#lagging.add(conversationId)
    this.wake()
  }

  /** A new entry: sent at once if it is the next for this device and the socket takes it. */
  offer({ conversationId, seq }: EnvelopeHeader, frame: Uint8Array): void {
    const position = this.#positions.get(conversationId)
    if (position === undefined || seq <= position.seq) return
    if (position.isLive && seq === position.seq + 1 && !this.outlet.isCongested) {
      position.seq = seq
      this.outlet.sendBytes(frame)
      return
    }
    position.isLive = false
    this.#lagging.add(conversationId)
    this.wake()
  }

  /** Goes on delivering what lags; called when something changed or the socket drained. */
  wake(): void {
    if (this.#isPumping || !this.#isDelivering) return
    this.#isPumping = true
    this.#pump().catch((error: unknown) => {
      this.#services.log.error('delivery.failed', { kind: kindOf(error) })
      this.outlet.close('protocol.server.failed')
    })
  }

  /** The flag falls in the same turn as the last look at what lags: no wake-up is lost in between. */
  async #pump(): Promise<void> {
    try {
      while (!this.outlet.isClosed && !this.outlet.isCongested) {
        const [conversationId] = this.#lagging
        if (this.#hasWelcomes) {
          this.#hasWelcomes = false
          await this.#deliverWelcomes()
        } else if (conversationId === undefined) {
          this.#tellCaughtUp()
          return
        } else {
          this.#lagging.delete(conversationId)
          await this.#deliverStretch(conversationId)
        }
      }
    } finally {
      this.#isPumping = false
    }
  }

  async #deliverStretch(conversationId: ConversationId): Promise<void> {
    const position = this.#positions.get(conversationId)
    if (position === undefined) return
    const { deviceId } = this.device
    const stretch = await readVisible(this.#services.database.read, { deviceId, conversationId, afterSeq: position.seq, ...STRETCH })
    for (const { header, message } of stretch.envelopes) {
      if (header.seq <= position.seq) continue
      position.seq = header.seq
      if (fitsFrame(message.length)) this.outlet.send({ type: ServerFrameType.deliver, envelope: { header, message } })
      else this.outlet.send({ type: ServerFrameType.announce, header, messageBytes: message.length })
    }
    // what is not kept any more is not waited for; the device learns of it when it reads the log
    position.seq = Math.max(position.seq, stretch.prunedSeq)
    if (stretch.hasMore) this.#lagging.add(conversationId)
    else if (position.untilSeq !== undefined) this.#finish(conversationId, position.untilSeq)
    else if (!this.#lagging.has(conversationId)) position.isLive = true
  }

  #finish(conversationId: ConversationId, untilSeq: number): void {
    this.#positions.delete(conversationId)
    this.#lagging.delete(conversationId)
    this.outlet.send({ type: ServerFrameType.removed, conversationId, untilSeq })
  }

  async #deliverWelcomes(): Promise<void> {
    const { read } = this.#services.database
    for (const header of await listWelcomes(read, this.device.deviceId)) {
      if (this.#sentWelcomes.has(header.welcomeId) || !this.mayRead(header.conversationId)) continue
      if (this.outlet.isCongested) {
        this.#hasWelcomes = true
        return
      }
      if (fitsFrame(header.welcomeBytes)) {
        const { welcome } = await readWelcome(read, this.device.deviceId, header.welcomeId)
        this.outlet.send({ type: ServerFrameType.welcome, header, welcome })
      } else {
        this.outlet.send({ type: ServerFrameType.announceWelcome, header })
      }
      this.#sentWelcomes.add(header.welcomeId)
    }
  }

  #tellCaughtUp(): void {
    if (this.#isCaughtUp) return
    this.#isCaughtUp = true
    this.outlet.send({ type: ServerFrameType.caughtUp })
  }
}
