/**
 * Sends all metrics to the operator's collector, every half minute and when the server stops: the same values, with the same
 * fields, that /metrics shows. Counters and histograms count from the start of the process (OTLP: cumulative).
 */
import type { Clock } from '@famichat/base'
import type { Registry } from 'prom-client'
import { allowed, METRICS } from './catalogue.js'
import { attributesOf, type Collector, nanosOf, type TelemetryFields } from './collector.js'

const EVERY_MS = 30_000
const CUMULATIVE = 2

/** A value as the registry tells it. */
interface Measured {
  readonly value: number
  readonly labels: Readonly<Record<string, string | number | undefined>>
  /** Of a histogram: which of its series. */
  readonly metricName?: string
}

interface Times {
  readonly startTimeUnixNano: string
  readonly timeUnixNano: string
}

/** Reads a registry and sends what it holds. */
export class MetricExporter {
  readonly #collector: Collector
  readonly #registry: Registry
  readonly #clock: Clock
  readonly #startMs: number
  readonly #timer: NodeJS.Timeout

  constructor(collector: Collector, { registry, clock }: { readonly registry: Registry; readonly clock: Clock }) {
    this.#collector = collector
    this.#registry = registry
    this.#clock = clock
    this.#startMs = clock.nowMs()
    this.#timer = setInterval(() => { void this.#send() }, EVERY_MS).unref()
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#send()
  }

  async #send(): Promise<void> {
    const times = { startTimeUnixNano: nanosOf(this.#startMs), timeUnixNano: nanosOf(this.#clock.nowMs()) }
    const measured = new Map((await this.#registry.getMetricsAsJSON()).map(({ name, values }) => [name, values]))
    // what the catalogue does not name is not sent, whoever put it into the registry
    const metrics = Object.entries(METRICS).map(([name, { kind, help, fields }]) => {
      const values = (measured.get(name) ?? []).map(({ value, labels, ...rest }): Measured => ({ value, labels, ...rest }))
      const fieldsOf = (labels: Measured['labels']): TelemetryFields => allowed(fields, labels)
      const points = values.map(({ value, labels }) => ({ attributes: attributesOf(fieldsOf(labels)), ...times, asDouble: value }))
      if (kind === 'gauge') return { name, description: help, gauge: { dataPoints: points } }
      if (kind === 'counter') return { name, description: help, sum: { dataPoints: points, aggregationTemporality: CUMULATIVE, isMonotonic: true } }
      return { name, description: help, unit: 's', histogram: { dataPoints: histogramPoints(values, fieldsOf, times), aggregationTemporality: CUMULATIVE } }
    })
    await this.#collector.post('metrics', { metrics })
  }
}

/** One point for each combination of fields. Prometheus counts what is below a bound, OTLP what is between two. */
const histogramPoints = (values: readonly Measured[], fieldsOf: (labels: Measured['labels']) => TelemetryFields, times: Times): readonly object[] => {
  const series = new Map<string, { readonly fields: TelemetryFields; readonly below: Map<number, number>; sum: number; count: number }>()
  for (const { value, labels, metricName = '' } of values) {
    const fields = fieldsOf(labels)
    const key = JSON.stringify(fields)
    const one = series.get(key) ?? { fields, below: new Map<number, number>(), sum: 0, count: 0 }
    series.set(key, one)
    if (metricName.endsWith('_sum')) one.sum = value
    else if (metricName.endsWith('_count')) one.count = value
    else if (labels.le !== '+Inf') one.below.set(Number(labels.le), value)
  }
  return [...series.values()].map(({ fields, below, sum, count }) => {
    const bounds = [...below.keys()].sort((a, b) => a - b)
    const counts = [...bounds.map((bound) => below.get(bound) ?? 0), count].map((upTo, at, all) => (upTo - (all[at - 1] ?? 0)).toString())
    return { attributes: attributesOf(fields), ...times, count: count.toString(), sum, bucketCounts: counts, explicitBounds: bounds }
  })
}
