/**
 * Metrics and spans behind one filter. Metrics are kept in memory and read at /metrics; both go to the operator's own
 * collector if one is configured, else nowhere. Nothing is sent to anybody else.
 */
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { Clock, RandomBytes } from '@famichat/base'
import { allowed, type Fields, type MetricName, METRICS, type SpanName, SPANS } from './catalogue.js'
import type { Collector } from './collector.js'
import { DailyHash } from './daily-hash.js'
import { MetricExporter } from './metric-exporter.js'
import { SpanExporter } from './span-exporter.js'

/** Where something measured is told. */
export class Telemetry {
  readonly #registry = new Registry()
  readonly #metrics = new Map<string, Counter | Histogram | Gauge>()
  readonly #clock: Clock
  readonly #hash: DailyHash
  readonly #spans: SpanExporter | undefined
  readonly #metricExporter: MetricExporter | undefined

  constructor({ clock, random, collector }: { readonly clock: Clock; readonly random: RandomBytes; readonly collector?: Collector | undefined }) {
    this.#clock = clock
    this.#hash = new DailyHash(clock, random)
    this.#spans = collector === undefined ? undefined : new SpanExporter(collector, random)
    this.#metricExporter = collector === undefined ? undefined : new MetricExporter(collector, { registry: this.#registry, clock })
    for (const [name, { kind, help, fields, ...rest }] of Object.entries(METRICS)) {
      const shared = { name, help, labelNames: [...fields], registers: [this.#registry] }
      if (kind === 'counter') this.#metrics.set(name, new Counter(shared))
      else if (kind === 'gauge') this.#metrics.set(name, new Gauge(shared))
      else this.#metrics.set(name, new Histogram({ ...shared, buckets: 'buckets' in rest ? [...rest.buckets] : [] }))
    }
  }

  /** The text that Prometheus reads. */
  read(): Promise<string> {
    return this.#registry.metrics()
  }

  /** What {@link read} is written in. */
  get contentType(): string {
    return this.#registry.contentType
  }

  /** Adds to a counter. */
  count(name: MetricName, fields: Fields = {}, by = 1): void {
    const metric = this.#metrics.get(name)
    if (metric instanceof Counter) metric.inc(allowed(METRICS[name].fields, fields), by)
  }

  /** Enters a value into a histogram, or sets a gauge. */
  observe(name: MetricName, value: number, fields: Fields = {}): void {
    const metric = this.#metrics.get(name)
    if (metric instanceof Histogram) metric.observe(allowed(METRICS[name].fields, fields), value)
    else if (metric instanceof Gauge) metric.set(value)
  }

  /** Tells of something that took `seconds` and has just ended. A device's id is hashed with the day's salt. */
  span(name: SpanName, seconds: number, { device, ...fields }: Fields): void {
    if (this.#spans === undefined) return
    const endMs = this.#clock.nowMs()
    const hashed = device === undefined ? fields : { ...fields, device: this.#hash.of(String(device)) }
    this.#spans.take({ name, startMs: endMs - seconds * 1000, endMs, fields: allowed(SPANS[name], hashed) })
  }

  /** Sends what waits. */
  async close(): Promise<void> {
    await Promise.all([this.#spans?.close(), this.#metricExporter?.close()])
  }
}
