/**
 * Every row as comma-separated values (RFC 4180).
 */
import type { Results } from './results.js'

const HEAD = ['kind', 'contender', 'members', 'what', 'unit or outcome', 'median', 'low', 'high', 'runs', 'text']

const cell = (value: string | number): string => {
  const text = typeof value === 'number' ? String(Number(value.toFixed(3))) : value
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

/** The whole file. */
export const csv = (results: Results): string => {
  const lines = results.rows.map((row): readonly (string | number)[] => {
    switch (row.kind) {
      case 'measurement': return [row.kind, row.contender, row.members, row.work, row.unit, row.value.median, row.value.low, row.value.high, row.value.runs, '']
      case 'finding': return [row.kind, row.contender, '', row.experiment, row.outcome, '', '', '', '', [row.seen, row.how].flatMap((text) => text ?? []).join('. ')]
      case 'failure': return [row.kind, row.contender, '', row.part, '', '', '', '', '', row.reason]
      case 'entry': return [row.kind, row.contender, '', `${row.library} ${row.version}`, row.licence, '', '', '', '', row.note]
    }
  })
  return [HEAD, ...lines].map((line) => line.map(cell).join(',')).join('\n') + '\n'
}
