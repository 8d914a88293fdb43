/**
 * The web app's files, read once when the server starts and served from memory: what is not in the list does not exist,
 * whatever a path says. The headers are the page's cage: only scripts of this origin, no text becomes code.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { extname, join, relative, sep } from 'node:path'
import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { ServerError } from '../server-error.js'

/** One file as it is served. */
interface WebFile {
  readonly bytes: Buffer
  readonly zipped: Buffer
  readonly type: string
  readonly etag: string
  /** Its name changes with its content. */
  readonly isImmutable: boolean
}

/** Files by path. */
export type WebFiles = ReadonlyMap<string, WebFile>

/** Paths at which the app opens: itself, an invite link, a device link, a code to compare. */
const APP_PATHS = ['/', '/i', '/l', '/v']

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml', '.png': 'image/png', '.webmanifest': 'application/manifest+json', '.json': 'application/json',
}

const HEADERS = {
  'content-security-policy': [
    "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' blob:", "connect-src 'self'", "worker-src 'self'",
    "manifest-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
    "require-trusted-types-for 'script'", 'trusted-types famichat svelte-trusted-html',
  ].join('; '),
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'geolocation=(), microphone=(), payment=(), usb=()',
} as const

/** Reads the built app. @throws ServerError `server.web.missing` */
export const loadWebFiles = (folder: string): WebFiles => {
  try {
    const files = new Map<string, WebFile>()
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      const type = TYPES[extname(entry.name)]
      if (!entry.isFile() || type === undefined) continue
      const file = join(entry.parentPath, entry.name)
      const path = `/${relative(folder, file).split(sep).join('/')}`
      const bytes = readFileSync(file)
      const etag = `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`
      files.set(path, { bytes, zipped: gzipSync(bytes, { level: 9 }), type, etag, isImmutable: path.startsWith('/assets/') })
    }
    if (!files.has('/index.html')) throw new ServerError('server.web.missing')
    return files
  } catch (cause) {
    throw cause instanceof ServerError ? cause : new ServerError('server.web.missing', {}, { cause })
  }
}

/** How that page looks: like the app, by day and by night. */
const NOTHING_STYLE = `:root{color-scheme:light dark;--paper:#faf5ec;--sheet:#fffdf8;--ink:#2b2420;--accent:#a8431f;--on-accent:#fffaf3}
@media(prefers-color-scheme:dark){:root{--paper:#1c1815;--sheet:#26211d;--ink:#f3ebe1;--accent:#f0a27e;--on-accent:#2a1208}}
body{margin:0;min-block-size:100vh;box-sizing:border-box;padding:24px 16px;display:grid;place-content:center;justify-items:center;gap:20px;background:var(--paper);color:var(--ink);font:1rem/1.5 system-ui,sans-serif}
main{max-inline-size:28rem;background:var(--sheet);border-radius:16px;padding:24px;display:grid;gap:12px}
h1{font-size:1.25rem;margin:0}p{margin:0}
a{justify-self:start;min-block-size:44px;padding-inline:20px;border-radius:22px;display:inline-flex;align-items:center;background:var(--accent);color:var(--on-accent);font-weight:600;text-decoration:none}
a:focus-visible{outline:3px solid var(--accent);outline-offset:3px}`

/** What people read who mistyped an address; the same whatever it was. */
const NOTHING_HERE = `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark"><title>Famichat</title><style>${NOTHING_STYLE}</style></head>
<body><img src="/icon.svg" alt="" width="72" height="72"><main><h1>There is nothing at this address.</h1><p>Maybe a letter is missing. If it was a link, copy it again, whole.</p>
<p lang="ja">このアドレスには何もありません。リンクをもう一度、全部コピーしてください。</p><a href="/">To Famichat</a></main></body></html>
`

/** No script at all, and of styles none but its own. */
const NOTHING_HEADERS = {
  ...HEADERS,
  'content-security-policy': [
    "default-src 'none'", `style-src 'sha256-${createHash('sha256').update(NOTHING_STYLE).digest('base64')}'`, "img-src 'self'",
    "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'", "trusted-types 'none'",
  ].join('; '),
}

/** Whether it is a person at a browser who asks for something that is not there, and not a program. */
export const isPersonAsking = ({ method, url, headers }: FastifyRequest): boolean =>
  method === 'GET' && !url.startsWith('/api/') && (headers.accept ?? '').includes('text/html')

/** Says kindly that there is nothing. */
export const sendNothingHere = (reply: FastifyReply): FastifyReply => reply.code(404).headers(NOTHING_HEADERS).type('text/html; charset=utf-8').send(NOTHING_HERE)

/** Serves the app. */
export const serveWebFiles = (app: FastifyInstance, files: WebFiles): void => {
  const serve = (path: string, file: WebFile): void => {
    app.get(path, (request, reply) => {
      reply.headers(HEADERS).headers({
        etag: file.etag, vary: 'accept-encoding',
        'cache-control': file.isImmutable ? 'public, max-age=31536000, immutable' : 'no-cache',
      })
      if (request.headers['if-none-match'] === file.etag) return reply.code(304).send()
      const isZipped = /\bgzip\b/.test(request.headers['accept-encoding'] ?? '')
      if (isZipped) reply.header('content-encoding', 'gzip')
      return reply.type(file.type).send(isZipped ? file.zipped : file.bytes)
    })
  }
  for (const [path, file] of files) {
    if (path === '/index.html') for (const appPath of APP_PATHS) serve(appPath, file)
    else serve(path, file)
  }
}
