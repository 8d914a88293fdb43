/**
 * The archive's inside: records one after the other, each behind its length. The last one counts the others, so that an archive
 * is whole or refused.
 */
import {
  closed, concat, counter, decode, encode, flag, fixed, type Infer, isCodedError, optional, text, uint32, uint8, variant, vector,
} from '@famichat/base'
import { AccountId, ConversationId, conversationKind, DeviceId } from '@famichat/protocol'
import { ClientError } from '../client-error.js'
import { bytes32 } from '../store/fields.js'
import { DeviceListRecord, HistoryRecord, PinSource, SeenRecord, VerificationRecord } from '../store/records.js'

/** Kinds of records; never renumbered or reused. */
export const ArchiveRecordKind = { account: 1, person: 2, conversation: 3, event: 4, seen: 5, end: 6, deviceList: 7, deviceName: 8 } as const
/** A frame of zeros after this byte says nothing: it hides how much there is. */
const PADDING = 0

/** What an archive holds. Never keys of conversations: whoever has it reads what is in it, and nothing that was said later. */
export const ArchiveRecord = variant('kind', closed(uint8, ArchiveRecordKind, 'archive record'), {
  /** Whose archive it is: the first record. */
  [ArchiveRecordKind.account]: {
    origin: text(512), accountId: AccountId, accountName: text(256), accountKey: bytes32,
    /** Only from a device that has it. */
    accountPrivateKey: optional(bytes32),
    phraseEntropy: optional(fixed(16)),
    sendsReceipts: flag,
    createdAtMs: counter,
  },
  /** Somebody this device knows, and whether they were verified. */
  [ArchiveRecordKind.person]: {
    accountId: AccountId, name: text(256), accountKey: bytes32, source: closed(uint8, PinSource, 'pin source'), pinnedAtMs: counter,
    verification: optional(VerificationRecord),
  },
  [ArchiveRecordKind.conversation]: {
    conversationId: ConversationId, conversationKind, name: text(256), members: vector(AccountId, { max: 2048 }), seq: counter,
  },
  /** What was shown, at its place. */
  [ArchiveRecordKind.event]: { conversationId: ConversationId, place: text(128), event: HistoryRecord },
  /** A message id that was taken. */
  [ArchiveRecordKind.seen]: { conversationId: ConversationId, id: text(64), seen: SeenRecord },
  /** How far the device list of an account was followed: a server cannot show the restored device an older one. */
  [ArchiveRecordKind.deviceList]: { accountId: AccountId, list: DeviceListRecord },
  /** What a device is called, and since when. */
  [ArchiveRecordKind.deviceName]: { deviceId: DeviceId, name: text(256), namedAtMs: counter },
  [ArchiveRecordKind.end]: { people: counter, conversations: counter, events: counter, seen: counter, deviceLists: counter, deviceNames: counter },
})
export type ArchiveRecord = Infer<typeof ArchiveRecord>

/** The records of one kind. */
export type ArchiveRecordOf<Kind extends keyof typeof ArchiveRecordKind> = Extract<ArchiveRecord, { readonly kind: (typeof ArchiveRecordKind)[Kind] }>

const MAX_RECORD_BYTES = 256 * 1024
const LENGTH_BYTES = 4
const PADDING_BYTES = 64 * 1024

/**
 * Records as bytes, ended by their count.
 * @param paddedTo the length to fill up to, for so many bytes; at most {@link MAX_RECORD_BYTES} more
 */
export async function* encodeRecords(records: AsyncIterable<ArchiveRecord>, paddedTo: (bytes: number) => number = (bytes) => bytes): AsyncGenerator<Uint8Array> {
  const count = new Count()
  let bytes = 0
  for await (const record of records) {
    count.add(record)
    const framed = frame(record)
    bytes += framed.length
    yield framed
  }
  const end = frame(count.end)
  yield* padding(bytes + end.length, paddedTo)
  yield end
}

