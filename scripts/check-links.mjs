/**
 * Fails when a page names what is not there: a file, a heading, or an `npm run` command.
 */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { filesUnder, readJson, ROOT } from './workspace.mjs'

const textOf = (file) => readFileSync(join(ROOT, file), 'utf8')

/** What a heading is called in a link to it. */
const anchorOf = (heading) => heading.trim().toLowerCase().replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').replace(/[^\p{L}\p{N}\s_-]/gu, '').replace(/\s/g, '-')
const anchorsOf = (file) => new Set([...textOf(file).matchAll(/^#+ (.*)$/gm)].map(([, heading]) => anchorOf(heading)))

const wrongLink = (page, link) => {
  const [path, anchor] = link.split('#')
  const target = path === '' ? page : join(dirname(page), path)
  if (!existsSync(join(ROOT, target))) return `${page} links to ${link}, which is not there`
  return anchor === undefined || !target.endsWith('.md') || anchorsOf(target).has(anchor) ? undefined : `${page} links to ${link}, and that page has no such heading`
}

const scripts = readJson('package.json').scripts
const complaints = filesUnder('.').filter((file) => file.endsWith('.md')).flatMap((page) => [
  ...[...textOf(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link).filter((link) => !/^[a-z]+:/.test(link)).map((link) => wrongLink(page, link)),
  ...[...textOf(page).matchAll(/npm run (?:--silent )?([a-z][a-z:-]*)/g)].map(([, name]) => (name in scripts ? undefined : `${page} names npm run ${name}, which package.json does not have`)),
]).filter((complaint) => complaint !== undefined)

for (const complaint of complaints) process.stdout.write(`${complaint}\n`)
if (complaints.length > 0) process.exitCode = 1
