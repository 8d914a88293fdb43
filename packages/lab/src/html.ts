/**
 * The report as one HTML file that needs nothing else: no script, no font, no picture from anywhere.
 */
import { claimTable, growthTable, notes } from './claims.js'
import type { RunFacts } from './markdown.js'
import { colourOf, panel } from './plot.js'
import type { Results } from './results.js'
import { contenderTable, failureTable, findingTables, phaseTable, securityTable, type Table, WORKS, workTables } from './tables.js'

const STYLE = `body{font:15px/1.45 system-ui,sans-serif;max-width:1200px;margin:2rem auto;padding:0 1rem;color:#1c1c1c}
table{border-collapse:collapse;margin:.5rem 0 1.5rem;font-size:13px}td,th{border:1px solid #ccc;padding:.25rem .5rem;text-align:left;vertical-align:top}
th{background:#f3f3f3}.plots{display:grid;grid-template-columns:repeat(auto-fill,minmax(360px,1fr));gap:1rem}figure{margin:0}svg{width:100%}svg text{font:11px system-ui,sans-serif;fill:#444}
figcaption{font-weight:600}.no{background:#f9d9d6}.yes{background:#dcefe0}.partly{background:#fbf0cf}.key{display:inline-block;width:1.2em;height:.35em;vertical-align:middle;margin-right:.35em}.legend span{margin-right:1.2em}.scroll{overflow-x:auto}`

const escape = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')

const classOf = (cell: string): string => (cell === 'yes' ? ' class="yes"' : cell === 'NO' ? ' class="no"' : cell === 'partly' ? ' class="partly"' : '')

const table = ({ title, about, head, rows }: Table, level: 2 | 3): string =>
  `<h${level}>${escape(title)}</h${level}><p>${escape(about)}</p><div class="scroll"><table><thead><tr>${head.map((cell) => `<th>${escape(cell)}</th>`).join('')}</tr></thead><tbody>${rows.map((row) => `<tr>${row.map((cell) => `<td${classOf(cell)}>${escape(cell)}</td>`).join('')}</tr>`).join('\n')}</tbody></table></div>`

/** The whole document. */
export const html = (results: Results, { command, date, machine, seconds }: RunFacts): string => {
  const contenders = [...new Set(results.measurements.filter(({ work }) => !work.startsWith('phases')).map(({ contender }) => contender))]
  const legend = contenders.map((id, index) => `<span><span class="key" style="background:${colourOf(index)}"></span>${escape(results.nameOf(id))}</span>`).join('')
  const plots = WORKS.flatMap((work) => {
    const drawn = panel(results, work, contenders)
    return drawn === undefined ? [] : [`<figure><figcaption>${escape(work.title)}</figcaption>${drawn}</figure>`]
  })
  const optional = (one: Table | undefined): string => (one === undefined ? '' : table(one, 2))
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Protocols side by side</title><style>${STYLE}</style></head><body>
<h1>Protocols side by side</h1>
<p>Written by <code>${escape(command)}</code> on ${escape(date)} in ${Math.ceil(seconds / 60)} minutes: ${escape(machine)}. Times are medians; both axes of the plots are logarithmic.</p>
<h2>Where the design's text is wrong</h2><ul>${notes(results).map((note) => `<li>${escape(note)}</li>`).join('')}</ul>
<h2>Cost against members</h2><p class="legend">${legend}</p><div class="plots">${plots.join('\n')}</div>
${table(claimTable(results), 2)}
${optional(phaseTable(results))}
${optional(growthTable(results))}
${table(contenderTable(results), 2)}
${table(securityTable(results), 2)}
${findingTables(results).map((one) => table(one, 3)).join('\n')}
<h2>Tables by size</h2>
${workTables(results).map((one) => table(one, 3)).join('\n')}
${optional(failureTable(results))}
</body></html>
`
}
