/**
 * The operator's OpenTelemetry collector: OTLP over HTTP in JSON (opentelemetry.io, OTLP 1.x). One that does not answer costs
 * the server nothing but what it was to be told. OpenTelemetry's own SDK needs a newer Node.
 */
import { ServerError } from '../server-error.js'

const TIMEOUT_MS = 5000

/** Fields of a span or of a measured value, filtered already. */
export type TelemetryFields = Readonly<Record<string, string | number>>

/** Takes what is posted to it. */
export class Collector {
  readonly #endpoint: string

  /** @param endpoint `http://127.0.0.1:4318`. @throws ServerError `server.otlp.malformed` */
  constructor(endpoint: string) {
    this.#endpoint = requireEndpoint(endpoint)
  }

  /** Posts spans or metrics: the scope's part, as OTLP has it. Returns whether it was taken or not. */
  async post(signal: 'traces' | 'metrics', scopePart: object): Promise<void> {
    const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'famichat' } }] }
    const scoped = [{ scope: { name: 'famichat' }, ...scopePart }]
    const body = signal === 'traces' ? { resourceSpans: [{ resource, scopeSpans: scoped }] } : { resourceMetrics: [{ resource, scopeMetrics: scoped }] }
    try {
      const response = await fetch(`${this.#endpoint}/v1/${signal}`, {
        method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body), redirect: 'error', signal: AbortSignal.timeout(TIMEOUT_MS),
      })
      await response.body?.cancel()
    } catch {
      // lost; the operator sees at the collector that nothing comes
    }
  }
}

/** Fields as OTLP's attributes. */
export const attributesOf = (fields: TelemetryFields): readonly object[] => Object.entries(fields).map(([key, value]) => ({
  key, value: typeof value === 'number' ? { intValue: Math.round(value).toString() } : { stringValue: value },
}))

/** Milliseconds as OTLP writes times. */
export const nanosOf = (ms: number): string => `${Math.round(ms * 1000).toString()}000`

const requireEndpoint = (endpoint: string): string => {
  try {
    const url = new URL(endpoint)
    if (!/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '') throw new ServerError('server.otlp.malformed')
    return url.href.replace(/\/$/, '')
  } catch (cause) {
    throw cause instanceof ServerError ? cause : new ServerError('server.otlp.malformed', {}, { cause })
  }
}
