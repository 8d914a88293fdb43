/**
 * `npm run vault-bench`: what encrypted columns cost, for each value and for each query; with --write into the README.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { flag, runCommand, whole } from '@famichat/base/testing/command'
import { measureQueries, measureValues, type QueryFigures, type ValueFigures } from './bench.js'

const USAGE = `Usage: npm run vault-bench [-- --rounds N] [--json] [--write]

Measures sealing, opening and indexing single values, and queries on encrypted columns beside the same ones in clear.
  --rounds N   rounds of each; the fastest counts, since other work on the machine only ever adds (200)
  --json       one JSON document
  --write      puts the tables into packages/vault/README.md
`

const README = new URL('../../README.md', import.meta.url)
const [BEGIN, END] = ['<!-- npm run vault-bench -- --write -->', '<!-- end -->']

const tables = (values: readonly ValueFigures[], queries: readonly QueryFigures[], rounds: number): string => `Node ${process.version}, ${cpus()[0]?.model.trim() ?? 'unknown'}, SQLite in memory; the fastest of ${rounds.toString()} rounds.

| a value of | sealed in | opened in | index value in |
|---|---:|---:|---:|
${values.map(({ characters, sealNs, openNs, indexNs }) => `| ${characters.toString()} characters | ${ns(sealNs)} | ${ns(openNs)} | ${ns(indexNs)} |`).join('\n')}

| query | in clear | encrypted | more |
|---|---:|---:|---:|
${queries.map(({ query, plainUs, sealedUs }) => `| ${query} | ${plainUs.toFixed(0)} µs | ${sealedUs.toFixed(0)} µs | ${percent(plainUs, sealedUs)} |`).join('\n')}
`

const ns = (value: number): string => `${Math.round(value).toLocaleString('en')} ns`
const percent = (plain: number, sealed: number): string => `${Math.round(100 * (sealed / plain - 1)).toString()} %`

process.exitCode = await runCommand({
  usage: USAGE,
  options: { rounds: whole(200, { least: 1 }), json: flag, write: flag },
  run: async ({ rounds, json, write }) => {
    const size = { rounds, values: 200, rows: 1000 }
    const values = measureValues(size)
    const queries = await measureQueries(size)
    if (json) process.stdout.write(`${JSON.stringify({ node: process.version, rounds, values, queries }, undefined, 2)}\n`)
    else process.stdout.write(tables(values, queries, rounds))
    if (!write) return 0
    const page = readFileSync(README, 'utf8')
    const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)]
    if (begin < 0 || end < begin) throw new RangeError('the README has no place for the tables')
    writeFileSync(README, `${page.slice(0, begin + BEGIN.length)}\n\n${tables(values, queries, rounds)}\n${page.slice(end)}`)
    return 0
  },
}, process.argv.slice(2))
