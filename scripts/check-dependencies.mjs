/**
 * Fails when a runtime dependency of a package has no line in docs/dependencies.md, when a line there names
 * nothing that is installed, or when a version is not exact.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageNames, readJson, ROOT } from './workspace.mjs'

const PAGE = 'docs/dependencies.md'
const EXACT = /^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/

const complaints = []
const used = new Set()
for (const name of packageNames()) {
  const { dependencies = {}, optionalDependencies = {}, peerDependencies = {} } = readJson(`packages/${name}/package.json`)
  for (const [dependency, version] of Object.entries({ ...dependencies, ...optionalDependencies, ...peerDependencies })) {
    if (!EXACT.test(version)) complaints.push(`packages/${name}/package.json wants ${dependency} ${version}: write the exact version`)
    if (!dependency.startsWith('@famichat/')) used.add(dependency)
  }
}

// a line about a dependency starts a table row with its name in code: | `name` | …
const explained = new Set([...readFileSync(join(ROOT, PAGE), 'utf8').matchAll(/^\| `([^`]+)`/gm)].map((match) => match[1]))
for (const dependency of used) if (!explained.has(dependency)) complaints.push(`${PAGE} has no line for ${dependency}`)
for (const dependency of explained) if (!used.has(dependency)) complaints.push(`${PAGE} explains ${dependency}, which no package uses`)

for (const complaint of complaints) process.stdout.write(`${complaint}\n`)
if (complaints.length > 0) process.exitCode = 1
