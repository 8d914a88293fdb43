/**
 * Who wrote how many messages: each sender counts its own, so what a server leaves out or puts elsewhere shows (E11). The first message
 * of somebody who was there before this device tells by its generation how many the sender encrypted before it in the same epoch.
 */
import type { ConversationId, DeviceId } from '@famichat/protocol'
import { conversationPrefix, decodeRecord, encodeRecord, SenderRecord } from '../store/records.js'
import type { Store } from '../store/store.js'
import type { Turn } from './workspace.js'

/** Of a member who was there before this device. */
const UNHEARD: SenderRecord = { lastNumber: undefined, unreadable: 0 }

/** The counts of one conversation, during one turn. */
export class Senders {
  readonly #store: Pick<Store, 'get'>
  readonly #prefix: string
  readonly #known = new Map<DeviceId, SenderRecord | undefined>()
  readonly #changed = new Set<DeviceId>()

  constructor(store: Pick<Store, 'get'>, conversationId: ConversationId) {
    this.#store = store
    this.#prefix = conversationPrefix(conversationId)
  }

  /**
   * Takes the number of a message, and its generation: how many its sender encrypted before it in its epoch (RFC 9420 §9.1), all of them
   * for whoever is in that epoch.
   * @returns how many before it neither came nor were unreadable
   */
  async take(deviceId: DeviceId, { number, generation }: { readonly number: number; readonly generation: number }): Promise<number> {
    const { lastNumber, unreadable } = await this.#read(deviceId) ?? UNHEARD
    if (lastNumber !== undefined && lastNumber >= number) return 0
    this.#put(deviceId, { lastNumber: number, unreadable: 0 })
    const before = lastNumber === undefined ? generation : number - lastNumber - 1
    return Math.max(0, before - unreadable)
  }

  /** A message that says it is of this member came and could not be read. */
  async takeUnreadable(deviceId: DeviceId): Promise<void> {
    const known = await this.#read(deviceId) ?? UNHEARD
    this.#put(deviceId, { ...known, unreadable: known.unreadable + 1 })
  }

  /** The device came in now, or again: what it wrote before does not count. */
  start(deviceId: DeviceId): void {
    this.#put(deviceId, { lastNumber: 0, unreadable: 0 })
  }

  /** The device is out. */
  end(deviceId: DeviceId): void {
    this.#put(deviceId, undefined)
  }

  /** Writes what changed with the turn. */
  writeTo(turn: Turn): void {
    for (const deviceId of this.#changed) {
      const record = this.#known.get(deviceId)
      turn.put('senders', this.#prefix + deviceId, record && encodeRecord(SenderRecord, record))
    }
    this.#changed.clear()
  }

  async #read(deviceId: DeviceId): Promise<SenderRecord | undefined> {
    if (this.#known.has(deviceId)) return this.#known.get(deviceId)
    const stored = await this.#store.get('senders', this.#prefix + deviceId)
    const record = stored && decodeRecord(SenderRecord, stored)
    this.#known.set(deviceId, record)
    return record
  }

  #put(deviceId: DeviceId, record: SenderRecord | undefined): void {
    this.#known.set(deviceId, record)
    this.#changed.add(deviceId)
  }
}
