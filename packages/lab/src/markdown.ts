/**
 * docs/protocols.md.
 */
import { claimTable, growthTable, notes } from './claims.js'
import type { Results } from './results.js'
import { contenderTable, failureTable, findingTables, phaseTable, securityTable, type Table, workTables } from './tables.js'

/** What a report says about its run. */
export interface RunFacts {
  readonly command: string
  /** YYYY-MM-DD. */
  readonly date: string
  readonly machine: string
  readonly seconds: number
}

/** A table in Markdown, under a heading of `level`. */
export const markdownTable = ({ title, about, head, rows }: Table, level = 2): string => [
  `${'#'.repeat(level)} ${title}`, '', about, '',
  `| ${head.join(' | ')} |`, `|${head.map(() => '---').join('|')}|`,
  ...rows.map((row) => `| ${row.map((cell) => cell.replaceAll('|', '/')).join(' | ')} |`), '',
].join('\n')

/** The whole page. */
export const markdown = (results: Results, { command, date, machine, seconds }: RunFacts): string => {
  const optional = (table: Table | undefined): readonly string[] => (table === undefined ? [] : [markdownTable(table)])
  return [
    '# Protocols side by side', '',
    `Written by \`${command}\` on ${date} in ${Math.ceil(seconds / 60).toString()} minutes: ${machine}.`,
    'Signal, Olm, Megolm and MLS do the same work through one interface (`packages/lab`), all in this one run. Times are medians with the',
    'fastest and the slowest run in brackets; on a machine that does other things (see the load), read the fastest, and ratios. The same with plots is in',
    '[protocols.html](protocols.html), every row in [protocols.csv](protocols.csv) and [protocols.json](protocols.json).', '',
    '## Where the design\'s text is wrong', '',
    ...notes(results).map((note) => `- ${note}`), '',
    markdownTable(claimTable(results)),
    ...optional(phaseTable(results)),
    ...optional(growthTable(results)),
    markdownTable(contenderTable(results)),
    markdownTable(securityTable(results)),
    ...findingTables(results).map((table) => markdownTable(table, 3)),
    '## Cost by size', '',
    'Two members are the 1:1 case. Every member has keys; the founder and up to a dozen others are played out. Sessions and keys exist before messages are timed. Sizes of',
    'ciphertexts are those of the library: Olm and Megolm travel in JSON and base64, ts-mls pads to 256 bytes.', '',
    ...workTables(results).map((table) => markdownTable(table, 3)),
    ...optional(failureTable(results)),
  ].join('\n').replace(/\n{3,}/g, '\n\n').trimEnd() + '\n'
}
