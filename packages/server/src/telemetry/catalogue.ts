/**
 * Everything that may be counted or traced, and every field it may carry. What is not here does not leave the process.
 */

/** A metric: its kind, its sentence, and the fields by which it is split. */
interface Metric {
  readonly kind: 'counter' | 'histogram' | 'gauge'
  readonly help: string
  readonly fields: readonly Field[]
  /** Upper bounds of a histogram, in its unit. */
  readonly buckets?: readonly number[]
}

/** Fields hold numbers, words of closed sets, or ids that were hashed with the day's salt. */
export type Field = 'route' | 'method' | 'status' | 'code' | 'outcome' | 'jobs' | 'bytes' | 'device'

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]

/** All metrics. */
export const METRICS = {
  famichat_http_requests_total: { kind: 'counter', help: 'Requests answered', fields: ['route', 'method', 'status'] },
  famichat_http_request_seconds: { kind: 'histogram', help: 'Time to answer a request', fields: ['route'], buckets: SECONDS },
  famichat_messages_total: { kind: 'counter', help: 'Messages sent over channels, by what became of them', fields: ['outcome'] },
  famichat_message_accept_seconds: { kind: 'histogram', help: 'Time until a message is durable', fields: [], buckets: SECONDS },
  famichat_deliveries_total: { kind: 'counter', help: 'Log entries handed to open channels', fields: [] },
  famichat_channels: { kind: 'gauge', help: 'Open channels', fields: [] },
  famichat_channel_strangers: { kind: 'gauge', help: 'Channels that have not authenticated yet', fields: [] },
  famichat_channels_refused_total: { kind: 'counter', help: 'Upgrades turned away', fields: ['code'] },
  famichat_channels_closed_total: { kind: 'counter', help: 'Channels that the server closed', fields: ['code'] },
  famichat_write_transaction_seconds: { kind: 'histogram', help: 'Time of a write transaction', fields: ['outcome'], buckets: SECONDS },
  famichat_write_jobs_total: { kind: 'counter', help: 'Changes written, several to a transaction', fields: ['outcome'] },
  famichat_messages_dropped_total: { kind: 'counter', help: 'Messages dropped because everybody has them, or for their age', fields: [] },
} as const satisfies Record<string, Metric>

/** A metric's name. */
export type MetricName = keyof typeof METRICS

/** All kinds of spans with their fields. */
export const SPANS = {
  'http.request': ['route', 'method', 'status', 'code', 'device'],
  'message.accept': ['outcome', 'bytes', 'device'],
  'write.transaction': ['outcome', 'jobs'],
} as const satisfies Record<string, readonly Field[]>

/** A span's name. */
export type SpanName = keyof typeof SPANS

/** Values by field, as callers give them. */
export type Fields = Readonly<Partial<Record<Field, string | number>>>

const WORD = /^[a-zA-Z0-9_./:-]{1,64}$/

/** Only the fields that are allowed here, and of texts only words: an id, a name or a sentence becomes `other`. */
export const allowed = (names: readonly Field[], fields: Fields): Record<string, string | number> => {
  const kept: Record<string, string | number> = {}
  for (const name of names) {
    const value = fields[name]
    if (value === undefined) continue
    kept[name] = typeof value === 'number' || (WORD.test(value) && !looksRandom(value)) || name === 'device' ? value : 'other'
  }
  return kept
}

/** Ids, tokens and keys are long runs of letters and digits; no word of ours is. */
const looksRandom = (value: string): boolean => value.split(/[_./:-]/).some((part) => part.length > 20 || /^(?=.*[A-Z])(?=.*[a-z])(?=.*\d)/.test(part))
