/**
 * `npm run reproduce`: builds packages twice, each time from the sources into an empty folder, and compares every byte.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { packageNames, ROOT } from './workspace.mjs'

const USAGE = 'usage: npm run reproduce [-- PACKAGE…]\nBuilds each package twice and says the hash that both builds have; all packages but the web app when none is named.\n'

/** One hash over the names and bytes of all files that a build of the package makes. */
export const hashOfBuild = (name) => {
  const folder = mkdtempSync(join(tmpdir(), 'famichat-build-'))
  try {
    const options = ['-p', `packages/${name}`, '--outDir', folder, '--composite', 'false', '--incremental', 'false']
    const built = spawnSync(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), ...options], { cwd: ROOT, encoding: 'utf8' })
    if (built.status !== 0) throw new Error(`packages/${name} does not build:\n${built.stdout}`)
    const hash = createHash('sha256')
    const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name)).sort()
    if (files.length === 0) throw new Error(`packages/${name} makes no files`)
    // a source map says where its source is from where it lies
    for (const file of files) hash.update(`${relative(folder, file)}\0`).update(file.endsWith('.map') ? '' : readFileSync(file)).update('\0')
    return hash.digest('hex')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const named = process.argv.slice(2)
  if (named.includes('--help')) process.stdout.write(USAGE)
  else {
    for (const name of named.length > 0 ? named : packageNames().filter((one) => one !== 'web' && one !== 'lab')) {
      const [first, second] = [hashOfBuild(name), hashOfBuild(name)]
      process.stdout.write(`${first === second ? 'same  ' : 'DIFFER'} ${name.padEnd(9)} ${first}\n`)
      if (first !== second) process.exitCode = 1
    }
  }
}
