/**
 * What the public entries of a package offer, read by the compiler from its sources: one page each, written by `npm run docs`.
 */
import { readFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import ts from 'typescript'
import { cell } from './written-page.mjs'
import { ROOT } from './workspace.mjs'

/** Longer values are not spelled out. */
const MAX_VALUE_CHARACTERS = 200

/** The page of a package: each entry's symbols with comment and signature, then the types that these speak of. */
export const apiPage = ({ folder, title, introduction }) => {
  const { name, exports } = JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8'))
  const entries = Object.entries(exports).map(([subpath, { types }]) => ({ subpath, file: join(ROOT, folder, types.replace('./dist/', 'src/').replace('.d.ts', '.ts')) }))
  const program = ts.createProgram(entries.map(({ file }) => file), optionsOf(folder))
  const checker = program.getTypeChecker()
  const shown = new Set()
  const parts = []
  for (const { subpath, file } of entries) {
    const module = checker.getSymbolAtLocation(program.getSourceFile(file))
    const symbols = checker.getExportsOfModule(module).map((symbol) => ({ name: symbol.name, symbol: resolved(checker, symbol), rank: rankOf(symbol, resolved(checker, symbol)) }))
      .filter(({ symbol }) => !shown.has(symbol) && shown.add(symbol)).sort((a, b) => a.rank - b.rank)
    parts.push(`## \`${name}${subpath.slice(1)}\`\n`, ...symbols.flatMap(({ name: called, symbol }) => sectionsOf(called, symbol)))
  }
  const further = typesSpokenOf(checker, shown)
  if (further.length > 0) parts.push('## Types that these speak of\n', 'Not exported by name; written down here for their fields.\n', ...further.flatMap((symbol) => sectionsOf(symbol.name, symbol)))
  return `# ${title}\n\n${introduction}\n\n${parts.join('\n').trimEnd()}\n`
}

const optionsOf = (folder) => {
  const path = join(ROOT, folder, 'tsconfig.json')
  const { config } = ts.readConfigFile(path, (file) => ts.sys.readFile(file))
  // what the platform brings is not shown: reading its types would take longer than all the rest
  return { ...ts.parseJsonConfigFileContent(config, ts.sys, join(ROOT, folder)).options, noEmit: true, noLib: true, types: [] }
}

const resolved = (checker, symbol) => (symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol)

/** What can be called comes before what it speaks of: classes, other values, types. */
const rankOf = (exported, symbol) => {
  const [specifier] = exported.declarations ?? []
  const isTypeOnly = specifier !== undefined && ts.isExportSpecifier(specifier) && (specifier.isTypeOnly || specifier.parent.parent.isTypeOnly)
  if (isTypeOnly || !(symbol.flags & ts.SymbolFlags.Value)) return 2
  return symbol.flags & ts.SymbolFlags.Class ? 0 : 1
}

/** Ours, and not of a package that was installed. */
const isOurs = (node) => {
  const [top, , part] = relative(ROOT, node.getSourceFile().fileName).split(sep)
  return top === 'packages' && part !== 'node_modules'
}

const declarationsOf = (symbol) => (symbol.declarations ?? []).filter(isOurs)

/** Types named in what is shown, breadth first: first those that the public symbols name, then those that these name. */
const typesSpokenOf = (checker, shown) => {
  const further = []
  const queue = [...shown]
  for (let symbol = queue.shift(); symbol !== undefined; symbol = queue.shift()) {
    for (const node of declarationsOf(symbol).flatMap(typeNames)) {
      const found = checker.getSymbolAtLocation(node)
      if (found === undefined) continue
      const named = resolved(checker, found)
      const isType = declarationsOf(named).some((each) => (ts.isInterfaceDeclaration(each) || ts.isTypeAliasDeclaration(each)) && each.getSourceFile().fileName.includes(sourcesOf(symbol)))
      if (!isType || shown.has(named)) continue
      shown.add(named)
      further.push(named)
      queue.push(named)
    }
  }
  return further.sort((a, b) => a.name.localeCompare(b.name, 'en'))
}

/** The sources of the package that a symbol is of: types of other packages have pages, or pages of their own to come. */
const sourcesOf = (symbol) => /packages\/[a-z]+\/src\//.exec(declarationsOf(symbol)[0]?.getSourceFile().fileName ?? '')?.[0] ?? '\0'

const typeNames = (declaration) => {
  const names = []
  const visit = (node) => {
    if (ts.isTypeReferenceNode(node)) names.push(ts.isQualifiedName(node.typeName) ? node.typeName.right : node.typeName)
    if (ts.isBlock(node)) return
    ts.forEachChild(node, visit)
  }
  for (const each of publicParts(declaration)) visit(each)
  return names
}

const publicParts = (node) => (ts.isClassDeclaration(node) ? node.members.filter(isPublic) : [node])

const isPublic = (member) => {
  const name = member.name?.getText()
  const isPrivate = ts.getModifiers(member)?.some(({ kind }) => kind === ts.SyntaxKind.PrivateKeyword || kind === ts.SyntaxKind.OverrideKeyword) ?? false
  return !isPrivate && name !== undefined && !name.startsWith('#')
}

const sectionsOf = (name, symbol) => declarationsOf(symbol).filter((node, _at, all) => !isCompanion(node, all)).flatMap((node) => [
  section(name, node),
  ...(ts.isClassDeclaration(node) ? node.members.filter(isPublic).map((member) => section(`${name}.${member.name.getText()}`, member)) : []),
])

/** The type of a constant's values, which bears its name. */
const isCompanion = (node, all) => ts.isTypeAliasDeclaration(node) && all.some((other) => ts.isVariableDeclaration(other))

const section = (name, node) => {
  const comment = commentOf(node)
  return `### \`${name}\`\n${comment === '' ? '' : `\n${comment}\n`}\n${catalogueOf(node) ?? `\`\`\`ts\n${signatureOf(node)}\n\`\`\``}\n`
}

/** A catalogue of codes as a table; undefined for anything else. */
const catalogueOf = (node) => {
  const value = ts.isVariableDeclaration(node) && node.initializer !== undefined && ts.isAsExpression(node.initializer) ? node.initializer.expression : undefined
  if (value === undefined || !ts.isObjectLiteralExpression(value)) return undefined
  const rows = value.properties.map((each) => ({ code: each.name?.text, text: ts.isPropertyAssignment(each) && ts.isObjectLiteralExpression(each.initializer)
    ? each.initializer.properties.find((field) => field.name?.text === 'text')?.initializer : undefined }))
  if (rows.some(({ text }) => text === undefined)) return undefined
  return ['| code | what it says |', '|---|---|', ...rows.map(({ code, text }) => `| \`${code}\` | ${cell(text.text)} |`)].join('\n')
}

