/**
 * Starting and stopping: keys, folders, ports, and what lies on the disk.
 */
import assert from 'node:assert/strict'
import { chmodSync, existsSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { isCodedError, systemRandom, toHex } from '@famichat/base'
import { type ConversationId, ConversationKind, makeId } from '@famichat/protocol'
import { SERVER_ERRORS, ServerError, type ServerErrorCode, startServer } from '@famichat/server'
import { TestChannel } from './support/test-channel.js'
import { callRoute, firstDevice, invitedDevice, TestDevice } from './support/test-device.js'
import { startTestServer, temporaryFolder } from './support/test-server.js'

const silent = { write: () => undefined }

const failsWith = (code: ServerErrorCode, start: Promise<unknown>): Promise<void> =>
  assert.rejects(start, (error) => {
    assert.ok(error instanceof ServerError, String(error))
    assert.equal(error.code, code)
    assert.ok(error.message.startsWith(SERVER_ERRORS[code].text))
    return true
  })

test('the first start makes a folder and a key file that only their owner can read', async (t) => {
  const dataDir = join(temporaryFolder(t), 'a', 'b')
  await startTestServer(t, { dataDir })
  assert.equal(statSync(dataDir).mode & 0o777, 0o700)
  assert.equal(statSync(join(dataDir, 'database.key')).mode & 0o777, 0o600)
})

test('a key from the environment leaves no key file', async (t) => {
  const server = await startTestServer(t, { databaseKeyHex: toHex(systemRandom(32)) })
  assert.ok(!existsSync(join(server.dataDir, 'database.key')))
  await server.restart()
})

test('a wrong, misshapen, exposed or missing key each say what to do, and the right one still works', async (t) => {
  const server = await startTestServer(t)
  const { dataDir } = server
  await firstDevice(server)
  await server.running.close()
  const keyFile = join(dataDir, 'database.key')
  const key = readFileSync(keyFile, 'utf8')
  const start = (databaseKeyHex?: string) => startServer({ dataDir, port: 0, logTo: silent, databaseKeyHex })
  await failsWith('server.key.wrong', start(toHex(systemRandom(32))))
  await failsWith('server.key.malformed', start('abc'))
  writeFileSync(keyFile, 'not a key\n')
  await failsWith('server.key.malformed', start())
  writeFileSync(keyFile, key)
  chmodSync(keyFile, 0o644)
  await failsWith('server.key.exposed', start())
  chmodSync(keyFile, 0o600)
  renameSync(keyFile, `${keyFile}.away`)
  await failsWith('server.key.missing', start())
  renameSync(`${keyFile}.away`, keyFile)
  const again = await start()
  assert.equal(again.setupLink, undefined)
  await again.close()
})

test('an error about the key does not hold the key', async (t) => {
  const server = await startTestServer(t)
  await server.running.close()
  const databaseKeyHex = toHex(systemRandom(32))
  await assert.rejects(startServer({ dataDir: server.dataDir, port: 0, logTo: silent, databaseKeyHex }), (error) => {
    assert.ok(isCodedError(error))
    assert.equal(error.cause, undefined)
    assert.ok(!`${error.stack ?? ''}${JSON.stringify(error)}`.includes(databaseKeyHex))
    return true
  })
})

test('a busy port, an address of another machine and a folder in use each say what to do', async (t) => {
  const server = await startTestServer(t)
  const { port } = server.running
  await failsWith('server.port.busy', startServer({ dataDir: temporaryFolder(t), port, logTo: silent }))
  await failsWith('server.address.unavailable', startServer({ dataDir: temporaryFolder(t), host: '192.0.2.1', port: 0, logTo: silent }))
  await failsWith('server.data_dir.in_use', startServer({ dataDir: server.dataDir, port: 0, logTo: silent }))
  const file = join(temporaryFolder(t), 'file')
  writeFileSync(file, '')
  await failsWith('server.data_dir.unusable', startServer({ dataDir: join(file, 'data'), port: 0, logTo: silent }))
  await callRoute(server, 'serverInfo', {})
})

test('a failed start leaves nothing behind that stops the next', async (t) => {
  const server = await startTestServer(t)
  const dataDir = temporaryFolder(t)
  await failsWith('server.port.busy', startServer({ dataDir, port: server.running.port, logTo: silent }))
  const second = await startServer({ dataDir, port: 0, logTo: silent })
  await second.close()
})

test('S35 the database files hold no name, message, token or id in clear', async (t) => {
  const server = await startTestServer(t)
  const ana = await firstDevice(server)
  await invitedDevice(ana, 'Canary Name')
  const conversationId = makeId<ConversationId>(systemRandom)
  await ana.call('conversationCreate', { conversationId, kind: ConversationKind.group })
  const { channel } = await TestChannel.resume(ana)
  await channel.say(conversationId, 'canary-sentence')
  const files = readdirSync(server.dataDir).filter((name) => name.startsWith('famichat.db'))
  assert.ok(files.includes('famichat.db-wal'))
  for (const name of files) {
    const content = readFileSync(join(server.dataDir, name))
    for (const canary of ['canary-sentence', 'Canary Name', conversationId, ana.deviceId, Buffer.from(ana.token), 'CREATE TABLE']) {
      assert.equal(content.indexOf(canary), -1, `${name} holds ${String(canary)}`)
    }
  }
})

test('the public address is the one in links, and the one that devices sign', async (t) => {
  for (const publicUrl of ['chat.example', 'https://example.org/chat', 'https://chat.example/?x', 'ftp://chat.example', 'https://me:secret@chat.example']) {
    await failsWith('server.public_url.malformed', startServer({ dataDir: temporaryFolder(t), port: 0, logTo: silent, publicUrl }))
  }
  const server = await startTestServer(t, { publicUrl: 'https://chat.example/' })
  assert.equal(server.running.url, 'https://chat.example')
  assert.match(server.running.setupLink ?? '', /^https:\/\/chat\.example\/i#v1\./)
  const local = { ...server, running: { ...server.running, url: `http://127.0.0.1:${server.running.port}` } }
  const ana = new TestDevice(local)
  Object.defineProperty(ana, 'origin', { value: 'https://chat.example' })
  await ana.join(server.running.setupLink ?? '', 'Ana')
  await ana.signIn()
})

test('health, invite page and an unknown address answer in words, with strict headers', async (t) => {
  const server = await startTestServer(t)
  const health = await fetch(`${server.running.url}/healthz`)
  assert.deepEqual([health.status, await health.text()], [200, 'ok\n'])
  const page = await fetch(`${server.running.url}/i`)
  assert.match(await page.text(), /famichat join/)
  const unknown = await fetch(`${server.running.url}/../etc/passwd`)
  assert.equal(unknown.status, 404)
  for (const { headers } of [health, page, unknown]) {
    assert.equal(headers.get('cache-control'), 'no-store')
    assert.match(headers.get('content-security-policy') ?? '', /default-src 'none'/)
  }
})

test('a log of events says that the server started, and nothing of the requests it answers; a log of requests says both', async (t) => {
  for (const logDetail of ['events', 'requests'] as const) {
    const server = await startTestServer(t, { logDetail })
    await firstDevice(server)
    await server.running.close()
    const said = server.logged().trim().split('\n').map((line) => (JSON.parse(line) as { readonly event: string }).event)
    assert.deepEqual([...new Set(said)].sort(), ['server.started', 'server.stopped', ...(logDetail === 'requests' ? ['http'] : [])].sort())
  }
})
