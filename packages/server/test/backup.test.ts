/**
 * Backups: made beside a running server, rehearsed, restored, and refused when anything about them is wrong.
 */
import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import Sqlite from 'better-sqlite3-multiple-ciphers'
import { isCodedError, systemRandom, toHex } from '@famichat/base'
import {
  type BackupKeyPlace, createBackup, lastBackupMs, openFieldVault, restoreBackup, type ServerErrorCode, startServer, verifyBackup,
} from '@famichat/server'
import { type ConversationId, ConversationKind, makeId } from '@famichat/protocol'
import { TestChannel } from './support/test-channel.js'
import { firstDevice, invitedDevice, type TestDevice } from './support/test-device.js'
import { startTestServer, temporaryFolder, type TestServer } from './support/test-server.js'

const silent = { write: () => undefined }
const onProgress = (): void => undefined

const refusal = (...codes: readonly string[]) => (error: unknown): boolean => {
  assert.ok(isCodedError(error) && codes.includes(error.code), String(error))
  return true
}

interface Backed {
  readonly server: TestServer
  readonly ana: TestDevice
  readonly folder: string
  readonly file: string
  readonly backupKey: BackupKeyPlace
}

const backUp = ({ server, backupKey }: Pick<Backed, 'server' | 'backupKey'>, to: string): number =>
  createBackup({ dataDir: server.dataDir, keys: {}, backupKey, to, clock: server.clock, random: systemRandom, onProgress })

const backedUp = async (t: TestContext): Promise<Backed> => {
  const server = await startTestServer(t)
  const ana = await firstDevice(server)
  await invitedDevice(ana, 'Canary Name')
  const conversationId = makeId<ConversationId>(systemRandom)
  await ana.call('conversationCreate', { conversationId, kind: ConversationKind.group })
  const { channel } = await TestChannel.resume(ana)
  await channel.say(conversationId, 'canary-sentence')
  const folder = temporaryFolder(t)
  const file = join(folder, 'one.backup')
  const backupKey = { given: undefined, file: join(server.dataDir, 'backup.key') }
  backUp({ server, backupKey }, file)
  return { server, ana, folder, file, backupKey }
}

const restoring = ({ server, file, backupKey }: Backed) => ({ from: file, backupKey, clock: server.clock, random: systemRandom, onProgress })

test('a backup of a running server is verified, restored, and served: the same people, the same log', async (t) => {
  const backed = await backedUp(t)
  const { server, ana, folder } = backed
  assert.equal(lastBackupMs(server.dataDir), server.clock.nowMs())
  const summary = await verifyBackup(restoring(backed))
  assert.deepEqual(summary, { createdAtMs: server.clock.nowMs(), accounts: 2, devices: 2, conversations: 1, envelopes: 1 })
  const before = await ana.call('directory', {})
  await server.running.close()
  const dataDir = join(folder, 'restored')
  assert.deepEqual(await restoreBackup({ ...restoring(backed), dataDir, keys: {} }), summary)
  assert.deepEqual(readdirSync(dataDir).sort(), ['backup.key', 'database.key', 'famichat.db', 'fields.key', 'push.key'])
  assert.equal(readFileSync(join(dataDir, 'push.key'), 'utf8'), readFileSync(join(server.dataDir, 'push.key'), 'utf8'), 'browsers are subscribed with this key')
  for (const name of readdirSync(dataDir)) assert.equal(statSync(join(dataDir, name)).mode & 0o077, 0, name)
  const running = await startServer({ dataDir, port: server.running.port, clock: server.clock, logTo: silent })
  t.after(() => running.close())
  assert.equal(running.setupLink, undefined)
  await fetch(`${running.url}/healthz`).catch(() => undefined)
  await ana.signIn()
  const after = await ana.call('directory', {})
  assert.deepEqual(after, before)
})

