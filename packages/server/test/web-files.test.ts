/**
 * The web app as the server hands it out: under which addresses, with which cage around it, and nothing else.
 */
import assert from 'node:assert/strict'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { test } from 'node:test'
import { startServer } from '@famichat/server'
import { startTestServer, temporaryFolder } from './support/test-server.js'

test('the app opens at its address and at those of links, caged, and can be cached', async (t) => {
  const webDir = temporaryFolder(t)
  mkdirSync(join(webDir, 'assets'))
  writeFileSync(join(webDir, 'index.html'), '<!doctype html>')
  writeFileSync(join(webDir, 'assets', 'app-1.js'), 'let a')
  writeFileSync(join(webDir, 'notes.txt'), 'not a file of the app')
  const { running: { url } } = await startTestServer(t, { webDir })
  for (const path of ['/', '/i', '/l']) {
    const page = await fetch(url + path)
    assert.equal(await page.text(), '<!doctype html>')
    assert.equal(page.headers.get('cache-control'), 'no-cache')
    const policy = page.headers.get('content-security-policy') ?? ''
    assert.match(policy, /^default-src 'none'; script-src 'self';.*require-trusted-types-for 'script'/)
    assert.doesNotMatch(policy, /unsafe|https?:|\*/)
    const again = await fetch(url + path, { headers: { 'if-none-match': page.headers.get('etag') ?? '' } })
    assert.equal(again.status, 304)
  }
  const script = await fetch(`${url}/assets/app-1.js`)
  assert.deepEqual([await script.text(), script.headers.get('content-encoding'), script.headers.get('cache-control')], ['let a', 'gzip', 'public, max-age=31536000, immutable'])
  for (const path of ['/index.html', '/notes.txt', '/assets/', '/assets/..%2findex.html', '/assets/%2e%2e/notes.txt']) {
    assert.equal((await fetch(url + path)).status, 404, path)
  }
})

test('a person at an address that does not exist reads a page, a program a coded refusal', async (t) => {
  const { running: { url } } = await startTestServer(t)
  const asPerson = { headers: { accept: 'text/html,application/xhtml+xml' } }
  const page = await fetch(`${url}/nothing`, asPerson)
  assert.equal(page.status, 404)
  assert.match(page.headers.get('content-type') ?? '', /^text\/html/)
  assert.match(page.headers.get('content-security-policy') ?? '', /^default-src 'none'/)
  const text = await page.text()
  assert.match(text, /There is nothing at this address/)
  assert.equal(await (await fetch(`${url}/other<b>`, asPerson)).text(), text, 'nothing of the address is in it')
  for (const [path, init] of [['/nothing', {}], ['/api/nothing', asPerson]] as const) {
    const refusal = await fetch(url + path, init)
    assert.equal(refusal.status, 404)
    assert.match(await refusal.text(), /protocol\.route\.unknown/)
  }
})

test('S41 no path leads out of the app, nor to any file at all once the server runs', async (t) => {
  const webDir = temporaryFolder(t)
  mkdirSync(join(webDir, 'assets'))
  writeFileSync(join(webDir, 'index.html'), '<!doctype html>')
  const dataDir = temporaryFolder(t)
  writeFileSync(join(dataDir, 'secret.txt'), 'a secret')
  const { running: { url, port } } = await startTestServer(t, { webDir, dataDir, rateLimits: { address: { burst: 1e6, perSecond: 1e6 } } })
  // what is served comes from memory: the folder may be gone
  rmSync(webDir, { recursive: true })
  const up = ['..', '.', '%2e%2e', '%2E%2E', '..%00', '%252e%252e', '%c0%ae%c0%ae', '\uff0e\uff0e', '....', '..;', '.%2e']
  const between = ['/', '//', '%2f', '%2F', '%5c', '\\', '%252f', '/./']
  const goals = ['secret.txt', 'database.key', 'etc/passwd', 'index.html', 'assets']
  const paths = up.flatMap((step) => between.flatMap((separator) => goals.map((goal) => `/assets/${(step + separator).repeat(4)}${goal}`)))
  paths.push('/file:///etc/passwd', '//etc/passwd', '/assets/C:%5Cwindows', `/${encodeURIComponent(dataDir)}/secret.txt`, '/assets/index.html%00.js')
  for (const path of paths) {
    // as it is: fetch would tidy it up
    const { status, body } = await rawly(port, path)
    assert.ok(status >= 400 && status < 500, `${path} answers ${status}`)
    assert.doesNotMatch(body, /a secret|root:|doctype|FST_/)
  }
  assert.equal(paths.length, 11 * 8 * 5 + 5)
  assert.equal(await (await fetch(url)).text(), '<!doctype html>')
})

/** A GET whose path nobody rewrites. */
const rawly = (port: number, path: string): Promise<{ readonly status: number; readonly body: string }> => new Promise((resolve, reject) => {
  const asked = request({ port, path: Buffer.from(path).toString('latin1'), host: '127.0.0.1', agent: false }, (response) => {
    let body = ''
    response.setEncoding('utf8').on('data', (piece: string) => { body += piece }).on('end', () => { resolve({ status: response.statusCode ?? 0, body }) })
  })
  asked.on('error', reject).end()
})

test('a folder without the app is refused at the start', async (t) => {
  for (const webDir of [temporaryFolder(t), join(temporaryFolder(t), 'missing')]) {
    await assert.rejects(startServer({ dataDir: temporaryFolder(t), port: 0, webDir, logTo: { write: () => undefined } }), { code: 'server.web.missing' })
  }
})
