/**
 * Fails when a package that has sources is missing from the root: its workspace entry, or the references that
 * make `tsc -b` build its code and its tests (they would silently not run); and when the lock file lacks a package
 * of another platform, for then `npm ci` refuses it (npm leaves out what it could not find when it wrote the file).
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { filesUnder, packageNames, readJson, ROOT } from './workspace.mjs'

const isSource = (file) => /\.m?tsx?$/.test(file)
const workspaces = new Set(readJson('package.json').workspaces)
const references = new Set(readJson('tsconfig.json').references.map((reference) => reference.path.replace(/^\.\//, '').replace(/\/$/, '')))

const complaints = []
for (const name of packageNames()) {
  const folder = `packages/${name}`
  if (!workspaces.has(folder)) complaints.push(`${folder} is not in "workspaces" of package.json`)
  for (const [project, sources] of [[folder, `${folder}/src`], [`${folder}/test`, `${folder}/test`]]) {
    if (!existsSync(join(ROOT, project, 'tsconfig.json')) || !filesUnder(sources).some(isSource)) continue
    if (!references.has(project)) complaints.push(`${project} is not in "references" of tsconfig.json, so it is not built`)
  }
}

const locked = readJson('package-lock.json').packages
const lockedNames = new Set(Object.keys(locked).map((path) => path.replace(/^.*node_modules\//, '')))
for (const [path, entry] of Object.entries(locked)) {
  const absent = Object.keys(entry.optionalDependencies ?? {}).filter((name) => !lockedNames.has(name))
  if (absent.length > 0) complaints.push(`package-lock.json lacks ${absent.join(', ')}, wanted by ${path}: pin a version whose platform packages all exist`)
}

for (const complaint of complaints) process.stdout.write(`${complaint}\n`)
if (complaints.length > 0) process.exitCode = 1