test('S35 S36: database, WAL, snapshot and backup hold no name, message, id or key in clear', async (t) => {
  const { server, ana, folder, file } = await backedUp(t)
  const keys = ['database.key', 'fields.key', 'backup.key'].map((name) => readFileSync(join(server.dataDir, name), 'utf8'))
  const secrets = keys.flatMap((text) => /[0-9a-f]{64}/.exec(text) ?? []).flatMap((hex) => [hex, Buffer.from(hex, 'hex')])
  assert.equal(secrets.length, 6)
  const files = [...readdirSync(server.dataDir).filter((name) => name.startsWith('famichat.db')).map((name) => join(server.dataDir, name)), file]
  assert.ok(files.length >= 4, files.join())
  assert.deepEqual(readdirSync(folder), ['one.backup'])
  assert.ok(!existsSync(join(server.dataDir, 'backup.tmp')))
  for (const path of files) {
    const content = readFileSync(path)
    for (const canary of ['Canary Name', 'canary name', 'canary-sentence', ana.deviceId, Buffer.from(ana.token), 'CREATE TABLE', 'SQLite format', ...secrets]) {
      assert.equal(content.indexOf(canary), -1, `${path} holds ${String(canary)}`)
    }
  }
})

test('S36: each changed byte of the header, and the wrong key, are refused with a code, and leave nothing behind', async (t) => {
  const backed = await backedUp(t)
  const good = readFileSync(backed.file)
  const dataDir = join(backed.folder, 'restored')
  const restore = (backupKey = backed.backupKey) => restoreBackup({ ...restoring(backed), backupKey, dataDir, keys: {} })
  const codes = new Set<string>()
  for (let at = 0; at < 90; at++) {
    const changed = Buffer.from(good)
    changed.writeUInt8(changed.readUInt8(at) ^ 0x01, at)
    writeFileSync(backed.file, changed)
    const code = at < 8 ? 'server.backup.not_one' : at === 8 ? 'server.backup.newer' : at === 9 ? 'server.backup.older' : 'server.backup.wrong_key'
    await assert.rejects(restore(), refusal(code), `byte ${at}`)
    codes.add(code)
  }
  assert.equal(codes.size, 4)
  writeFileSync(backed.file, good)
  await assert.rejects(restore({ given: toHex(systemRandom(32)), file: '' }), refusal('server.backup.wrong_key'))
  assert.ok(!existsSync(dataDir))
  await verifyBackup(restoring(backed))
})

test('S36: a backup that was cut off, lengthened, changed inside, or put in another order is refused', async (t) => {
  const backed = await backedUp(t)
  const good = readFileSync(backed.file)
  const [header, chunk] = [90, 64 * 1024 + 16]
  const refusesBytes = async (code: ServerErrorCode, bytes: Uint8Array): Promise<void> => {
    writeFileSync(backed.file, bytes)
    await assert.rejects(verifyBackup(restoring(backed)), refusal(code))
  }
  for (let at = header; at < good.length; at += chunk) {
    await refusesBytes('server.backup.truncated', good.subarray(0, at))
    const changed = Buffer.from(good)
    changed.writeUInt8(changed.readUInt8(at) ^ 0x80, at)
    await refusesBytes('server.backup.damaged', changed)
  }
  await refusesBytes('server.backup.truncated', good.subarray(0, good.length - 1))
  await refusesBytes('server.backup.truncated', good.subarray(0, 50))
  await refusesBytes('server.backup.damaged', Buffer.concat([good, Buffer.from([0])]))
  assert.ok(good.length > header + 2 * chunk, 'the backup has several chunks')
  await refusesBytes('server.backup.damaged', Buffer.concat([
    good.subarray(0, header), good.subarray(header + chunk, header + 2 * chunk), good.subarray(header, header + chunk), good.subarray(header + 2 * chunk),
  ]))
  await refusesBytes('server.backup.not_one', Buffer.from('not a backup at all, but long enough to have a header of ninety bytes, which is not a little'))
})

test('a backup of a database that is not sound is found out by the rehearsal', async (t) => {
  const backed = await backedUp(t)
  const raw = new Sqlite(join(backed.server.dataDir, 'famichat.db'))
  raw.pragma("cipher = 'chacha20'")
  raw.pragma(`key = "x'${readFileSync(join(backed.server.dataDir, 'database.key'), 'utf8').trim()}'"`)
  raw.pragma('foreign_keys = OFF')
  raw.exec("INSERT INTO tokens (token_hash, device_id, expires_at_ms) VALUES (x'00', 'nobody', 1)")
  raw.close()
  const later = join(backed.folder, 'two.backup')
  backUp(backed, later)
  await assert.rejects(verifyBackup({ ...restoring(backed), from: later }), refusal('server.backup.unsound'))
})

