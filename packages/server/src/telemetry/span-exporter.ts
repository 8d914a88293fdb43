/**
 * Sends spans to the operator's collector, in batches.
 */
import { Buffer } from 'node:buffer'
import type { RandomBytes } from '@famichat/base'
import { attributesOf, type Collector, nanosOf, type TelemetryFields } from './collector.js'

/** One span, filtered already. */
export interface Span {
  readonly name: string
  readonly startMs: number
  readonly endMs: number
  readonly fields: TelemetryFields
}

/** Spans that wait at most; later ones are dropped. */
const MAX_WAITING = 4096
const BATCH = 512
const EVERY_MS = 5000
const SPAN_KIND_INTERNAL = 1

/** Collects spans and sends them. */
export class SpanExporter {
  readonly #collector: Collector
  readonly #random: RandomBytes
  readonly #timer: NodeJS.Timeout
  #waiting: Span[] = []
  #sending: Promise<void> | undefined

  constructor(collector: Collector, random: RandomBytes) {
    this.#collector = collector
    this.#random = random
    this.#timer = setInterval(() => { void this.#flush() }, EVERY_MS).unref()
  }

  take(span: Span): void {
    if (this.#waiting.length < MAX_WAITING) this.#waiting.push(span)
    if (this.#waiting.length >= BATCH) void this.#flush()
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#flush()
    await this.#flush()
  }

  #flush(): Promise<void> {
    this.#sending ??= this.#send(this.#waiting.splice(0, BATCH)).finally(() => { this.#sending = undefined })
    return this.#sending
  }

  async #send(spans: readonly Span[]): Promise<void> {
    if (spans.length > 0) await this.#collector.post('traces', { spans: spans.map((span) => this.#encode(span)) })
  }

  #encode({ name, startMs, endMs, fields }: Span): object {
    const hex = (bytes: number): string => Buffer.from(this.#random(bytes)).toString('hex')
    return {
      traceId: hex(16), spanId: hex(8), name, kind: SPAN_KIND_INTERNAL, startTimeUnixNano: nanosOf(startMs), endTimeUnixNano: nanosOf(endMs),
      attributes: attributesOf(fields),
    }
  }
}
