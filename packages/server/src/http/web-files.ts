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

/** What people read who mistyped an address; the same whatever it was. */
const NOTHING_HERE = `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Famichat</title>
<h1>There is nothing at this address.</h1><p>Maybe a letter is missing. If it was a link, copy it again, whole.</p><p lang="ja">このアドレスには何もありません。リンクをもう一度、全部コピーしてください。</p><p><a href="/">Famichat</a></p></html>
`

/** Whether it is a person at a browser who asks for something that is not there, and not a program. */
export const isPersonAsking = ({ method, url, headers }: FastifyRequest): boolean =>
  method === 'GET' && !url.startsWith('/api/') && (headers.accept ?? '').includes('text/html')

/** Says kindly that there is nothing. */
export const sendNothingHere = (reply: FastifyReply): FastifyReply => reply.code(404).headers(HEADERS).type('text/html; charset=utf-8').send(NOTHING_HERE)

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
