/**
 * What the scripts know about this repository: its root, its packages, its files.
 * No dependency: this runs before anything is installed.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The folder that holds the root package.json. */
export const ROOT = fileURLToPath(new URL('..', import.meta.url)).replace(/[\\/]$/, '')

const SKIPPED_FOLDERS = new Set(['node_modules', 'dist', 'dist-test', 'site', 'coverage', '.git', '.famichat'])

/** Reads JSON at a path relative to the root. */
export const readJson = (path) => JSON.parse(readFileSync(join(ROOT, path), 'utf8'))

/** Names of the folders under packages/ that have a package.json, sorted. */
export const packageNames = () =>
  readdirSync(join(ROOT, 'packages'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(join(ROOT, 'packages', entry.name, 'package.json')))
    .map((entry) => entry.name)
    .sort()

/** Every file under `folder` (relative to the root), as sorted forward-slash paths relative to the root. */
export const filesUnder = (folder, { skip = SKIPPED_FOLDERS } = {}) => {
  const start = join(ROOT, folder)
  if (!existsSync(start)) return []
  const found = []
  const visit = (directory) => {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      const path = join(directory, entry.name)
      if (entry.isDirectory()) {
        if (!skip.has(entry.name)) visit(path)
      } else if (entry.isFile()) {
        found.push(relative(ROOT, path).split(sep).join('/'))
      }
    }
  }
  visit(start)
  return found.sort()
}
