/**
 * `npm run docs:validation`: writes docs/mls-validation.md, what the engine must refuse, with the codes it refuses with and
 * the tests that prove it. Ids come from packages/mls/test/hostile/checks.json, tests from the names of all engine tests; what
 * belongs to the application (A01-A13) is proven by the client's. With --check it writes nothing, and fails when the page is
 * stale or a check has no test.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { ROOT } from './workspace.mjs'
import { cell, writeOrCheck } from './written-page.mjs'

const TESTS = join(ROOT, 'packages/mls/test')
const CLIENT_TESTS = join(ROOT, 'packages/client/test')
const SECTIONS = JSON.parse(readFileSync(join(TESTS, 'hostile/checks.json'), 'utf8'))

const testFiles = (folder) => readdirSync(folder, { withFileTypes: true, recursive: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith('.test.ts'))
  .map((entry) => join(entry.parentPath, entry.name))
  .sort()

/** A name as the source writes it: escapes undone, what a template fills in left as an ellipsis. */
const readable = (name) => name.replace(/\\(['"`])/g, '$1').replace(/\$\{[^}]*\}/g, '…')

const codesIn = (text) => [...new Set([...text.matchAll(/'((?:mls|base)\.[a-z_0-9]+\.[a-z_0-9]+)'/g)].map(([, code]) => code))]

/** `test('X00 sentence', …)` with what follows up to the next test. */
const namedTests = (source) => {
  const starts = [...source.matchAll(/^ *test\(\s*(['"`])((?:\\.|(?!\1).)*)\1/gm)]
  return starts.map((match, at) => ({ name: match[2], body: source.slice(match.index, starts[at + 1]?.index ?? source.length) }))
}

/** Rows of a table of cases: `{ id: 'X00', what: 'sentence', code: … }`; the table's tests name themselves after them. */
const tabledTests = (source) => {
  const starts = [...source.matchAll(/^ *\{\s*id: '([A-Z]\d\d)', what: '((?:\\.|[^'\\])*)'/gm)]
  return starts.map((match, at) => ({
    name: `${match[1]} refuses ${match[2]} (on every path that takes a leaf)`, body: source.slice(match.index, starts[at + 1]?.index ?? source.indexOf('\n]', match.index)),
  }))
}

const testsById = () => {
  const found = new Map()
  for (const file of testFiles(TESTS)) {
    const source = readFileSync(file, 'utf8')
    for (const { name, body } of [...namedTests(source), ...tabledTests(source)]) {
      const [ids] = /^(?:[A-Z]\d\d )+/.exec(name) ?? []
      if (ids === undefined) continue
      const sentence = readable(name.slice(ids.length))
      for (const id of ids.trim().split(' ')) {
        const entry = found.get(id) ?? { codes: [], tests: [] }
        entry.codes.push(...codesIn(body).filter((code) => !entry.codes.includes(code)))
        entry.tests.push({ sentence, file: relative(TESTS, file) })
        found.set(id, entry)
      }
    }
  }
  return found
}

/** `test('A01: sentence', …)`, `test('A02, A04: sentence', …)` of the client, by id. */
const clientTestsById = () => {
  const found = new Map()
  for (const file of testFiles(CLIENT_TESTS)) {
    for (const { name } of namedTests(readFileSync(file, 'utf8'))) {
      const [prefix, ids] = /^((?:A\d\d, )*A\d\d): /.exec(name) ?? []
      for (const id of ids?.split(', ') ?? []) found.set(id, [...found.get(id) ?? [], { sentence: readable(name.slice(prefix.length)), file: relative(join(ROOT, 'packages'), file) }])
    }
  }
  return found
}

const row = ({ id, check, rfc, note, application }, entry) => {
  const codes = (entry?.codes ?? []).map((code) => `\`${code}\``).join('<br>') || '–'
  const tests = (application === undefined ? entry?.tests ?? [] : applications.get(id) ?? []).map(({ sentence, file }) => `${cell(sentence)} <sub>${file}</sub>`)
  return `| ${id} | ${cell(check)} | ${cell(rfc) || '–'} | ${codes} | ${[...tests, ...(note === undefined ? [] : [`*${note}*`])].join('<br>')} |`
}

const pageOf = (found) => {
  const checks = SECTIONS.flatMap((section) => section.checks)
  const ours = checks.filter(({ application }) => application === undefined)
  const proven = ours.filter(({ id }) => found.has(id)).length
  const tests = new Set([...found.values()].flatMap((entry) => entry.tests.map(({ sentence, file }) => `${file} ${sentence}`))).size
  return `# What the engine refuses

Written by \`npm run docs:validation\`; do not edit. ${proven} of the ${ours.length} checks that belong to the engine are proven by ${tests} named
tests (tables of cases count once per case, and run on every path). The other ${checks.length - ours.length} belong to
the application, and are proven by tests of the client, against a real server. A hostile test
asserts the code, that the state is as it was, and that the honest message is accepted afterwards. In a test's name: *receive* is somebody else's message, *own creation* what this member makes, *join* a
Welcome or GroupInfo. RFC sections are those of RFC 9420. Codes are those the tests of a line name, side conditions included.
${SECTIONS.map(({ section, title, checks: lines }) => `
## ${section} ${title}

| id | what is checked | RFC | codes | tests |
|---|---|---|---|---|
${lines.map((line) => row(line, found.get(line.id))).join('\n')}
`).join('')}`
}

const found = testsById()
const applications = clientTestsById()
const known = new Set(SECTIONS.flatMap((section) => section.checks.map(({ id }) => id)))
const missing = SECTIONS.flatMap((section) => section.checks).filter(({ id, application }) => !(application === undefined ? found : applications).has(id))
const strangers = [...found.keys(), ...applications.keys()].filter((id) => !known.has(id))
const page = pageOf(found)
const complaints = [
  ...missing.map(({ id, check }) => `${id} has no test: ${check}`),
  ...strangers.map((id) => `${id} is the name of a test, and no check has this id`),
]
writeOrCheck({ path: 'docs/mls-validation.md', content: page, command: 'npm run docs:validation', complaints, summary: `${known.size} checks, ${missing.length} without a test` })
