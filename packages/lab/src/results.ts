/**
 * All rows of a run, and questions to them.
 */
import { LabError } from './errors.js'
import type { Entry, Failure, Finding, Measurement, Row, Spread } from './row.js'

export class Results {
  readonly #rows: Row[] = []

  add(row: Row): void {
    if (row.kind === 'entry' && this.entry(row.contender) !== undefined) return
    // what is impossible at every size is said once
    if (row.kind === 'failure' && this.failures.some(({ contender, part, reason }) => contender === row.contender && part === row.part && reason === row.reason)) return
    this.#rows.push(row)
  }

  get rows(): readonly Row[] {
    return this.#rows
  }

  get entries(): readonly Entry[] {
    return this.#rows.filter((row): row is Entry => row.kind === 'entry')
  }

  get findings(): readonly Finding[] {
    return this.#rows.filter((row): row is Finding => row.kind === 'finding')
  }

  get failures(): readonly Failure[] {
    return this.#rows.filter((row): row is Failure => row.kind === 'failure')
  }

  get measurements(): readonly Measurement[] {
    return this.#rows.filter((row): row is Measurement => row.kind === 'measurement')
  }

  /** Sizes that were measured, in members. */
  get sizes(): readonly number[] {
    return [...new Set(this.measurements.filter(({ work }) => !work.startsWith('phases')).map(({ members }) => members))].sort((a, b) => a - b)
  }

  entry(contender: string): Entry | undefined {
    return this.entries.find((entry) => entry.contender === contender)
  }

  /** A contender's name, or its id when it never loaded. */
  nameOf(contender: string): string {
    return this.entry(contender)?.name ?? contender
  }

  /** The first of these pieces of work that was measured. */
  value(contender: string, members: number, ...works: readonly string[]): Spread | undefined {
    for (const work of works) {
      const found = this.measurements.findLast((row) => row.contender === contender && row.members === members && row.work === work)
      if (found !== undefined) return found.value
    }
    return undefined
  }

  finding(contender: string, experiment: string): Finding | undefined {
    return this.findings.find((row) => row.contender === contender && row.experiment === experiment)
  }
}

/** A run as `protocols.json` has it. @throws LabError `lab.report.malformed` */
export const parseRun = (text: string): { readonly facts: object; readonly rows: readonly Row[] } => {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (error) {
    throw new LabError('lab.report.malformed', {}, { cause: error })
  }
  if (typeof parsed !== 'object' || parsed === null || !('rows' in parsed) || !Array.isArray(parsed.rows)) throw new LabError('lab.report.malformed')
  const { rows, ...facts } = parsed
  return { facts, rows: rows as readonly Row[] }
}

/** The results that consist of these rows. */
export const resultsOf = (rows: readonly Row[]): Results => {
  const results = new Results()
  for (const row of rows) results.add(row)
  return results
}
