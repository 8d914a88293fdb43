/**
 * The web app as the server hands it out: under which addresses, with which cage around it, and nothing else.
 */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
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

test('a folder without the app is refused at the start', async (t) => {
  for (const webDir of [temporaryFolder(t), join(temporaryFolder(t), 'missing')]) {
    await assert.rejects(startServer({ dataDir: temporaryFolder(t), port: 0, webDir, logTo: { write: () => undefined } }), { code: 'server.web.missing' })
  }
})
