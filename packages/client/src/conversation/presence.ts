/**
 * When each device gave its last sign of life, and what long silence means (E20): it is said after three weeks, and the device
 * is let go after 30 days. Both clocks have to agree, this device's and the server's, and nine days lie between the word
 * and the deed: no jump of either clock lets anybody go, for a device that is used renews its keys within a week.
 */
import type { ConversationId, DeviceId } from '@famichat/protocol'
import { PARAMETERS } from '../parameters.js'
import { conversationPrefix, decodeRecord, encodeRecord, PresenceRecord } from '../store/records.js'
import type { Store } from '../store/store.js'
import type { Turn } from './workspace.js'

/** The time by both clocks: this device's, and the server's as the log shows it. */
export interface TwoClocks {
  readonly nowMs: number
  readonly serverMs: number
}

/** How exactly a last sign is kept. */
const STEP_MS = 3600 * 1000
const DAY_MS = 24 * 3600 * 1000
/** Between the warning and the end. */
const NOTICE_MS = PARAMETERS.idleEvictMs - PARAMETERS.idleWarnMs

/** Signs of life in one conversation, during one turn. */
export class Presence {
  readonly #store: Pick<Store, 'get'>
  readonly #prefix: string
  readonly #nowMs: number
  readonly #changes = new Map<DeviceId, PresenceRecord | undefined>()

  constructor(store: Pick<Store, 'get'>, conversationId: ConversationId, nowMs: number) {
    this.#store = store
    this.#prefix = conversationPrefix(conversationId)
    this.#nowMs = nowMs
  }

  /** The device did something that only it can do. @param serverMs when, by the server's clock */
  async see(deviceId: DeviceId, serverMs: number): Promise<void> {
    const known = await this.read(deviceId)
    const isRecent = known?.warnedAtMs === 0 && isSameHour({ nowMs: known.seenAtMs, serverMs: known.seenServerMs }, { nowMs: this.#nowMs, serverMs })
    if (!isRecent) this.#changes.set(deviceId, firstSign({ nowMs: this.#nowMs, serverMs }))
  }

  /** It was said that the device gives no sign. */
  async warn(deviceId: DeviceId, { nowMs, serverMs }: TwoClocks): Promise<void> {
    const known = await this.read(deviceId)
    if (known !== undefined) this.#changes.set(deviceId, { ...known, warnedAtMs: nowMs, warnedServerMs: serverMs })
  }

  /** The device is out. */
  end(deviceId: DeviceId): void {
    this.#changes.set(deviceId, undefined)
  }

  async read(deviceId: DeviceId): Promise<PresenceRecord | undefined> {
    if (this.#changes.has(deviceId)) return this.#changes.get(deviceId)
    const stored = await this.#store.get('presence', this.#prefix + deviceId)
    return stored && decodeRecord(PresenceRecord, stored)
  }

  /** Writes what changed with the turn. */
  writeTo(turn: Turn): void {
    for (const [deviceId, record] of this.#changes) turn.put('presence', this.#prefix + deviceId, record && encodeRecord(PresenceRecord, record))
    this.#changes.clear()
  }
}

/** True when neither clock has gone on by an hour between two looks: as exactly as a last sign is kept. */
export const isSameHour = (before: TwoClocks, after: TwoClocks): boolean =>
  Math.abs(after.nowMs - before.nowMs) < STEP_MS && Math.abs(after.serverMs - before.serverMs) < STEP_MS

/** A device of which nothing is known counts as seen now. */
const firstSign = ({ nowMs, serverMs }: TwoClocks): PresenceRecord => ({ seenAtMs: nowMs, seenServerMs: serverMs, warnedAtMs: 0, warnedServerMs: 0 })

/** What a device's silence means now. */
export type Silence =
  /** It is not known, or its last sign lies ahead: it counts as seen now. */
  | { readonly kind: 'unknown' }
  | { readonly kind: 'present' }
  | { readonly kind: 'warn'; readonly days: number }
  | { readonly kind: 'warned' }
  | { readonly kind: 'evict'; readonly days: number }

/** Judges silence by both clocks: the one that says less counts. */
export const silenceOf = (record: PresenceRecord | undefined, { nowMs, serverMs }: TwoClocks): Silence => {
  if (record === undefined || record.seenAtMs > nowMs + DAY_MS) return { kind: 'unknown' }
  const idleMs = Math.min(nowMs - record.seenAtMs, serverMs - record.seenServerMs)
  const days = Math.floor(idleMs / DAY_MS)
  if (record.warnedAtMs === 0) return idleMs >= PARAMETERS.idleWarnMs ? { kind: 'warn', days } : { kind: 'present' }
  const warnedMs = Math.min(nowMs - record.warnedAtMs, serverMs - record.warnedServerMs)
  return idleMs >= PARAMETERS.idleEvictMs && warnedMs >= NOTICE_MS ? { kind: 'evict', days } : { kind: 'warned' }
}
