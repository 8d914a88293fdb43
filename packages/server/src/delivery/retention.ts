/**
 * Retention: a message is dropped once every device that may read it has acknowledged it, or after thirty days. Its place,
 * sender, id, epoch and hash stay, so that a late retry is not stored twice. Dropping is from the start of a log, without
 * holes, so one number tells a device what it cannot have any more.
 */
import { sql } from 'kysely'
import { type ConversationId, LIFETIMES } from '@famichat/protocol'
import type { Services } from '../services.js'
import type { Store } from '../storage/open-database.js'
import { dropUnreferencedBodies } from './welcomes.js'

/** Messages dropped in one write: others wait no longer for it than for each other. */
const MESSAGES_PER_WRITE = 500
/** The clock must have run evenly for so long before anything is dropped for its age (S51). */
const TRUSTED_AFTER_MS = 3600 * 1000
/** How far the clock may be from where it should be after a while. */
const TOLERATED_MS = 5 * 60 * 1000

type RetentionNeeds = Pick<Services, 'database' | 'clock' | 'log'>

/** Drops what need not be kept. */
export class Retention {
  readonly #services: RetentionNeeds
  readonly #monotonicMs: () => number
  #clockAt: { readonly wallMs: number; readonly monotonicMs: number }

  /** @param monotonicMs a clock that never jumps, to tell whether the other one did */
  constructor(services: RetentionNeeds, monotonicMs: () => number) {
    this.#services = services
    this.#monotonicMs = monotonicMs
    this.#clockAt = { wallMs: services.clock.nowMs(), monotonicMs: monotonicMs() }
  }

  /** Goes through all conversations once. Returns how many messages were dropped. */
  async run(): Promise<number> {
    const { database, clock } = this.#services
    const oldestMs = this.#isClockTrusted() ? clock.nowMs() - LIFETIMES.messageMs : 0
    const conversations = await database.read.selectFrom('conversations').select('conversation_id')
      .where(sql<boolean>`pruned_seq < last_seq`).execute()
    let dropped = 0
    for (const { conversation_id: conversationId } of conversations) {
      for (let isDone = false; !isDone;) {
        const count = await database.write.write((store) => pruneSome(store, conversationId, oldestMs))
        dropped += count
        isDone = count < MESSAGES_PER_WRITE
      }
    }
    if (oldestMs > 0) await database.write.write((store) => dropOldWelcomes(store, oldestMs))
    return dropped
  }

  /** A clock that jumped is believed again once it has run evenly for an hour. */
  #isClockTrusted(): boolean {
    const [wallMs, monotonicMs] = [this.#services.clock.nowMs(), this.#monotonicMs()]
    const passedMs = monotonicMs - this.#clockAt.monotonicMs
    if (Math.abs(wallMs - this.#clockAt.wallMs - passedMs) > TOLERATED_MS) {
      this.#services.log.warn('clock.jumped')
      this.#clockAt = { wallMs, monotonicMs }
      return false
    }
    return passedMs >= TRUSTED_AFTER_MS
  }
}

/** Returns how many messages were dropped; fewer than there may be, so that the write is short. */
const pruneSome = async (store: Store, conversationId: ConversationId, oldestMs: number): Promise<number> => {
  const { last_seq: lastSeq, pruned_seq: prunedSeq } = await store.selectFrom('conversations').select(['last_seq', 'pruned_seq'])
    .where('conversation_id', '=', conversationId).executeTakeFirstOrThrow()
  const everybodyHas = await readAcknowledgedByAll(store, conversationId, lastSeq)
  const young = await store.selectFrom('envelopes').select('seq').where('conversation_id', '=', conversationId)
    .where('seq', '>', prunedSeq).where('created_at_ms', '>=', oldestMs).orderBy('seq').limit(1).executeTakeFirst()
  const old = young === undefined ? lastSeq : young.seq - 1
  // counted in entries: a log that was restored has a gap
  const furthest = await store.selectFrom('envelopes').select('seq').where('conversation_id', '=', conversationId)
    .where('seq', '>', prunedSeq).orderBy('seq').offset(MESSAGES_PER_WRITE - 1).limit(1).executeTakeFirst()
  const until = Math.min(Math.max(everybodyHas, old), furthest?.seq ?? lastSeq)
  if (until <= prunedSeq) return 0
  const { numUpdatedRows } = await store.updateTable('envelopes').set({ message: new Uint8Array(0) }).where('conversation_id', '=', conversationId)
    .where('seq', '>', prunedSeq).where('seq', '<=', until).executeTakeFirstOrThrow()
  await store.updateTable('conversations').set({ pruned_seq: until }).where('conversation_id', '=', conversationId).execute()
  return Number(numUpdatedRows)
}

/** The last entry that every device has which may still fetch it; a revoked one fetches nothing. */
const readAcknowledgedByAll = async (store: Store, conversationId: ConversationId, lastSeq: number): Promise<number> => {
  const periods = await store.selectFrom('memberships').innerJoin('devices', 'devices.device_id', 'memberships.device_id')
    .leftJoin('cursors', (join) => join.onRef('cursors.conversation_id', '=', 'memberships.conversation_id')
      .onRef('cursors.device_id', '=', 'memberships.device_id'))
    .select(['memberships.from_seq', 'memberships.until_seq', 'cursors.acknowledged_seq'])
    .where('memberships.conversation_id', '=', conversationId).where('devices.revoked_at_ms', 'is', null).execute()
  return periods.reduce((least, { from_seq, until_seq, acknowledged_seq }) => {
    const has = Math.max(acknowledged_seq ?? 0, from_seq - 1)
    return until_seq !== null && has >= until_seq ? least : Math.min(least, has)
  }, lastSeq)
}

const dropOldWelcomes = async (store: Store, oldestMs: number): Promise<void> => {
  await store.deleteFrom('welcomes').where('created_at_ms', '<', oldestMs).execute()
  await dropUnreferencedBodies(store)
}
