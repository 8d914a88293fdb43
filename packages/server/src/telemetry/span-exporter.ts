/**
 * Sends spans to the operator's OpenTelemetry collector: OTLP over HTTP in JSON (opentelemetry.io, OTLP 1.x), in batches. A
 * collector that does not answer costs the server nothing but the spans. OpenTelemetry's own SDK needs a newer Node.
 */
import { Buffer } from 'node:buffer'
import type { RandomBytes } from '@famichat/base'
import { ServerError } from '../server-error.js'

/** One span, filtered already. */
export interface Span {
  readonly name: string
  readonly startMs: number
  readonly endMs: number
  readonly fields: Readonly<Record<string, string | number>>
}

/** Spans that wait at most; later ones are dropped. */
const MAX_WAITING = 4096
const BATCH = 512
const EVERY_MS = 5000
const TIMEOUT_MS = 5000
const SPAN_KIND_INTERNAL = 1

/** Collects spans and sends them. */
export class SpanExporter {
  readonly #url: string
  readonly #random: RandomBytes
  readonly #timer: NodeJS.Timeout
  #waiting: Span[] = []
  #sending: Promise<void> | undefined

  /** @param endpoint as of the collector, `http://127.0.0.1:4318`. @throws ServerError `server.otlp.malformed` */
  constructor(endpoint: string, random: RandomBytes) {
    this.#url = tracesUrl(endpoint)
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
    if (spans.length === 0) return
    const body = JSON.stringify({
      resourceSpans: [{
        resource: { attributes: [{ key: 'service.name', value: { stringValue: 'famichat' } }] },
        scopeSpans: [{ scope: { name: 'famichat' }, spans: spans.map((span) => this.#encode(span)) }],
      }],
    })
    try {
      const response = await fetch(this.#url, {
        method: 'POST', headers: { 'content-type': 'application/json' }, body, redirect: 'error', signal: AbortSignal.timeout(TIMEOUT_MS),
      })
      await response.body?.cancel()
    } catch {
      // lost; the operator sees at the collector that nothing comes
    }
  }

  #encode({ name, startMs, endMs, fields }: Span): object {
    const hex = (bytes: number): string => Buffer.from(this.#random(bytes)).toString('hex')
    const nanos = (ms: number): string => `${Math.round(ms * 1000).toString()}000`
    return {
      traceId: hex(16), spanId: hex(8), name, kind: SPAN_KIND_INTERNAL, startTimeUnixNano: nanos(startMs), endTimeUnixNano: nanos(endMs),
      attributes: Object.entries(fields).map(([key, value]) => ({
        key, value: typeof value === 'number' ? { intValue: Math.round(value).toString() } : { stringValue: value },
      })),
    }
  }
}

const tracesUrl = (endpoint: string): string => {
  try {
    const url = new URL(endpoint)
    if (!/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '') throw new ServerError('server.otlp.malformed')
    return `${url.href.replace(/\/$/, '')}/v1/traces`
  } catch (cause) {
    throw cause instanceof ServerError ? cause : new ServerError('server.otlp.malformed', {}, { cause })
  }
}
