/**
 * `npm run verify-page -- URL`: whether a server gives people the web app of this source, byte for byte. A page cannot defend
 * itself against whoever serves it (S43): this is how a member finds out with a copy of the source of their own. The server
 * cannot tell this program from a browser, if it asks as one; it can still serve one person another page than the next.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join, relative, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runMain, setup } from './setup.mjs'
import { buildWeb, SITE } from './web.mjs'
import { filesUnder, ROOT } from './workspace.mjs'

const USAGE = `usage: npm run verify-page -- URL [--site FOLDER] [--json]
Builds the web app from this source and compares each of its files, and its cage of headers, with what the server at URL gives.
  --site FOLDER   compares with an app that is built already
Exit code 1 when anything differs; 2 when the call is wrong.
`

/** Where the app opens; all of them are the one page. */
const APP_PATHS = ['/', '/i', '/l', '/v']
/** As a browser asks, so that a server cannot easily tell who looks. */
const AS_BROWSER = { 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0', accept: '*/*', 'accept-language': 'en' }
/** Without these the page would be another one, whatever its bytes. */
const CAGE = ["default-src 'none'", "script-src 'self'", "connect-src 'self'", "worker-src 'self'", "require-trusted-types-for 'script'"]

const hashOf = (bytes) => createHash('sha256').update(bytes).digest('base64url')

/** What differs, a sentence each; none, if the server gives this app. `folder` is absolute. */
export const differencesOf = async (url, folder) => {
  const files = new Map(filesUnder(relative(ROOT, folder), { skip: new Set() }).map((file) => [`/${relative(folder, join(ROOT, file)).split(sep).join('/')}`, readFileSync(join(ROOT, file))]))
  const page = files.get('/index.html')
  if (page === undefined) throw new Error(`there is no built app in ${folder}`)
  files.delete('/index.html')
  const differences = []
  for (const [path, bytes] of [...APP_PATHS.map((path) => [path, page]), ...files]) {
    const response = await fetch(new URL(path, url), { headers: AS_BROWSER, redirect: 'error', signal: AbortSignal.timeout(30_000) })
    const given = Buffer.from(await response.arrayBuffer())
    if (!response.ok) differences.push(`${path} is not there (status ${response.status})`)
    else if (hashOf(given) !== hashOf(bytes)) differences.push(`${path} is another file than the one of this source`)
    const policy = (response.headers.get('content-security-policy') ?? '').split(';').map((part) => part.trim())
    const missing = CAGE.filter((part) => !policy.includes(part))
    if (response.ok && missing.length > 0) differences.push(`${path} comes without ${missing.join(', ')}`)
  }
  return { compared: files.size + APP_PATHS.length, differences }
}

const main = async (args) => {
  const isJson = args.includes('--json')
  const site = args.includes('--site') ? args[args.indexOf('--site') + 1] : undefined
  const [url] = args.filter((arg, at) => !arg.startsWith('--') && args[at - 1] !== '--site')
  if (args.includes('--help') || url === undefined || !URL.canParse(url)) {
    process.stdout.write(USAGE)
    process.exitCode = args.includes('--help') ? 0 : 2
    return
  }
  if (site === undefined) {
    await setup()
    buildWeb()
  }
  const { compared, differences } = await differencesOf(url, resolve(site ?? SITE))
  if (isJson) process.stdout.write(`${JSON.stringify({ url, compared, differences })}\n`)
  else {
    for (const difference of differences) process.stdout.write(`DIFFERS  ${difference}\n`)
    process.stdout.write(differences.length === 0 ? `${compared} files: the app of this source, byte for byte\n`
      : `Do not use the page at ${url}: use famichat from this source instead, and ask who runs the server which release it has.\n`)
  }
  process.exitCode = differences.length === 0 ? 0 : 1
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) await runMain(() => main(process.argv.slice(2)))
