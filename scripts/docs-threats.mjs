/**
 * `npm run docs:threats`: writes docs/threats.md, what Famichat is attacked with in its own tests: each threat with the tests
 * whose names begin with its id. A threat without a test is shown as one. With --check it writes nothing, and fails when the
 * page is stale or a test names a threat that is not in scripts/threats.json.
 */
import { readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { filesUnder, packageNames, ROOT } from './workspace.mjs'
import { cell, writeOrCheck } from './written-page.mjs'

const THREATS = JSON.parse(readFileSync(join(ROOT, 'scripts/threats.json'), 'utf8'))

/** A name as the source writes it: escapes undone, what a template fills in left as an ellipsis. */
const readable = (name) => name.replace(/\\(['"`])/g, '$1').replace(/\$\{[^}]*\}/g, '…')

/** `S1-S3, S7` names four. */
const idsIn = (text) => [...text.matchAll(/S(\d+)(?:-S(\d+))?/g)].flatMap(([, from, to = from]) =>
  Array.from({ length: Number(to) - Number(from) + 1 }, (_, step) => `S${Number(from) + step}`))

const testsById = () => {
  const found = new Map()
  const files = [...packageNames().flatMap((name) => filesUnder(`packages/${name}/test`)), ...filesUnder('scripts/test')].filter((file) => /\.test\.(ts|mjs)$/.test(file)).sort()
  for (const file of files) {
    const source = readFileSync(join(ROOT, file), 'utf8')
    for (const [, , name] of source.matchAll(/\btest\(\s*(['"`])((?:\\.|(?!\1).)*)\1/g)) {
      const [ids] = /^(?:S\d+(?:-S\d+)?(?:, |: ?| and | )?)+/.exec(name) ?? []
      if (ids === undefined) continue
      const sentence = readable(name.slice(ids.length).trim())
      for (const id of idsIn(ids)) found.set(id, [...(found.get(id) ?? []), { sentence, file: relative(ROOT, join(ROOT, file)) }])
    }
  }
  return found
}

const found = testsById()
const proven = THREATS.filter(([id]) => found.has(id)).length
const rows = THREATS.map(([id, threat]) => {
  const tests = (found.get(id) ?? []).map(({ sentence, file }) => `${cell(sentence)} <sub>${file}</sub>`)
  return `| ${id} | ${threat} | ${tests.join('<br>') || '*no test bears this id*'} |`
})
const page = `# What Famichat is attacked with

Written by \`npm run docs:threats\`; do not edit. ${proven} of ${THREATS.length} threats have tests that bear their id. One without may still be covered by
tests under other names, by the engine's own ([mls-validation.md](mls-validation.md)), or not at all: it counts as missing here.

| id | threat | tests |
|---|---|---|
${rows.join('\n')}
`
const strangers = [...found.keys()].filter((id) => !THREATS.some(([known]) => known === id))
const complaints = strangers.map((id) => `${id} begins the name of a test, and scripts/threats.json does not have it`)
writeOrCheck({ path: 'docs/threats.md', content: page, command: 'npm run docs:threats', complaints, summary: `${proven} of ${THREATS.length} threats have a test` })
