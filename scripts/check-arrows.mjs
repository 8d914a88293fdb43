/**
 * Reads every import of shipped code and fails on one that is not in the table of arrows.mjs:
 * between packages, between the layers of the engine, onto Node from code that must run in browsers.
 */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import ts from 'typescript'
import { MLS_CONFINED, MLS_LAYERS, MLS_SHARED, NODE_ALLOWED, PACKAGE_ARROWS, TESTING_ALLOWED } from './arrows.mjs'
import { filesUnder, packageNames, ROOT } from './workspace.mjs'

const MLS = 'packages/mls/src/'

/** What a file imports, as written. */
const importsOf = (file) =>
  ts.preProcessFile(readFileSync(join(ROOT, file), 'utf8'), true, true).importedFiles.map((imported) => imported.fileName)

/** The source file a relative import means, as a path relative to the root. */
const resolveRelative = (file, specifier) => {
  const path = posix.join(dirname(file), specifier)
  return existsSync(join(ROOT, path)) ? path : path.replace(/\.js$/, '.ts')
}

const layerOf = (mlsPath) => (mlsPath.includes('/') ? mlsPath.slice(0, mlsPath.indexOf('/')) : '.')

const checkPackageArrow = (name, file, specifier) => {
  const [target, ...rest] = specifier.slice('@famichat/'.length).split('/')
  const wanted = [target, ...rest].join('/')
  if (rest[0] === 'testing') {
    return TESTING_ALLOWED.test(file) ? undefined : `imports ${specifier}: test doubles must not ship`
  }
  const allowed = PACKAGE_ARROWS[name]
  if (allowed.includes(target) || allowed.includes(wanted)) return undefined
  return `imports ${specifier}: ${name} may import ${allowed.length === 0 ? 'no other package' : allowed.join(', ')}`
}

const checkLayer = (file, target) => {
  const from = layerOf(file.slice(MLS.length))
  const to = target.slice(MLS.length)
  const layers = MLS_LAYERS[from]
  if (layers === undefined) return `lies in the layer "${from}", which is not in the table`
  if (MLS_SHARED.includes(to) || layerOf(to) === from || layers.includes(layerOf(to))) return undefined
  return `imports ${to}: the layer ${from} may import ${[...layers, ...MLS_SHARED].join(', ')}`
}

const checkImport = (name, file, specifier) => {
  if (specifier.startsWith('.')) {
    const target = resolveRelative(file, specifier)
    if (!target.startsWith(`packages/${name}/src/`)) return `imports ${specifier}: it leaves the package's src`
    return name === 'mls' ? checkLayer(file, target) : undefined
  }
  if (specifier.startsWith('@famichat/')) return checkPackageArrow(name, file, specifier)
  if (specifier.startsWith('node:') && !NODE_ALLOWED.some((prefix) => file.startsWith(`packages/${prefix}`))) {
    return `imports ${specifier}: this code must run in browsers too`
  }
  return undefined
}

const complaints = []
const graph = new Map()
let importCount = 0
for (const name of packageNames()) {
  if (PACKAGE_ARROWS[name] === undefined) {
    complaints.push(`packages/${name} is not in the table of scripts/arrows.mjs`)
    continue
  }
  for (const file of filesUnder(`packages/${name}/src`).filter((path) => /\.(ts|svelte)$/.test(path))) {
    const specifiers = importsOf(file)
    graph.set(file, specifiers.filter((specifier) => specifier.startsWith('.')).map((specifier) => resolveRelative(file, specifier)))
    for (const specifier of specifiers) {
      importCount++
      const complaint = checkImport(name, file, specifier)
      if (complaint !== undefined) complaints.push(`${file} ${complaint}`)
    }
  }
}

for (const [entry, prefixes] of Object.entries(MLS_CONFINED)) {
  const waiting = [MLS + entry]
  const seen = new Set()
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (seen.has(file)) continue
    seen.add(file)
    if (graph.has(file) && !prefixes.some((prefix) => file.startsWith(MLS + prefix))) complaints.push(`${MLS}${entry} reaches ${file}: it may reach ${prefixes.join(', ')}`)
    waiting.push(...(graph.get(file) ?? []))
  }
}

for (const complaint of complaints) process.stdout.write(`${complaint}\n`)
process.stdout.write(`${graph.size} files, ${importCount} imports, ${complaints.length} complaints\n`)
if (complaints.length > 0) process.exitCode = 1
