/**
 * A page in a real Chromium, served from memory under a policy as strict as the product's.
 */
import { spawnSync } from 'node:child_process'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { chromium, type Page } from 'playwright-core'
import type { Bundle } from './bundle.js'

/** An open page that can do what page.ts offers. */
export interface OpenPage {
  readonly version: string
  /** Runs `famichatPage.<call>`, such as `benchWarm(100)`. */
  readonly ask: (call: string) => Promise<unknown>
  readonly reload: () => Promise<void>
  readonly close: () => Promise<void>
}

const FLAGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update',
  '--disable-sync',
]

const HEADERS = {
  'content-security-policy': "default-src 'none'; script-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
  // isolated pages have a finer clock
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
  'cross-origin-resource-policy': 'same-origin',
  'x-content-type-options': 'nosniff',
}
const PAGE = '<!doctype html><html lang="en"><meta charset="utf-8"><title>Famichat engine</title><script type="module" src="/entry.js"></script></html>'

/** Where Chromium is, installed by scripts/chromium.mjs if it can; otherwise the sentence that says what to do. */
export const findChromium = (): { readonly path: string } | { readonly missing: string } => {
  const script = fileURLToPath(new URL('../../../../scripts/chromium.mjs', import.meta.url))
  const { status, stdout, stderr } = spawnSync(process.execPath, [script], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  return status === 0 ? { path: stdout.trim() } : { missing: stderr.trim() }
}

/** Serves a bundle and opens it. */
export const openPage = async (executablePath: string, bundle: Bundle): Promise<OpenPage> => {
  const server = await serve(bundle)
  const { port } = server.address() as AddressInfo
  const browser = await chromium.launch({ executablePath, args: FLAGS })
  const page = await browser.newPage()
  page.setDefaultTimeout(600_000)
  const load = async (): Promise<void> => {
    await page.goto(`http://127.0.0.1:${port.toString()}/`)
    await page.waitForFunction(() => 'famichatPage' in globalThis)
  }
  await load()
  return {
    version: `Chromium ${browser.version()}`,
    ask: (call) => ask(page, call),
    reload: load,
    close: async () => {
      await browser.close()
      server.closeAllConnections()
      await new Promise((resolve) => { server.close(resolve) })
    },
  }
}

const ask = (page: Page, call: string): Promise<unknown> => {
  const [, name, argument] = /^(\w+)\((\d*)\)$/.exec(call) ?? []
  // a function, not text: the page's policy refuses text
  return page.evaluate(({ called, given }) => {
    const { famichatPage } = globalThis as unknown as { readonly famichatPage: Readonly<Record<string, (size: number) => unknown>> }
    return famichatPage[called ?? '']?.(Number(given))
  }, { called: name, given: argument })
}

const serve = async (bundle: Bundle): Promise<Server> => {
  const server = createServer((request, response) => {
    const name = (request.url ?? '/').slice(1)
    const script = bundle.files.get(name)
    if (script !== undefined) response.writeHead(200, { ...HEADERS, 'content-type': 'text/javascript' }).end(script)
    else if (name === '') response.writeHead(200, { ...HEADERS, 'content-type': 'text/html' }).end(PAGE)
    else response.writeHead(404, HEADERS).end()
  })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  return server
}
