/**
 * Pages in a real Chromium that run page.ts, served from memory under the product's policy.
 */
import { spawnSync } from 'node:child_process'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { chromium, type Browser, type Page } from 'playwright-core'

const CSP = "default-src 'none'; script-src 'self'; require-trusted-types-for 'script'; trusted-types 'none'"
const PAGE = '<!doctype html><html lang="en"><meta charset="utf-8"><title>waits</title><script type="module" src="/page.js"></script></html>'

/** An open browser that serves the page. */
export interface Pages {
  open(): Promise<Page>
  /** The page as if a server at this origin had it. */
  openAt(origin: string): Promise<Page>
  close(): Promise<void>
}

/** Starts a browser, or says why there is none. */
export const openPages = async (): Promise<Pages | { readonly missing: string }> => {
  const script = fileURLToPath(new URL('../../../../scripts/chromium.mjs', import.meta.url))
  const found = spawnSync(process.execPath, [script], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  if (found.status !== 0) return { missing: found.stderr.trim() }
  const { outputFiles: [bundle] } = await build({
    entryPoints: [fileURLToPath(new URL('page.js', import.meta.url))], bundle: true, format: 'esm', target: 'es2022', write: false, external: ['node:*'],
  })
  const server = createServer((asked, response) => {
    const isScript = asked.url === '/page.js'
    response.writeHead(200, { 'content-type': isScript ? 'text/javascript' : 'text/html', 'content-security-policy': CSP }).end(isScript ? bundle?.contents : PAGE)
  })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  const { port } = server.address() as AddressInfo
  const browser: Browser = await chromium.launch({ executablePath: found.stdout.trim(), args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'] })
  const context = await browser.newContext()
  const open = async (origin: string): Promise<Page> => {
    const page = await context.newPage()
    await page.goto(`${origin}/`)
    await page.waitForFunction(() => 'famichatPage' in globalThis)
    return page
  }
  return {
    open: () => open(`http://127.0.0.1:${port.toString()}`),
    openAt: async (origin) => {
      await context.route(`${origin}/**`, (route) => route.fulfill(route.request().url().endsWith('/page.js')
        ? { contentType: 'text/javascript', body: bundle?.text ?? '' } : { contentType: 'text/html', body: PAGE }))
      return open(origin)
    },
    close: async () => {
      await browser.close()
      server.closeAllConnections()
      await new Promise((resolve) => { server.close(resolve) })
    },
  }
}
