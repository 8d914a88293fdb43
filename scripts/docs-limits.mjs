/**
 * `npm run docs:limits`: writes docs/limits.md, every cap there is (E30), from the code that holds it. With --check it writes
 * nothing, and fails when the page is stale, a cap has no sentence, or one is held nowhere.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { filesUnder, ROOT } from './workspace.mjs'
import { cell, writeOrCheck } from './written-page.mjs'

const read = (path) => readFileSync(join(ROOT, path), 'utf8')
const load = (path) => import(join(ROOT, path))

const KIB = 1024
/** Bytes as people read them; other numbers with commas. */
const shown = (name, value) => {
  if (value === 0) return 'none'
  if (/Bytes|bytes/.test(name) && Number(value) % KIB !== 0) return `${Number(value).toLocaleString('en')} bytes`
  if (/Bytes|bytes/.test(name)) return value >= KIB ** 3 ? `${value / KIB ** 3} GiB` : value >= KIB ** 2 ? `${value / KIB ** 2} MiB` : `${value / KIB} KiB`
  return Number(value).toLocaleString('en')
}

/** The sentence above each name in an object of the source; names that share one with those before say so by an ellipsis. */
const sentencesIn = (path) => new Map([...read(path).matchAll(/((?:^ *\/\*\*(?:(?!\*\/)[\s\S])*\*\/\n)?)^ {2}(?:readonly )?(\w+): [^\n]+$/gm)].map(([, comment, name]) =>
  [name, comment.replace(/^\s*\/\*\*|\*\/\s*$/g, '').replace(/\s*\n\s*\* ?/g, ' ').trim()]).filter(([, sentence]) => sentence !== ''))

const SOURCES = ['protocol', 'server', 'client'].map((name) => [name, filesUnder(`packages/${name}/src`).filter((file) => file.endsWith('.ts') && !file.endsWith('limits.ts')).map((file) => readFileSync(join(ROOT, file), 'utf8')).join('\n')])
const complaints = []
const { LIMITS } = await load('packages/protocol/dist/limits.js')
const { ROUTES } = await load('packages/protocol/dist/routes.js')
const { limits } = await load('packages/mls/dist/limits.js')
const { DEFAULT_RATE_LIMITS } = await load('packages/server/dist/rate-limits.js')
const { DEFAULT_CONNECTION_CAPS } = await load('packages/server/dist/connection-caps.js')

const protocolSentences = sentencesIn('packages/protocol/src/limits.ts')
const protocolRows = Object.entries(LIMITS).map(([name, value]) => {
  const holders = SOURCES.filter(([, source]) => source.includes(`LIMITS.${name}`)).map(([holder]) => (holder === 'protocol' ? 'both' : holder))
  if (holders.length === 0) complaints.push(`LIMITS.${name} is held nowhere`)
  if ((protocolSentences.get(name) ?? '') === '') complaints.push(`LIMITS.${name} has no sentence`)
  return `| \`${name}\` | ${shown(name, value)} | ${cell(protocolSentences.get(name) ?? '')} | ${holders.includes('both') ? 'both sides' : holders.join(', ')} |`
})
const routeRows = Object.entries(ROUTES).map(([name, { path, maxRequestBytes, maxResponseBytes }]) =>
  `| \`${name}\` | ${path} | ${shown('bytes', maxRequestBytes)} | ${shown('bytes', maxResponseBytes)} |`)
const rateSentences = sentencesIn('packages/server/src/rate-limits.ts')
const rateRows = Object.entries(DEFAULT_RATE_LIMITS).map(([name, { burst, perSecond }]) =>
  `| \`${name}\` | ${burst.toLocaleString('en')} at once, then ${perSecond >= 1 ? `${perSecond} a second` : `${Math.round(perSecond * 3600)} an hour`} | ${cell(rateSentences.get(name) ?? '')} |`)
const capSentences = sentencesIn('packages/server/src/connection-caps.ts')
const capRows = Object.entries(DEFAULT_CONNECTION_CAPS).map(([name, value]) => `| \`${name}\` | ${value.toLocaleString('en')} | ${cell(capSentences.get(name) ?? '')} |`)
const engineSentences = sentencesIn('packages/mls/src/limits.ts')
const engineRows = Object.entries(limits).map(([name, value]) => `| \`${name}\` | ${shown(name, value)} | ${cell(engineSentences.get(name) ?? '')} |`)

const page = `# Limits

Written by \`npm run docs:limits\` from the code that holds them; do not edit. What is above its cap is refused with one code
before it is stored, and before memory is taken for it; nothing changes. *Both sides*: the cap is part of the form itself, so the
client refuses it from a server as the server does from a client.

## Of the protocol

| name | value | of what | held by |
|---|---:|---|---|
${protocolRows.join('\n')}

Besides, one sealed bundle of an account, one push address of a device, and 100,000 entries of the audit trail.

## Bodies, route by route

The server reads no longer request, the client no longer answer: the rest is cut off.

| route | path | request | answer |
|---|---|---:|---:|
${routeRows.join('\n')}

## Rates of the server

An operator may change them. More than these is answered by \`protocol.rate.limited\` and a time to wait; too many frames close the channel;
more of \`readd\` are taken, and not announced.

| name | rate | of what |
|---|---|---|
${rateRows.join('\n')}

## Connections of the server

| name | value | of what |
|---|---:|---|
${capRows.join('\n')}

A channel has 5 seconds to authenticate, at most 256 requests that wait for the disk, and 8 MiB of answers it has not taken; one that
takes nothing for 10 seconds while 256 KiB wait is cut off and goes on after its cursor when it returns. A client takes no longer frame
either; a browser hands a page each frame whole, so there its length is known only then.

## Of the engine

What a device takes from another member, whoever delivered it.

| name | value | of what |
|---|---:|---|
${engineRows.join('\n')}
`
writeOrCheck({ path: 'docs/limits.md', content: page, command: 'npm run docs:limits', complaints, summary: `${protocolRows.length + engineRows.length} caps, ${routeRows.length} routes` })
