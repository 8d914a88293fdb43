/**
 * Names in the database: encrypted by column, found by blind index, rotated while the server serves.
 */
import assert from 'node:assert/strict'
import { readFileSync, renameSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import Sqlite from 'better-sqlite3-multiple-ciphers'
import { isCodedError, systemRandom } from '@famichat/base'
import { type FieldVault, openFieldVault, startServer } from '@famichat/server'
import { KeyRing, Vault } from '@famichat/vault'
import { Migrator } from 'kysely'
import { takeDatabaseKey } from '../dist/storage/data-folder.js'
import { openEncrypted, storeOn } from '../dist/storage/encrypted-file.js'
import { migrationsWith } from '../dist/storage/migrations.js'
import { openDatabase } from '../dist/storage/open-database.js'
import { callRoute, firstDevice, invitedDevice, type TestDevice } from './support/test-device.js'
import { startTestServer, temporaryFolder, type TestServer } from './support/test-server.js'

const silent = { write: () => undefined }

/** What the owner of the database key sees without the keys of the columns. */
const openRaw = ({ dataDir }: Pick<TestServer, 'dataDir'>): Sqlite.Database => {
  const database = new Sqlite(join(dataDir, 'famichat.db'))
  database.pragma("cipher = 'chacha20'")
  database.pragma(`key = "x'${readFileSync(join(dataDir, 'database.key'), 'utf8').trim()}'"`)
  return database
}

const withVault = async <T>({ dataDir }: Pick<TestServer, 'dataDir'>, work: (vault: FieldVault) => Promise<T>): Promise<T> => {
  const vault = openFieldVault({ dataDir, keys: {}, random: systemRandom })
  try {
    return await work(vault)
  } finally {
    vault.close()
  }
}

const namesSeenBy = async (device: TestDevice): Promise<readonly string[]> => {
  const { accounts, families } = await device.call('directory', {})
  return [...accounts.map(({ accountName }) => accountName), ...families.map(({ familyName }) => familyName)]
}

/** The connection to the server that stopped is still in fetch's pool: one call finds out. */
const forgetConnection = ({ running }: TestServer): Promise<unknown> => fetch(`${running.url}/healthz`).catch(() => undefined)

const refusal = (code: string) => (error: unknown): boolean => {
  assert.ok(isCodedError(error, code), String(error))
  return true
}

test('S35: who opens the database file with its key still reads no name in any table', async (t) => {
  const server = await startTestServer(t)
  const ana = await firstDevice(server)
  await invitedDevice(ana, 'Canary Name')
  const raw = openRaw(server)
  const tables = raw.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").pluck().all() as string[]
  const dump = tables.map((table) => JSON.stringify(raw.prepare(`SELECT * FROM "${table}"`).all())).join('\n')
  raw.close()
  assert.ok(tables.includes('accounts') && dump.includes(ana.deviceId))
  for (const canary of ['Canary Name', 'canary name', ...await namesSeenBy(ana)]) assert.ok(!dump.includes(canary), `the dump holds ${canary}`)
  assert.equal(statSync(join(server.dataDir, 'fields.key')).mode & 0o777, 0o600)
})

test('keys rotate while the server serves: names stay unique and readable, newcomers come, and the old key goes', async (t) => {
  const server = await startTestServer(t)
  const ana = await firstDevice(server)
  for (let i = 0; i < 5; i++) await invitedDevice(ana, `Neighbour ${i}`)
  await withVault(server, async (vault) => {
    assert.equal(await vault.addKey(), 2)
    await assert.rejects(vault.dropKey(1), refusal('vault.key.in_use'))
    await invitedDevice(ana, 'Between')
    // unfinished: no third key is made
    assert.equal(await vault.addKey(), 2)
    await assert.rejects(invitedDevice(ana, 'NEIGHBOUR 3'), refusal('protocol.name.taken'))
    const progress: string[] = []
    assert.ok(await vault.rotate(({ name, doneRows, totalRows }) => { progress.push(`${name} ${doneRows}/${totalRows}`) }) > 5)
    assert.ok(progress.includes('accounts.name 6/6'), progress.join())
    await vault.dropKey(1)
    const { current, keyIds, columns } = await vault.status()
    assert.deepEqual([current, keyIds], [2, [2]])
    assert.deepEqual(columns.map(({ name, keys, unsealedRows }) => [name, keys.map(({ keyId }) => keyId), unsealedRows]), [['accounts.name', [2], 0], ['families.name', [2], 0], ['passkeys.label', [], 0], ['push_subscriptions.endpoint', [], 0]])
  })
  await assert.rejects(invitedDevice(ana, 'neighbour 3'), refusal('protocol.name.taken'))
  const names = await namesSeenBy(ana)
  assert.ok(names.includes('Neighbour 3') && names.includes('Between'))
  await server.restart()
  await forgetConnection(server)
  assert.deepEqual(await namesSeenBy(ana), names)
})

test('the server writes while a rotation holds the lock in another process, and loses no call', async (t) => {
  const server = await startTestServer(t)
  const ana = await firstDevice(server)
  const raw = openRaw(server)
  t.after(() => { raw.close() })
  for (let i = 0; i < 10; i++) {
    const invited = invitedDevice(ana, `Guest ${i}`)
    // a transaction that read before another process wrote could not write any more
    raw.exec('BEGIN IMMEDIATE; UPDATE accounts SET role = role; COMMIT')
    await invited
  }
  assert.equal((await ana.call('directory', {})).accounts.length, 11)
})

test('names from before they were encrypted come under the vault at the next start', async (t) => {
  const dataDir = temporaryFolder(t)
  const key = takeDatabaseKey({ dataDir, keys: {}, dataExists: false, random: systemRandom })
  const old = openEncrypted(join(dataDir, 'famichat.db'), key)
  key.wipe()
  const vault = new Vault({ columns: [], keys: () => KeyRing.make(systemRandom) })
  const migrator = new Migrator({ db: storeOn(old), provider: { getMigrations: () => Promise.resolve(migrationsWith(vault)) } })
  const { error } = await migrator.migrateTo('0007-passkeys')
  assert.equal(error, undefined)
  old.exec(`INSERT INTO families (family_id, name, created_at_ms) VALUES ('f', 'Clear Family', 1);
    INSERT INTO accounts (account_id, family_id, family_role, name, name_key, account_key, role, created_at_ms)
    VALUES ('a', 'f', 1, 'Clear Ana', 'clear ana', x'00', 1, 1), ('b', 'f', 1, 'Clear Ben', 'clear ben', x'00', 1, 1)`)
  old.close()
  assert.throws(() => openFieldVault({ dataDir, keys: {}, random: systemRandom }), refusal('server.database.older'))
  const database = await openDatabase({ dataDir, keys: {}, random: systemRandom })
  t.after(() => database.close())
  assert.deepEqual(await database.read.selectFrom('accounts').select('name').orderBy('account_id').execute(), [{ name: 'Clear Ana' }, { name: 'Clear Ben' }])
  assert.deepEqual(await database.read.selectFrom('accounts').select('account_id').where('name', '=', 'CLEAR BEN').execute(), [{ account_id: 'b' }])
  const raw = openRaw({ dataDir })
  assert.ok(!JSON.stringify([raw.prepare('SELECT * FROM accounts').all(), raw.prepare('SELECT * FROM families').all()]).toLowerCase().includes('clear'))
  raw.close()
})

test('without the key ring, or with one that others can read, the server says what to do and starts again with it', async (t) => {
  const server = await startTestServer(t)
  await firstDevice(server)
  await server.running.close()
  const start = () => startServer({ dataDir: server.dataDir, port: 0, logTo: silent })
  const ring = join(server.dataDir, 'fields.key')
  renameSync(ring, `${ring}.away`)
  await assert.rejects(start(), refusal('vault.key.missing'))
  const given = readFileSync(`${ring}.away`, 'utf8').trim()
  const running = await startServer({ dataDir: server.dataDir, port: 0, logTo: silent, fieldKeys: given })
  await callRoute({ ...server, running }, 'serverInfo', {})
  await running.close()
  await assert.rejects(startServer({ dataDir: server.dataDir, port: 0, logTo: silent, fieldKeys: 'nonsense' }), refusal('vault.key.malformed'))
  renameSync(`${ring}.away`, ring)
  await (await start()).close()
})

test('a folder without a database is not made into one by the vault commands', (t) => {
  assert.throws(() => openFieldVault({ dataDir: temporaryFolder(t), keys: {}, random: systemRandom }), refusal('server.database.missing'))
})