test('nothing is overwritten: neither a file by a backup nor a folder by a restore', async (t) => {
  const backed = await backedUp(t)
  assert.throws(() => backUp(backed, backed.file), refusal('server.backup.exists'))
  await assert.rejects(restoreBackup({ ...restoring(backed), dataDir: backed.server.dataDir, keys: {} }), refusal('server.restore.not_empty'))
  assert.throws(() => backUp(backed, join(backed.folder, 'no', 'folder.backup')), refusal('server.backup.unwritable'))
  await assert.rejects(verifyBackup({ ...restoring(backed), from: join(backed.folder, 'none') }), refusal('server.backup.missing'))
  await assert.rejects(verifyBackup({ ...restoring(backed), from: backed.folder }), refusal('server.backup.missing'))
  assert.throws(() => backUp({ ...backed, server: { ...backed.server, dataDir: temporaryFolder(t) } }, join(backed.folder, 'x')), refusal('server.database.missing'))
})

test('a backup key that is missing, misshapen or exposed says what to do', async (t) => {
  const backed = await backedUp(t)
  const verify = (backupKey: BackupKeyPlace) => verifyBackup({ ...restoring(backed), backupKey })
  await assert.rejects(verify({ given: undefined, file: join(backed.folder, 'none') }), refusal('server.backup_key.missing'))
  await assert.rejects(verify({ given: 'abc', file: '' }), refusal('server.backup_key.malformed'))
  chmodSync(backed.backupKey.file, 0o644)
  await assert.rejects(verify(backed.backupKey), refusal('server.backup_key.exposed'))
})

test('a backup from before a rotation opens after it: it has its own keys', async (t) => {
  const backed = await backedUp(t)
  const vault = openFieldVault({ dataDir: backed.server.dataDir, keys: {}, random: systemRandom })
  await vault.addKey()
  await vault.rotate(() => undefined)
  await vault.dropKey(1)
  vault.close()
  assert.equal((await verifyBackup(restoring(backed))).accounts, 2)
  const later = join(backed.folder, 'two.backup')
  backUp(backed, later)
  assert.equal((await verifyBackup({ ...restoring(backed), from: later })).accounts, 2)
})

test('a restore takes the keys of the environment, and a key that does not open the names is refused', async (t) => {
  const backed = await backedUp(t)
  const dataDir = join(backed.folder, 'restored')
  mkdirSync(dataDir)
  await assert.rejects(restoreBackup({ ...restoring(backed), dataDir, keys: { fieldKeys: `v1 ${'ab'.repeat(32)}` } }), refusal('vault.value.refused'))
  assert.deepEqual(readdirSync(dataDir), [])
  const databaseKeyHex = toHex(systemRandom(32))
  const fieldKeys = readFileSync(join(backed.server.dataDir, 'fields.key'), 'utf8')
  await restoreBackup({ ...restoring(backed), dataDir, keys: { databaseKeyHex, fieldKeys } })
  assert.deepEqual(readdirSync(dataDir).sort(), ['backup.key', 'famichat.db', 'push.key'])
  const start = (key: string) => startServer({ dataDir, port: 0, logTo: silent, databaseKeyHex: key, fieldKeys })
  await assert.rejects(start(toHex(systemRandom(32))), refusal('server.key.wrong'))
  await (await start(databaseKeyHex)).close()
})

test('a restored server hands out no KeyPackage, token or invite that its later self may have handed out', async (t) => {
  const backed = await backedUp(t)
  const { server, ana, folder } = backed
  const refreshed = ana.token
  await server.running.close()
  const dataDir = join(folder, 'restored')
  await restoreBackup({ ...restoring(backed), dataDir, keys: {} })
  rmSync(backed.file)
  server.running = await startServer({ dataDir, port: server.running.port, clock: server.clock, logTo: silent })
  await fetch(`${server.running.url}/healthz`).catch(() => undefined)
  await assert.rejects(ana.call('directory', {}), refusal('protocol.auth.refused'))
  assert.equal(refreshed, ana.token)
  await ana.signIn()
  const { available, hasLastResort } = await ana.call('keyPackageCount', {})
  assert.deepEqual([available, hasLastResort], [0, false])
  const { invites } = await ana.call('inviteList', {})
  assert.ok(invites.every(({ state }) => state !== 1), JSON.stringify(invites))
})
