/**
 * A community for tests in a browser: the real server with the built app, a real Chromium, and a window for each person.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { type RunningServer, type ServerOptions, startServer } from '@famichat/server'

const ROOT = fileURLToPath(new URL('../../../..', import.meta.url))
const SITE = join(ROOT, 'packages/web/site')
const PATIENCE_MS = 120_000
/** Rates that a test cannot reach. */
const UNLIMITED = { burst: 1e6, perSecond: 1e6 }
/** A script that a test hands out has no address: the browser would keep it from this machine's server. */
const OWN_SCRIPTS = '--disable-features=LocalNetworkAccessChecks,LocalNetworkAccessChecksWebSockets'
const ARGUMENTS = [OWN_SCRIPTS, '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync']

/** A person at a browser of their own. */
export interface Window {
  readonly page: Page
  readonly context: BrowserContext
  /** What the page complained about: scripts that were blocked, errors nobody caught. */
  readonly complaints: readonly string[]
}

/** Why there is no Chromium here; undefined where there is one. */
export const findChromium = (): { readonly path: string } | { readonly missing: string } => {
  const found = spawnSync(process.execPath, [join(ROOT, 'scripts/chromium.mjs')], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  return found.status === 0 ? { path: found.stdout.trim() } : { missing: found.stderr.trim() }
}

/** A server and its people. */
export class WebCommunity {
  readonly #browser: Browser
  readonly #folder: string
  #server: RunningServer
  readonly #port: number
  readonly #options: Partial<ServerOptions>

  private constructor(browser: Browser, { folder, server, options }: { readonly folder: string; readonly server: RunningServer; readonly options: Partial<ServerOptions> }) {
    this.#options = options
    this.#browser = browser
    this.#folder = folder
    this.#server = server
    this.#port = server.port
  }

  static async start(chromiumPath: string, options: Partial<ServerOptions> = {}): Promise<WebCommunity> {
    const folder = mkdtempSync(join(tmpdir(), 'famichat-web-'))
    const server = await serve(folder, 0, options)
    const browser = await chromium.launch({ executablePath: chromiumPath, args: ARGUMENTS })
    return new WebCommunity(browser, { folder, server, options })
  }

  /** Where the server's folder is, and room for what else a test keeps. */
  get folder(): string {
    return this.#folder
  }

  get url(): string {
    return this.#server.url
  }

  get setupLink(): string {
    return this.#server.setupLink ?? ''
  }

  /** The same address by name: passkeys are good for names only. */
  named(link: string): string {
    return link.replace('//127.0.0.1:', '//localhost:')
  }

  /** A window of somebody who has not been here before. */
  async window(link: string, options: BrowserContextOptions = {}): Promise<Window> {
    const context = await this.#browser.newContext({ locale: 'en-GB', viewport: { width: 390, height: 844 }, ...options })
    const page = await context.newPage()
    return this.watch(context, page, link)
  }

  /** A further tab of somebody. */
  async tab(context: BrowserContext): Promise<Window> {
    return this.watch(context, await context.newPage(), this.url)
  }

  /** Somebody joins. */
  async join(link: string, name: string, { family, ...options }: BrowserContextOptions & { readonly family?: string } = {}): Promise<Window> {
    const window = await this.window(link, options)
    await window.page.getByLabel(/^(Your name|お名前)$/).fill(name)
    if (family !== undefined) await window.page.getByLabel('Name of your family').fill(family)
    await window.page.getByRole('button', { name: /^(Come in|入る)$/ }).click()
    return window
  }

  async stopServer(): Promise<void> {
    await this.#server.close()
  }

  async startServer(): Promise<void> {
    this.#server = await serve(this.#folder, this.#port, this.#options)
  }

  async end(): Promise<void> {
    await this.#browser.close()
    await this.#server.close()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  private async watch(context: BrowserContext, page: Page, link: string): Promise<Window> {
    const complaints: string[] = []
    // a busy machine is no failure
    page.setDefaultTimeout(PATIENCE_MS)
    page.setDefaultNavigationTimeout(PATIENCE_MS)
    page.on('pageerror', (error) => complaints.push(error.message))
    page.on('console', (message) => { if (/Content Security Policy|Trusted/i.test(message.text())) complaints.push(message.text()) })
    page.on('dialog', (dialog) => { complaints.push(`dialog ${dialog.message()}`); void dialog.dismiss() })
    await page.goto(link)
    return { context, page, complaints }
  }
}

const serve = (folder: string, port: number, options: Partial<ServerOptions>): Promise<RunningServer> => startServer({
  ...options,
  dataDir: join(folder, 'server'), port, webDir: SITE, logTo: new PassThrough().resume(),
  rateLimits: { address: UNLIMITED, device: UNLIMITED, send: UNLIMITED, frame: UNLIMITED, claim: UNLIMITED },
})
