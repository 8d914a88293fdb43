/**
 * House rules about files: at most 400 lines, a header comment that says what the file is, kebab-case names,
 * and no catch-all modules.
 */
import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { filesUnder, ROOT } from './workspace.mjs'

const MAX_LINES = 400
const CODE = /\.(ts|mts|svelte|mjs|js)$/
const KEBAB = /^[a-z0-9]+(-[a-z0-9]+)*(\.(test|config|svelte|d))*$/
const CATCH_ALL = new Set(['utils', 'util', 'types', 'helpers', 'common', 'misc'])

const complaintsAbout = (file) => {
  const text = readFileSync(join(ROOT, file), 'utf8')
  const lines = text.split('\n').length - (text.endsWith('\n') ? 1 : 0)
  const stem = basename(file).replace(CODE, '')
  const opening = text.replace(/^#!.*\n/, '').replace(/^<script[^>]*>\s*/, '').trimStart()
  return [
    ...(lines > MAX_LINES ? [`has ${lines} lines, allowed are ${MAX_LINES}`] : []),
    ...(opening.startsWith('/**') || opening.startsWith('<!--') ? [] : ['does not open with a comment that says what it is']),
    ...(file.endsWith('.svelte') || KEBAB.test(stem) ? [] : ['is not named in kebab-case']),
    ...(CATCH_ALL.has(stem) ? ['has a name that says nothing: name the concept it holds'] : []),
  ]
}

const files = ['packages', 'scripts', 'interop'].flatMap((folder) => filesUnder(folder)).filter((file) => CODE.test(file))
const complaints = files.flatMap((file) => complaintsAbout(file).map((complaint) => `${file} ${complaint}`))
for (const complaint of complaints) process.stdout.write(`${complaint}\n`)
if (complaints.length > 0) process.exitCode = 1
