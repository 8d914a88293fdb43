/**
 * `npm run bench -- e2e`: from sending to the other screen, and coming back after a long absence.
 */
import { writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { flag, list, makeProgress, runCommand, whole } from '@famichat/base/testing/command'
import { type Backlog, measureBacklog, type OnAndOff } from './backlog.js'
import { type EndToEnd, measureEndToEnd } from './e2e.js'

const USAGE = `Usage: npm run bench -- e2e [--sizes N,N,…] [--messages N] [--backlog N] [--json] [--write]

A real server process and real clients with files of their own, on loopback.
  --sizes     members of the conversation (2,100,500); 500 take some minutes to join
  --messages  messages timed at each size (300)
  --backlog   messages that wait for a device that comes back, over 50 epochs (10000; 0 leaves it out)
  --json      one JSON document instead of the lines
  --write     writes docs/benchmarks-e2e.md
`
const EPOCHS = 50
const PAGE = new URL('../../../../docs/benchmarks-e2e.md', import.meta.url)

const onProgress = makeProgress('done')
const ms = (value: number): string => value.toFixed(value < 10 ? 2 : 1)

const endToEndLine = ({ members, messages, encryption, sendToShown }: EndToEnd): string =>
  `| ${members} | ${messages} | ${ms(encryption.p50)} | ${ms(encryption.p99)} | ${ms(sendToShown.p50)} | ${ms(sendToShown.p99)} |`

const page = (rows: readonly EndToEnd[], { backlog, measures }: { readonly backlog?: Backlog; readonly measures: readonly OnAndOff[] }, command: string): string => `# From sending to the other screen

Written by \`${command}\`; do not edit. Node ${process.version}, ${cpus().length} cores (${cpus()[0]?.model.trim() ?? 'unknown'}), which server and clients
share. Milliseconds. *Encryption* is the engine's part of sending; *send to shown* is from \`client.send\` to the event at another
person's client, decrypted and durable on both sides. Goals: encryption p99 below 2 ms, send to shown p99 below 50 ms.

| members | messages | encryption p50 | p99 | send to shown p50 | p99 |
|---:|---:|---:|---:|---:|---:|
${rows.map(endToEndLine).join('\n')}
${backlog === undefined ? '' : `
A device that was away while ${backlog.messages} messages were written over ${backlog.epochs} epochs has them all after **${backlog.seconds.toFixed(1)} s**
(goal: 10,000 in 20 s); its process was never busy for longer than ${ms(backlog.longestBlockMs)} ms at a time.

| measure against slowness | with | without |
|---|---:|---:|
${measures.map(({ measure, on, off, unit }) => `| ${measure} | ${ms(on)} ${unit} | ${ms(off)} ${unit} |`).join('\n')}
`}`

const [, , what, ...args] = process.argv

process.exitCode = await runCommand({
  usage: USAGE,
  options: { sizes: list([2, 100, 500], whole(2, { least: 2 })), messages: whole(300, { least: 1 }), backlog: whole(10_000), json: flag, write: flag },
  run: async ({ sizes, messages, backlog: queued, json, write }) => {
    const say = (text: string): void => { if (!json) process.stdout.write(`${text}\n`) }
    const rows: EndToEnd[] = []
    for (const members of sizes) {
      const row = await measureEndToEnd({ members, messages, onProgress })
      rows.push(row)
      say(`${members} members: encryption p50 ${ms(row.encryption.p50)} ms, p99 ${ms(row.encryption.p99)} ms; send to shown p50 ${ms(row.sendToShown.p50)} ms, p99 ${ms(row.sendToShown.p99)} ms`)
    }
    const found = queued === 0 ? undefined : await measureBacklog({ messages: queued, epochs: Math.min(EPOCHS, queued), onProgress })
    if (found !== undefined) {
      say(`backlog: ${found.backlog.messages} messages over ${found.backlog.epochs} epochs in ${found.backlog.seconds.toFixed(1)} s, never busy longer than ${ms(found.backlog.longestBlockMs)} ms`)
      for (const { measure, on, off, unit } of found.measures) say(`${measure}: ${ms(on)} ${unit}, without ${ms(off)} ${unit}`)
    }
    if (json) process.stdout.write(`${JSON.stringify({ node: process.version, rows, ...found }, undefined, 2)}\n`)
    if (write) writeFileSync(PAGE, page(rows, { measures: [], ...found }, `npm run bench -- ${process.argv.slice(2).join(' ')}`))
    return 0
  },
}, what === 'e2e' ? args : process.argv.slice(2))
