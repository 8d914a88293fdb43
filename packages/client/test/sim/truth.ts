/**
 * What really happened, as only the simulation knows it: who said what, what the honest server took, who was where.
 */
import type { AccountId, ConversationId, DeviceId } from '@famichat/client'
import { ContentType, type EnvelopeHeader } from '@famichat/protocol'
import type { RosterChange } from '../../../server/dist/services.js'

/** Something a person wrote. */
export interface Saying {
  readonly accountId: AccountId
  readonly conversationId: ConversationId
}

/** A time in a conversation: the first and the last position that are for a device. */
export interface Period {
  readonly fromSeq: number
  untilSeq: number
}

/** Keeps the truth. */
export class Truth {
  /** By text: texts are unlike each other. */
  readonly sayings = new Map<string, Saying>()
  /** What the honest server has, by conversation. */
  readonly logs = new Map<ConversationId, EnvelopeHeader[]>()
  /** Who is when where, by conversation. */
  readonly periods = new Map<ConversationId, Map<DeviceId, Period[]>>()
  /** Devices that the honest server takes nothing from any more. */
  readonly shutOut = new Set<DeviceId>()
  /** Ids that were answered as sent. */
  readonly acknowledged = new Map<string, ConversationId>()
  #texts = 0

  /** A text like no other. */
  write(saying: Saying, author: string): string {
    const text = `${author} says ${(++this.#texts).toString()}`
    this.sayings.set(text, saying)
    return text
  }

  appended(header: EnvelopeHeader): void {
    const log = this.logs.get(header.conversationId) ?? []
    log.push(header)
    this.logs.set(header.conversationId, log)
  }

  created(conversationId: ConversationId, deviceId: DeviceId): void {
    this.#periodsOf(conversationId, deviceId).push({ fromSeq: 1, untilSeq: Infinity })
  }

  rosterChanged({ conversationId, seq, added, removed }: RosterChange): void {
    for (const deviceId of removed) {
      const last = this.#periodsOf(conversationId, deviceId).at(-1)
      if (last !== undefined) last.untilSeq = Math.min(last.untilSeq, seq)
    }
    for (const deviceId of added) this.#periodsOf(conversationId, deviceId).push({ fromSeq: seq + 1, untilSeq: Infinity })
  }

  /** True while the device is in the conversation. */
  isIn(conversationId: ConversationId, deviceId: DeviceId): boolean {
    return this.periods.get(conversationId)?.get(deviceId)?.at(-1)?.untilSeq === Infinity
  }

  /** Messages that are for a device. */
  messagesFor(conversationId: ConversationId, deviceId: DeviceId): readonly EnvelopeHeader[] {
    const periods = this.periods.get(conversationId)?.get(deviceId) ?? []
    const log = this.logs.get(conversationId) ?? []
    // encrypted before a device came in, taken after: it was never for it
    const isReadable = ({ seq, epoch }: EnvelopeHeader, { fromSeq, untilSeq }: Period): boolean =>
      fromSeq <= seq && seq <= untilSeq && epoch > (log.find((entry) => entry.seq === fromSeq - 1)?.epoch ?? -1n)
    return log.filter((header) => header.contentType === ContentType.application && periods.some((period) => isReadable(header, period)))
  }

  /** False for a period that was over before the device came in: it was added and removed while it was away, and saw nothing. */
  hasComeIn(conversationId: ConversationId, deviceId: DeviceId, { seq, joinedAt }: { readonly seq: number; readonly joinedAt: ReadonlySet<number> }): boolean {
    const period = this.periods.get(conversationId)?.get(deviceId)?.find(({ fromSeq, untilSeq }) => fromSeq <= seq && seq <= untilSeq)
    return period === undefined || period.untilSeq === Infinity || period.fromSeq === 1 || joinedAt.has(period.fromSeq - 1)
  }

  get entries(): number {
    return [...this.logs.values()].reduce((sum, log) => sum + log.length, 0)
  }

  #periodsOf(conversationId: ConversationId, deviceId: DeviceId): Period[] {
    const devices = this.periods.get(conversationId) ?? new Map<DeviceId, Period[]>()
    this.periods.set(conversationId, devices)
    const periods = devices.get(deviceId) ?? []
    devices.set(deviceId, periods)
    return periods
  }
}