const commentOf = (node) => {
  const [doc] = ts.getJSDocCommentsAndTags(ts.isVariableDeclaration(node) ? node.parent.parent : node)
  if (doc === undefined) return ''
  return doc.getText().replace(/^\/\*\*|\*\/$/g, '').replace(/^\s*\* ?/gm, '').trim()
    .replace(/\s*(?<=^|\s)@(?=(?:param|returns|throws)\b)/g, '\n\n@').replace(/\{@link ([^}]*)\}/g, '`$1`').trim()
}

/** A declaration without its body. */
const signatureOf = (node) => {
  const source = node.getSourceFile().text
  const upTo = (end) => tidy(source.slice(node.getStart(), end))
  if (ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node)) return tidy(node.getText())
  if (ts.isClassDeclaration(node)) return upTo(source.lastIndexOf('{', node.members[0]?.getFullStart() ?? node.end))
  if (ts.isVariableDeclaration(node)) return `const ${valueOf(node, source)}`
  if (ts.isPropertyDeclaration(node)) return upTo(node.type === undefined ? node.end : node.type.end)
  return upTo(node.body?.getStart() ?? node.end)
}

const valueOf = (node, source) => {
  if (node.initializer !== undefined && ts.isArrowFunction(node.initializer)) return tidy(source.slice(node.getStart(), node.initializer.equalsGreaterThanToken.getStart()))
  const whole = tidy(node.getText())
  // `as const` tables say which numbers there are
  const isWhole = whole.length <= MAX_VALUE_CHARACTERS || (node.initializer !== undefined && ts.isAsExpression(node.initializer))
  if (isWhole) return whole
  return node.type === undefined ? `${node.name.getText()} = …` : `${node.name.getText()}: ${node.type.getText()}`
}

const tidy = (text) => text.replace(/^(?:export|declare|async) /g, '').replace(/^(?:export|declare) /g, '').replace(/\basync (?=[a-z*#])/g, '').replace(/;(?=\n|$)/g, '').trimEnd()
