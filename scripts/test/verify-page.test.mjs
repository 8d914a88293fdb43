/**
 * S43: a host that changes the page is found out by whoever has the source.
 */
import assert from 'node:assert/strict'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { startServer } from '../../packages/server/dist/index.js'
import { differencesOf } from '../verify-page.mjs'

const folder = (t) => {
  const made = mkdtempSync(join(tmpdir(), 'famichat-page-'))
  t.after(() => { rmSync(made, { recursive: true, force: true }) })
  return made
}

const serve = async (t, webDir) => {
  const server = await startServer({ dataDir: join(folder(t), 'data'), port: 0, webDir, logTo: { write: () => undefined } })
  t.after(() => server.close())
  return server.url
}

test('S43 a server that gives another page, another script, one file less or a weaker cage is told from one that gives the app of this source', async (t) => {
  const site = folder(t)
  mkdirSync(join(site, 'assets'))
  writeFileSync(join(site, 'index.html'), '<!doctype html><script type="module" src="/assets/app-1.js"></script>')
  writeFileSync(join(site, 'assets/app-1.js'), 'console.log("the app")')
  writeFileSync(join(site, 'service-worker.js'), 'void 0')
  assert.deepEqual(await differencesOf(await serve(t, site), site), { compared: 6, differences: [] })

  const changed = join(folder(t), 'changed')
  cpSync(site, changed, { recursive: true })
  writeFileSync(join(changed, 'assets/app-1.js'), 'console.log("the app"); steal()')
  assert.deepEqual((await differencesOf(await serve(t, changed), site)).differences, ['/assets/app-1.js is another file than the one of this source'])

  writeFileSync(join(changed, 'index.html'), '<!doctype html><script type="module" src="/assets/other.js"></script>')
  rmSync(join(changed, 'service-worker.js'))
  const { differences } = await differencesOf(await serve(t, changed), site)
  for (const path of ['/', '/i', '/l', '/v']) assert.ok(differences.includes(`${path} is another file than the one of this source`), differences.join())
  assert.ok(differences.includes('/service-worker.js is not there (status 404)'))

  // a proxy that takes the cage away: the bytes are those of the source, the page is not
  const { createServer } = await import('node:http')
  const origin = await serve(t, site)
  const proxy = createServer((request, response) => {
    fetch(origin + request.url).then(async (answer) => { response.writeHead(answer.status).end(Buffer.from(await answer.arrayBuffer())) }, () => { response.destroy() })
  }).listen(0, '127.0.0.1')
  await new Promise((done) => { proxy.once('listening', done) })
  t.after(() => { proxy.close() })
  const caged = (await differencesOf(`http://127.0.0.1:${proxy.address().port}`, site)).differences
  assert.equal(caged.length, 6)
  assert.match(caged[0] ?? '', /comes without default-src 'none'/)
})
