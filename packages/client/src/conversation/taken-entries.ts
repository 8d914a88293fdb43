/**
 * The last entries of each log as they came, kept for the day the server loses them: a server that was restored from a backup
 * gets back what this device has taken since, and what then comes again is known by its bytes.
 */
import { equal, isCodedError } from '@famichat/base'
import { ContentType, type ConversationId, type DeviceId, type Envelope, LIMITS } from '@famichat/protocol'
import type { Connection } from '../net/connection.js'
import { PARAMETERS } from '../parameters.js'
import { conversationPrefix, decodeRecord, encodeRecord, TakenRecord } from '../store/records.js'
import type { Store } from '../store/store.js'
import type { PlacedDevice } from './members.js'
import type { Turn } from './workspace.js'

const KEPT = PARAMETERS.entriesKept

/** Where a log was cut by a restore, and where it goes on. */
export interface Restored {
  readonly afterSeq: number
  readonly resumesAfterSeq: number
}

/** Keeps an entry in the place of the one that is `entriesKept` older. */
export const keepTaken = (
  turn: Turn, conversationId: ConversationId, envelope: Envelope,
  { before, after }: { readonly before: readonly PlacedDevice[]; readonly after: readonly PlacedDevice[] },
): void => {
  keep(turn, conversationId, { envelope, added: notIn(before, after), removed: notIn(after, before) })
}

/** Devices that are not at the same place among others. Every commit asks this of all members: it takes time in proportion to them. */
const notIn = (others: readonly PlacedDevice[], devices: readonly PlacedDevice[]): DeviceId[] => {
  const deviceAt = new Map(others.map(({ leafIndex, deviceId }) => [leafIndex, deviceId]))
  return devices.filter(({ leafIndex, deviceId }) => deviceAt.get(leafIndex) !== deviceId).map(({ deviceId }) => deviceId)
}

/** True for an entry that came again because a device gave it back: this one has it already, in another place, and keeps it in this one. */
export const cameBack = async (
  store: Pick<Store, 'list'>, turn: Turn, conversationId: ConversationId, envelope: Envelope,
): Promise<boolean> => {
  const { seq } = envelope.header
  const { resumesAfterSeq = 0 } = turn.record ?? {}
  if (resumesAfterSeq === 0 || seq <= resumesAfterSeq) return false
  const known = (await readTaken(store, conversationId)).find((taken) => taken.envelope.header.seq < seq && equal(taken.envelope.message, envelope.message))
  if (known !== undefined) keep(turn, conversationId, { ...known, envelope })
  return known !== undefined
}

const keep = (turn: Turn, conversationId: ConversationId, record: TakenRecord): void => {
  turn.put('taken', placeOf(conversationId, record.envelope.header.seq), encodeRecord(TakenRecord, record))
}

const placeOf = (conversationId: ConversationId, seq: number): string => `${conversationPrefix(conversationId)}${String(seq % KEPT).padStart(6, '0')}`

/** The entry that was taken at a position, while it is among the last. */
export const readTakenAt = async (store: Pick<Store, 'get'>, conversationId: ConversationId, seq: number): Promise<Envelope | undefined> => {
  const stored = await store.get('taken', placeOf(conversationId, seq))
  const envelope = stored && decodeRecord(TakenRecord, stored).envelope
  return envelope?.header.seq === seq ? envelope : undefined
}

/**
 * Gives a restored server what this device has taken and it has not; once there, it is passed over.
 * @throws ProtocolError | ClientError `client.server.unreachable`
 */
export const giveBack = async (
  store: Pick<Store, 'list'>, { calls }: Connection, conversationId: ConversationId, { afterSeq, resumesAfterSeq }: Restored,
): Promise<void> => {
  const lost = (await readTaken(store, conversationId))
    .filter(({ envelope: { header: { seq } } }) => seq > afterSeq && seq <= resumesAfterSeq)
    .sort((a, b) => a.envelope.header.seq - b.envelope.header.seq)
  try {
    for (const entries of batchesOf(lost)) await calls.call('logReturn', { conversationId, entries })
  } catch (error) {
    // not in it any more, as far as the server knows: others give back
    if (!isCodedError(error, 'protocol.access.refused')) throw error
  }
}

const readTaken = async (store: Pick<Store, 'list'>, conversationId: ConversationId): Promise<readonly TakenRecord[]> =>
  (await store.list('taken', { prefix: conversationPrefix(conversationId) })).map(({ value }) => decodeRecord(TakenRecord, value))

/** Calls that the server reads whole. */
function* batchesOf(lost: readonly TakenRecord[]): Iterable<TakenRecord[]> {
  let batch: TakenRecord[] = []
  let bytes = 0
  for (const entry of lost) {
    const size = entry.envelope.message.length + 24 * (entry.added.length + entry.removed.length) + 256
    if (batch.length > 0 && (batch.length === LIMITS.logReturnEntries || bytes + size > LIMITS.logReadBytes)) {
      yield batch
      batch = []
      bytes = 0
    }
    batch.push(entry)
    bytes += size
  }
  if (batch.length > 0) yield batch
}

/** Only commits change who is in. */
export const isRosterChange = ({ header }: Envelope): boolean => header.contentType === ContentType.commit
