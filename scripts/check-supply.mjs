/**
 * Fails when what is installed is not exactly what was looked at (S47): a package without its hash, one that wants to run code when it
 * is installed, one that ships and was not counted, or settings that would let any of this slip.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readJson, ROOT } from './workspace.mjs'

/** Packages that would run a script; none does: `ignore-scripts`. scripts/native.mjs builds the first by name, the second works without. */
const WITH_SCRIPT = new Set(['better-sqlite3-multiple-ciphers', 'esbuild'])
/** Packages that ship, all that they pull in included. Raising it is a decision: say why in docs/dependencies.md. */
const MOST_SHIPPED = 180
/** Packages of all kinds. */
const MOST_INSTALLED = 460

const complaints = []
const { packages, lockfileVersion } = readJson('package-lock.json')
if (lockfileVersion !== 3) complaints.push(`package-lock.json has version ${lockfileVersion}: write it with npm 7 or later`)
const installed = Object.entries(packages).filter(([path, { link }]) => path.includes('node_modules/') && link !== true)
for (const [path, { version, integrity, hasInstallScript }] of installed) {
  const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)
  if (!/^sha512-/.test(integrity ?? '')) complaints.push(`${path} has no hash in package-lock.json`)
  if (!/^\d+\.\d+\.\d+/.test(version ?? '')) complaints.push(`${path} has no exact version`)
  if (hasInstallScript === true && !WITH_SCRIPT.has(name)) complaints.push(`${path} wants to run code when it is installed: do without, or add it to WITH_SCRIPT with a reason`)
}
const shipped = installed.filter(([, { dev, devOptional }]) => dev !== true && devOptional !== true)
if (shipped.length > MOST_SHIPPED) complaints.push(`${shipped.length} packages ship: at most ${MOST_SHIPPED} were agreed on`)
if (installed.length > MOST_INSTALLED) complaints.push(`${installed.length} packages are installed: at most ${MOST_INSTALLED} were agreed on`)
const settings = readFileSync(join(ROOT, '.npmrc'), 'utf8')
for (const setting of ['ignore-scripts=true', 'save-exact=true']) if (!settings.split('\n').includes(setting)) complaints.push(`.npmrc lacks ${setting}`)

for (const complaint of complaints) process.stdout.write(`${complaint}\n`)
if (complaints.length > 0) process.exitCode = 1
