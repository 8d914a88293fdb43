/**
 * The log: a typed allow-list in front of pino. What is not declared here is dropped, so no name, key, token, id or
 * body can reach a line by accident.
 */
import { type DestinationStream, pino } from 'pino'
import type { Clock } from '@famichat/base'

/** Every field a line may have; all are counts, sizes, times, or words of closed sets. */
export interface LogFields {
  readonly route?: string
  readonly status?: number
  readonly code?: string
  readonly durationMs?: number
  readonly bytes?: number
  readonly count?: number
  readonly port?: number
  /** Class name of an unexpected error, never its message. */
  readonly kind?: string
}

const ALLOWED: readonly (keyof LogFields)[] = ['route', 'status', 'code', 'durationMs', 'bytes', 'count', 'port', 'kind']

/** How much is said: each request too, or only what happens to the server. */
export type LogDetail = 'requests' | 'events'

/** Where the server says what happens. */
export interface ServerLog {
  /** One request that was answered; its event is `http`. */
  request(fields: LogFields): void
  info(event: string, fields?: LogFields): void
  warn(event: string, fields?: LogFields): void
  error(event: string, fields?: LogFields): void
}

/** A log in JSON lines to `destination`; the times come from `clock`. */
export const makeServerLog = (destination: DestinationStream, clock: Clock, detail: LogDetail): ServerLog => {
  const logger = pino({ base: null, timestamp: () => `,"time":${clock.nowMs()}`, messageKey: 'event' }, destination)
  return {
    request: (fields) => { if (detail === 'requests') logger.info(filtered(fields), 'http') },
    info: (event, fields) => { logger.info(filtered(fields), event) },
    warn: (event, fields) => { logger.warn(filtered(fields), event) },
    error: (event, fields) => { logger.error(filtered(fields), event) },
  }
}

/** The class name of whatever was thrown: the most a log may say about an unexpected error. */
export const kindOf = (error: unknown): string => {
  if (!(error instanceof Error)) return typeof error
  const code = 'code' in error && typeof error.code === 'string' && /^[A-Z0-9_]{1,40}$/.test(error.code) ? ` ${error.code}` : ''
  return `${error.name}${code}`
}

const filtered = (fields: LogFields = {}): Record<string, string | number> => {
  const kept: Record<string, string | number> = {}
  for (const name of ALLOWED) {
    const value = fields[name]
    if (value !== undefined) kept[name] = value
  }
  return kept
}
