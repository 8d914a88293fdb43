/**
 * The sweep: sentences, names, keys and tokens that must never reach the server's disk or logs are looked for there, raw
 * and in every encoding they could hide in.
 */
import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Client } from '@famichat/client'
import { nodePlatform, openSqliteStore } from '@famichat/client/node'
import Sqlite from 'better-sqlite3-multiple-ciphers'
import { Place, ServerProcess } from './support/processes.js'

const formsOf = (secret: Uint8Array): readonly Buffer[] => {
  const bytes = Buffer.from(secret)
  const hex = bytes.toString('hex')
  // base64 of the bytes wherever they begin in a longer text: three alignments, without what neighbours would change
  const aligned = [0, 1, 2].map((offset) => Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64').slice(offset === 0 ? 0 : 4, -4))
  return [bytes, ...[hex, hex.toUpperCase(), ...aligned, ...aligned.map((text) => text.replaceAll('+', '-').replaceAll('/', '_'))].map((text) => Buffer.from(text))]
}

test('S33 no sentence, name, key or token of the people is on the server\'s disk, in its logs or in its refusals', async (t) => {
  const place = new Place(t)
  const server = await ServerProcess.start(place)
  const canaries = new Map<string, Uint8Array>()
  const remember = (what: string, value: string | Uint8Array): void => { canaries.set(what, typeof value === 'string' ? Buffer.from(value) : value) }
  const refusals: string[] = []
  const open = (name: string) => ({
    ...nodePlatform,
    network: {
      ...nodePlatform.network,
      fetch: async (url: string, init: RequestInit): Promise<Response> => {
        const { authorization } = init.headers as Record<string, string>
        const token = authorization?.split(/[ .]/).at(-1)
        if (token !== undefined) remember(`token of ${name} ${canaries.size}`, Buffer.from(token, 'base64url'))
        const response = await nodePlatform.network.fetch(url, init)
        if (!response.ok) refusals.push(await response.clone().text())
        return response
      },
    },
    store: openSqliteStore({ folder: join(place.home, name) }),
  })
  remember('set-up secret', Buffer.from(server.setupLink.split('.').at(-1) ?? '', 'base64url'))
  const ada = await Client.join(open('ada'), server.setupLink, 'Ada')
  const { link } = await ada.invite()
  remember('invite secret', Buffer.from(link.split('.').at(-2) ?? '', 'base64url'))
  const ben = await Client.join(open('ben'), link, 'Ben')
  await ada.sync()
  const name = 'Canary Conservatory Committee'
  const sentences = ['the quick canary sings at dawn in the east wing', 'nobody on the server may ever read this sentence']
  remember('conversation name', name)
  const { conversationId } = await ada.createGroup(name, ['Ben'])
  for (const [index, sentence] of sentences.entries()) {
    remember(`sentence ${index}`, sentence)
    await ada.send(conversationId, sentence)
  }
  await ben.sync()
  await ben.send(conversationId, sentences[0] ?? '')
  await assert.rejects(Client.join(open('eve'), link, sentences[1] ?? ''), { code: 'protocol.invite.used' })
  await ada.close()
  await ben.close()
  const backedUp = await place.run(['backup', 'create', 'one.backup', '--data', 'server'])
  const restored = await place.run(['backup', 'restore', 'one.backup', '--data', 'restored', '--key', 'server/backup.key'])
  assert.deepEqual([backedUp.code, restored.code], [0, 0], `${backedUp.stderr}${restored.stderr}`)
  for (const profile of ['ada', 'ben']) rememberKeys(join(place.home, profile), profile, remember)
  const live = join(server.dataDir)
  const haystacks = new Map<string, Buffer>(readdirSync(live).map((file) => [`${file} while it runs`, readFileSync(join(live, file))]))
  await server.stop()
  for (const file of readdirSync(live)) haystacks.set(file, readFileSync(join(live, file)))
  haystacks.set('decrypted database', decrypted(live))
  // what the operator sees who opens a backup with its key
  haystacks.set('backup', readFileSync(join(place.home, 'one.backup')))
  haystacks.set('decrypted backup', decrypted(join(place.home, 'restored')))
  haystacks.set('output of the backup', Buffer.from([backedUp, restored].map(({ stdout, stderr }) => stdout + stderr).join()))
  haystacks.set('logs', Buffer.from(server.logs))
  haystacks.set('refusals', Buffer.from(refusals.join('\n')))
  assert.ok(refusals.length > 0 && canaries.size > 10 && (haystacks.get('logs')?.length ?? 0) > 100, 'there is something to sweep')
  const found: string[] = []
  for (const [what, secret] of canaries) {
    for (const [where, haystack] of haystacks) {
      // the operator is shown the set-up link on the terminal, where it is made; it is no log
      if (what === 'set-up secret' && where === 'logs') continue
      if (formsOf(secret).some((form) => haystack.includes(form))) found.push(`${what} in ${where}`)
    }
  }
  assert.deepEqual(found, [])
})

/** What a thief with the database key would see: all values of all tables. */
const decrypted = (dataDir: string): Buffer => {
  const database = openDatabase(join(dataDir, 'famichat.db'), readFileSync(join(dataDir, 'database.key'), 'utf8').trim())
  const tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").pluck().all() as string[]
  const values = tables.flatMap((table) => (database.prepare(`SELECT * FROM "${table}"`).raw().all() as unknown[][]).flat())
  database.close()
  assert.ok(values.length > 50)
  return Buffer.concat(values.map((value) => (Buffer.isBuffer(value) ? value : Buffer.from(String(value)))))
}

/** Private keys of a profile: the identity's, and the group's ratchet secrets. */
const rememberKeys = (folder: string, profile: string, remember: (what: string, value: Uint8Array) => void): void => {
  const database = openDatabase(join(folder, 'profile.db'), readFileSync(join(folder, 'profile.key'), 'utf8').trim())
  const identity = database.prepare("SELECT value FROM profile WHERE key = 'identity'").pluck().get() as Buffer
  // the last fields of the record: device key, presence octet, account key, each behind a length octet
  remember(`account key of ${profile}`, identity.subarray(-32))
  remember(`device key of ${profile}`, identity.subarray(-66, -34))
  const rows = database.prepare("SELECT key, value FROM groupRows WHERE key LIKE '%/s%'").all() as { key: string; value: Buffer }[]
  assert.ok(rows.length > 0)
  for (const { key, value } of rows) remember(`ratchet of ${profile} ${key}`, value.subarray(0, -8))
  database.close()
}

const openDatabase = (path: string, key: string): Sqlite.Database => {
  const database = new Sqlite(path)
  database.pragma("cipher = 'chacha20'")
  database.pragma(`key = "x'${key}'"`)
  return database
}