function* padding(bytes: number, paddedTo: (bytes: number) => number): Generator<Uint8Array> {
  if (paddedTo(bytes) === bytes) return
  // a frame of padding has a length and a kind at least
  let missing = paddedTo(bytes + LENGTH_BYTES + 1) - bytes
  while (missing > 0) {
    const rest = missing - PADDING_BYTES
    const length = rest > LENGTH_BYTES ? PADDING_BYTES : rest > 0 ? missing - LENGTH_BYTES - 1 : missing
    yield concat(encode(uint32, length - LENGTH_BYTES), new Uint8Array(length - LENGTH_BYTES))
    missing -= length
  }
}

const frame = (record: ArchiveRecord): Uint8Array => {
  const bytes = encode(ArchiveRecord, record)
  return concat(encode(uint32, bytes.length), bytes)
}

/** Bytes as records, the end not among them. @throws ClientError `client.archive.damaged` */
export async function* decodeRecords(plaintext: AsyncIterable<Uint8Array>): AsyncGenerator<ArchiveRecord> {
  const count = new Count()
  let ahead: Uint8Array = new Uint8Array(0)
  let hasEnded = false
  for await (const chunk of plaintext) {
    ahead = ahead.length === 0 ? chunk : concat(ahead, chunk)
    for (let length = lengthOf(ahead); length !== undefined && ahead.length >= LENGTH_BYTES + length; length = lengthOf(ahead)) {
      const bytes = ahead.slice(LENGTH_BYTES, LENGTH_BYTES + length)
      ahead = ahead.subarray(LENGTH_BYTES + length)
      if (hasEnded) throw new ClientError('client.archive.damaged')
      if (isPadding(bytes)) continue
      const record = readRecord(bytes)
      if (record.kind === ArchiveRecordKind.end) {
        hasEnded = true
        count.compare(record)
      } else {
        count.add(record)
        yield record
      }
    }
  }
  if (!hasEnded || ahead.length > 0) throw new ClientError('client.archive.damaged')
}

const lengthOf = (ahead: Uint8Array): number | undefined => {
  if (ahead.length < LENGTH_BYTES) return undefined
  const length = decode(uint32, ahead.slice(0, LENGTH_BYTES))
  if (length > MAX_RECORD_BYTES) throw new ClientError('client.archive.damaged')
  return length
}

const isPadding = (bytes: Uint8Array): boolean => bytes[0] === PADDING && bytes.every((byte) => byte === 0)

const readRecord = (bytes: Uint8Array): ArchiveRecord => {
  try {
    return decode(ArchiveRecord, bytes)
  } catch (cause) {
    if (!isCodedError(cause)) throw cause
    throw new ClientError('client.archive.damaged', { reason: cause.code })
  }
}

type Counts = Omit<ArchiveRecordOf<'end'>, 'kind'>
const COUNTED = {
  [ArchiveRecordKind.person]: 'people', [ArchiveRecordKind.conversation]: 'conversations', [ArchiveRecordKind.event]: 'events',
  [ArchiveRecordKind.seen]: 'seen', [ArchiveRecordKind.deviceList]: 'deviceLists', [ArchiveRecordKind.deviceName]: 'deviceNames',
} as const satisfies Partial<Record<number, keyof Counts>>

/** How many records of each kind there were. The account comes first, and once. */
class Count {
  #hasAccount = false
  readonly #counts = { people: 0, conversations: 0, events: 0, seen: 0, deviceLists: 0, deviceNames: 0 } satisfies Counts

  add({ kind }: ArchiveRecord): void {
    if ((kind === ArchiveRecordKind.account) === this.#hasAccount) throw new ClientError('client.archive.damaged')
    this.#hasAccount = true
    if (kind !== ArchiveRecordKind.account && kind !== ArchiveRecordKind.end) this.#counts[COUNTED[kind]]++
  }

  get end(): ArchiveRecordOf<'end'> {
    return { kind: ArchiveRecordKind.end, ...this.#counts }
  }

  compare({ kind: _, ...told }: ArchiveRecordOf<'end'>): void {
    const isWhole = this.#hasAccount && Object.values(COUNTED).every((name) => told[name] === this.#counts[name])
    if (!isWhole) throw new ClientError('client.archive.damaged')
  }
}
