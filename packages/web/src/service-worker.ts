/**
 * The service worker: the app opens without a server. It keeps the files of the app, and nothing that anybody wrote.
 * Pages come from the server when it answers; files with a hash in their name never change, so they come from here.
 */
interface Lasting extends Event { waitUntil(work: Promise<unknown>): void }
interface Fetching extends Lasting { readonly request: Request; respondWith(response: Promise<Response>): void }
interface Clicked extends Lasting { readonly notification: { close(): void } }
interface Scope {
  addEventListener(type: 'install' | 'activate' | 'push', listener: (event: Lasting) => void): void
  addEventListener(type: 'notificationclick', listener: (event: Clicked) => void): void
  addEventListener(type: 'fetch', listener: (event: Fetching) => void): void
  skipWaiting(): Promise<void>
  readonly clients: {
    claim(): Promise<void>
    matchAll(options: { readonly type: 'window' }): Promise<readonly { readonly visibilityState: string; focus(): Promise<unknown> }[]>
    openWindow(url: string): Promise<unknown>
  }
  readonly registration: { showNotification(title: string, options: { readonly body: string; readonly tag: string; readonly icon: string; readonly lang: string }): Promise<void> }
}

const CACHE = 'famichat-app'
const PAGE = '/'
const LIST = '/site-files.json'
/** The addresses at which the app opens. */
const APP_PATHS: ReadonlySet<string> = new Set(['/', '/i', '/l', '/v'])
/** How long a page is waited for before the kept one is shown. */
const PATIENCE_MS = 3000

const scope = globalThis as unknown as Scope

/** Fetches what the list names and is not kept yet; drops the app that was before. */
const keepFiles = async (): Promise<void> => {
  const cache = await caches.open(CACHE)
  const listed = await fetch(LIST, { cache: 'no-cache' })
  if (!listed.ok) throw new TypeError('the list of files is missing')
  const files = await listed.json() as readonly string[]
  const kept = new Set((await cache.keys()).map(({ url }) => new URL(url).pathname))
  await Promise.all(files.filter((file) => !kept.has(file)).map((file) => cache.add(file)))
  await Promise.all([...kept].filter((path) => path !== PAGE && !files.includes(path)).map((path) => cache.delete(path)))
}

const freshPage = async (): Promise<Response> => {
  // the address of an invite holds a secret: neither asked for nor kept
  const page = await fetch(PAGE, { signal: AbortSignal.timeout(PATIENCE_MS), cache: 'no-cache' })
  if (!page.ok) throw new TypeError('no page')
  await (await caches.open(CACHE)).put(PAGE, page.clone())
  return page
}

const page = async (): Promise<Response> => {
  try {
    return await freshPage()
  } catch (error) {
    const kept = await caches.match(PAGE)
    if (kept === undefined) throw error
    return kept
  }
}

/** Files with a hash in their name never change. */
const file = async (request: Request): Promise<Response> => {
  const kept = await caches.match(request)
  if (kept !== undefined) return kept
  const fetched = await fetch(request)
  if (fetched.ok) await (await caches.open(CACHE)).put(request, fetched.clone())
  return fetched
}

/** All that a ring says; it carries nothing itself. */
const RING_WORDS: Readonly<Record<string, string>> = { en: 'Something new for you', ja: '新しいものが届いています' }

/** Whoever looks at Famichat already needs no ring. */
const showRing = async (): Promise<void> => {
  const windows = await scope.clients.matchAll({ type: 'window' })
  if (windows.some(({ visibilityState }) => visibilityState === 'visible')) return
  const lang = navigator.language.startsWith('ja') ? 'ja' : 'en'
  await scope.registration.showNotification('Famichat', { body: RING_WORDS[lang] ?? '', tag: 'famichat', icon: '/icon.svg', lang })
}

const openApp = async (): Promise<void> => {
  const [window] = await scope.clients.matchAll({ type: 'window' })
  await (window === undefined ? scope.clients.openWindow(PAGE) : window.focus())
}

scope.addEventListener('push', (event) => { event.waitUntil(showRing()) })
scope.addEventListener('notificationclick', (event) => {
  event.notification.close()
  event.waitUntil(openApp())
})
scope.addEventListener('install', (event) => {
  event.waitUntil(Promise.all([keepFiles(), freshPage()]).then(() => scope.skipWaiting()))
})
scope.addEventListener('activate', (event) => { event.waitUntil(scope.clients.claim()) })
scope.addEventListener('fetch', (event) => {
  const { request } = event
  const { origin, pathname } = new URL(request.url)
  if (request.method !== 'GET' || origin !== location.origin || pathname.startsWith('/api/')) return
  if (request.mode === 'navigate') {
    if (!APP_PATHS.has(pathname)) return
    event.respondWith(page())
    // a newer app brings newer files
    event.waitUntil(keepFiles().catch(() => undefined))
  } else if (pathname.startsWith('/assets/') || pathname === '/icon.svg' || pathname === '/app.webmanifest') event.respondWith(file(request))
})
