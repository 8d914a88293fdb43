/**
 * `npm run web-figures`: measures the web app in a real Chromium and writes docs/web-figures.md.
 */
import { writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { fileURLToPath } from 'node:url'
import { flag, makeProgress, runCommand } from '@famichat/base/testing/command'
import { findChromium, WebCommunity } from '../support/community.js'
import { measure, type WebFigures } from './measure.js'

const PAGE = fileURLToPath(new URL('../../../../docs/web-figures.md', import.meta.url))
const USAGE = `Usage: npm run web-figures [-- --quick] [--json]
Measures the web app in Chromium against a real server on this machine, and writes docs/web-figures.md.
  --quick   200 messages instead of 1,000 and 10,000; writes nothing
  --json    prints the figures as JSON
`

const takeFigures = async ({ quick: isQuick, json: isJson }: { readonly quick: boolean; readonly json: boolean }): Promise<number> => {
  const found = findChromium()
  if ('missing' in found) {
    process.stderr.write(`${found.missing}\n`)
    return 1
  }
  const community = await WebCommunity.start(found.path)
  try {
    const amounts = isQuick ? { sent: 20, backlog: 200, scrolled: 200 } : { sent: 100, backlog: 1000, scrolled: 10_000 }
    const progress = makeProgress('% measured')
    const measured = await measure(community, amounts, (part, what) => { progress(Math.round(100 * part), 100, what) })
    process.stdout.write(isJson ? `${JSON.stringify(measured)}\n` : tableOf(measured))
    if (!isQuick) writeFileSync(PAGE, pageOf(measured))
  } finally {
    await community.end()
  }
  return 0
}

const tableOf = ({ scriptBytes, typingMs, deliveryMs, backlog, scrolling }: WebFigures): string => [
  '| what | goal | measured |', '|---|---|---|',
  `| script that is loaded first, all included, gzip | ≤ 150 KB | ${(scriptBytes / 1000).toFixed(1)} KB |`,
  `| typing → laid out, p95 of ${typingMs.count.toString()} keys | < 10 ms | ${typingMs.p95.toString()} ms (p50 ${typingMs.p50.toString()}) |`,
  `| sent → shown on the other page, p95 of ${deliveryMs.count.toString()} | < 200 ms | ${deliveryMs.p95.toString()} ms (p50 ${deliveryMs.p50.toString()}) |`,
  `| ${backlog.messages.toString()} messages come after a time away: tasks over 50 ms in the page | 0 | ${backlog.longTasks.toString()} (longest ${backlog.longestTaskMs.toFixed(0)} ms), ready after ${(backlog.readyMs / 1000).toFixed(1)} s |`,
  `| the same: layout shift | 0 | ${backlog.layoutShift.toFixed(4)} |`,
  `| scrolling through ${scrolling.messages.toString()} messages, frame p50 and p95 | ≤ 16.7 ms | ${scrolling.frameMs.p50.toString()} and ${scrolling.frameMs.p95.toString()} ms of ${scrolling.frameMs.count.toString()} frames |`,
  `| the same: elements on the page at most | bounded | ${scrolling.mostNodes.toString()} (${scrolling.mostBubbles.toString()} messages) |`,
  `| the same: what is read moves by itself, at most | ≤ 2 px | ${scrolling.movedPx.toString()} px |`, '',
].join('\n')

const pageOf = (figures: WebFigures): string => `# Figures of the web app

Written by \`npm run web-figures\`: a headless Chromium and the real server on one machine (${cpus().length.toString()} × ${cpus()[0]?.model.trim() ?? 'unknown'}), which
may have been busy with other things. Texts differ in length; nothing is cached but what the app itself keeps.

${tableOf(figures)}`

process.exitCode = await runCommand({ usage: USAGE, options: { quick: flag, json: flag }, run: takeFigures }, process.argv.slice(2))
