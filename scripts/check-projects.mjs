/**
 * Fails when a package that has sources is missing from the root: its workspace entry, or the references that
 * make `tsc -b` build its code and its tests. Otherwise its tests would silently not run.
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

for (const complaint of complaints) process.stdout.write(`${complaint}\n`)
if (complaints.length > 0) process.exitCode = 1
