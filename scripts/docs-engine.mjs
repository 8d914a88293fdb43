/**
 * `npm run docs`: writes docs/rfc9420-map.md (section, symbol, test), docs/api-mls.md and docs/api-client.md from the comments in the code.
 * With --check it writes nothing, and fails when a page is not what it would write.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { apiPage } from './docs-api.mjs'
import { ROOT } from './workspace.mjs'

const SOURCES = join(ROOT, 'packages/mls/src')
const TESTS = join(ROOT, 'packages/mls/test')
const TITLES = JSON.parse(readFileSync(join(ROOT, 'scripts/rfc9420-sections.json'), 'utf8'))
const WRITTEN = 'Written by `npm run docs` from the comments in the code.'

const filesBelow = (folder, ending) => readdirSync(folder, { withFileTypes: true, recursive: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith(ending))
  .map((entry) => join(entry.parentPath, entry.name))
  .sort()

const parse = (file) => ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true)

const commentOf = (node) => {
  const [doc] = ts.getJSDocCommentsAndTags(node)
  return doc === undefined ? '' : doc.getText().replace(/^\/\*\*|\*\/$/g, '').replace(/^\s*\* ?/gm, '').trim()
}

/** Sections of RFC 9420 a text names; those of other RFCs are left out. */
const sectionsIn = (text) => [...new Set([...text.replace(/RFC (?!9420)\d+(?: §[\d.]+(?:,| and)?)+/g, '').matchAll(/§(\d+(?:\.\d+)*)/g)].map((match) => match[1]).filter((section) => section in TITLES))]

/** Exported declarations of a file, with their comments; methods of exported classes too. */
const declarationsOf = (source) => {
  const found = []
  const isExported = (node) => ts.canHaveModifiers(node) && ts.getModifiers(node)?.some((modifier) => modifier.kind === ts.SyntaxKind.ExportKeyword)
  for (const node of source.statements) {
    if (!isExported(node)) continue
    const names = ts.isVariableStatement(node) ? node.declarationList.declarations.map((each) => each.name.getText()) : [node.name?.getText()]
    for (const name of names) found.push({ name, comment: commentOf(node), node })
    if (!ts.isClassDeclaration(node)) continue
    for (const member of node.members) {
      const name = member.name?.getText()
      const isPrivate = name?.startsWith('#') || ts.isConstructorDeclaration(member) || ts.getModifiers(member)?.some(({ kind }) => kind === ts.SyntaxKind.OverrideKeyword)
      if (name !== undefined && !isPrivate) found.push({ name: `${node.name?.getText()}.${name}`, comment: commentOf(member), node: member })
    }
  }
  return found
}

const bySection = (a, b) => {
  const left = a.split('.').map(Number)
  const right = b.split('.').map(Number)
  for (let i = 0; i < Math.max(left.length, right.length); i++) if ((left[i] ?? 0) !== (right[i] ?? 0)) return (left[i] ?? 0) - (right[i] ?? 0)
  return 0
}

/** Test names by the section they speak of: named in the test, or by the error code its test expects. */
const testsBySection = () => {
  const codes = new Map([...readFileSync(join(SOURCES, 'errors.ts'), 'utf8').matchAll(/'(mls\.[a-z_.]+)': \{ rfc: '([\d.]+)'/g)].map((match) => [match[1], match[2]]))
  const tests = new Map()
  for (const file of filesBelow(TESTS, '.test.ts')) {
    const text = readFileSync(file, 'utf8')
    const starts = [...text.matchAll(/\btest\((?:`|')((?:[^`'\\]|\\.)*)(?:`|')/g)]
    starts.forEach((start, index) => {
      const body = text.slice(start.index, starts[index + 1]?.index ?? text.length)
      const sections = new Set([...sectionsIn(body), ...[...body.matchAll(/'(mls\.[a-z_.]+)'/g)].map((match) => codes.get(match[1])).filter((section) => section in TITLES)])
      for (const section of sections) tests.set(section, [...(tests.get(section) ?? []), start[1].replaceAll('\\', '')])
    })
  }
  return tests
}

const mapPage = () => {
  const symbols = new Map()
  for (const file of filesBelow(SOURCES, '.ts')) {
    const place = relative(SOURCES, file)
    for (const { name, comment } of declarationsOf(parse(file))) {
      for (const section of sectionsIn(comment)) symbols.set(section, [...(symbols.get(section) ?? []), `\`${name}\` (${place})`])
    }
  }
  const tests = testsBySection()
  const rows = [...new Set([...symbols.keys(), ...tests.keys()])].sort(bySection).map((section) => {
    const named = tests.get(section) ?? []
    const shown = named.slice(0, 4).map((name) => name.replaceAll('|', '\\|'))
    const more = named.length > shown.length ? ` and ${named.length - shown.length} more` : ''
    return `| §${section} ${TITLES[section]} | ${(symbols.get(section) ?? []).join('<br>')} | ${shown.join('<br>')}${more} |`
  })
  return `# RFC 9420, section by section\n\nWritten by \`npm run docs\` from the comments of packages/mls/src and the names and error codes of its tests.\n\n| section | symbols | tests |\n|---|---|---|\n${rows.join('\n')}\n`
}

/** The pages and what they should hold. */
const pages = () => [
  { path: 'docs/rfc9420-map.md', content: mapPage() },
  { path: 'docs/api-mls.md', content: apiPage({ folder: 'packages/mls', title: 'API of the engine', introduction: `${WRITTEN} Examples are in packages/mls/README.md.` }) },
  { path: 'docs/api-client.md', content: apiPage({ folder: 'packages/client', title: 'API of the SDK', introduction: `${WRITTEN} [sdk.md](sdk.md) shows how to use it.` }) },
]

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const isCheck = process.argv.includes('--check')
  for (const { path, content } of pages()) {
    const file = join(ROOT, path)
    if (!isCheck) writeFileSync(file, content)
    else if (readFileSync(file, 'utf8') !== content) {
      process.stderr.write(`${path} is not what the code says: run npm run docs\n`)
      process.exitCode = 1
    }
  }
}
