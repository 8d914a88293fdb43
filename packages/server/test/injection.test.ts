/**
 * S40, S46: no text that a caller sends becomes SQL, and none becomes a property of anything.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { isCodedError, systemRandom } from '@famichat/base'
import { BODY_CONTENT_TYPE, knownProtocolErrorCode, parseErrorBody, ROUTES } from '@famichat/protocol'
import { SoftwareAuthenticator } from '@famichat/server/testing'
import Sqlite from 'better-sqlite3-multiple-ciphers'
import ts from 'typescript'
import { callRoute, firstDevice, TestDevice } from './support/test-device.js'
import { startTestServer, type TestServer } from './support/test-server.js'

const ROOT = fileURLToPath(new URL('../../../', import.meta.url))

/** Texts that mean something to a database. */
const CORPUS = [
  '\'; DROP TABLE accounts; --', '"; DROP TABLE accounts; --', '\' OR \'1\'=\'1', '\' UNION SELECT token_hash FROM tokens --', '1; PRAGMA writable_schema=1',
  '\'; ATTACH DATABASE \'x\' AS y; --', 'x\'||(SELECT hex(account_key) FROM accounts)||\'', '`; DELETE FROM devices; `', '\\\'; --', 'Robert\'); --', '%', '_', '?', ':name', '$1', '@p',
  '\u02bc; --', '\uff07; --', '/* */', '-- -', '[accounts]', '${1+1}', '{{7*7}}', '__proto__', 'constructor',
]

const schemaHash = (server: TestServer): string => {
  const database = new Sqlite(join(server.dataDir, 'famichat.db'), { readonly: true })
  try {
    database.pragma('cipher = \'chacha20\'')
    database.pragma(`key = "x'${readFileSync(join(server.dataDir, 'database.key'), 'utf8').trim()}'"`)
    return createHash('sha256').update(JSON.stringify(database.prepare('SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name').all())).digest('hex')
  } finally {
    database.close()
  }
}

test('S40 texts that mean something to a database are stored and found as they are; the schema stays what it was', async (t) => {
  const server = await startTestServer(t, { rateLimits: { address: UNLIMITED, device: UNLIMITED } })
  const ana = await firstDevice(server)
  const before = schemaHash(server)
  const holder = new SoftwareAuthenticator({ origin: `http://localhost:${server.running.port}` }, systemRandom)
  for (const text of CORPUS) {
    const { challenge, rpId } = await ana.call('passkeyCreationOptions', {})
    const { credentialId, clientData, attestationObject } = await holder.create({ challenge, rpId, prfInput: new Uint8Array(1) })
    await ana.call('passkeyRegister', { label: text, credentialId, clientData, attestationObject })
    const { passkeys: [passkey] } = await ana.call('passkeyList', {})
    assert.equal(passkey?.label, text)
    await ana.call('passkeyRemove', { passkeyId: passkey.passkeyId })
    const other = new TestDevice(server)
    await other.join(await ana.invite({ place: 2 }), text, 0, text)
    await assert.rejects(new TestDevice(server).join(await ana.invite(), text), (error) => isCodedError(error) && error.code === 'protocol.name.taken', text)
    for (const headers of [{ authorization: `Bearer ${text}` }, { authorization: `Invite ${text}.${text}` }, { 'famichat-proof': text }]) {
      const printable = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, Buffer.from(value).toString('latin1')]))
      assert.equal((await fetch(server.running.url + ROUTES.directory.path, { headers: printable })).status, 401)
    }
    assert.ok((await fetch(`${server.running.url}/api/v1/${encodeURIComponent(text)}`)).status >= 400)
  }
  const { accounts, families } = await ana.call('directory', {})
  assert.deepEqual(accounts.map(({ accountName }) => accountName).sort(), ['Ana', ...CORPUS.map((text) => text.normalize('NFC'))].sort())
  assert.equal(families.length, CORPUS.length + 1)
  assert.equal(schemaHash(server), before)
})

/** Shipped code, file by file. */
function* shipped(...packages: readonly string[]): Generator<readonly [string, string]> {
  for (const name of packages) {
    for (const entry of readdirSync(join(ROOT, 'packages', name, 'src'), { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name)
      if (entry.isFile() && path.endsWith('.ts')) yield [path, readFileSync(path, 'utf8')]
    }
  }
}

test('S40 no shipped query is put together from texts', () => {
  let queries = 0
  for (const [path, text] of shipped('server', 'vault', 'client')) {
    queries += text.split(/selectFrom|insertInto|updateTable|deleteFrom/).length - 1
    assert.doesNotMatch(text, /\bsql\.(raw|literal)\b/, path)
    // a constant, or a table out of a list in the code
    for (const [, literal] of text.matchAll(/\bsql\.lit\(([^)]*)\)/g)) assert.match(literal ?? '', /^[A-Z_]+$/, path)
    for (const [statement] of text.matchAll(/\.(?:exec|prepare)\(`[^`]*`/g)) {
      for (const [, inserted] of statement.matchAll(/\$\{([^}]*)\}/g)) assert.match(inserted ?? '', /^(table|[A-Z_]+)$/, path)
    }
  }
  assert.ok(queries > 100, `only ${queries} queries were looked at`)
})

test('S46 JSON with a prototype in it changes nothing: not as a body, not as a refusal that a client reads', async (t) => {
  const server = await startTestServer(t)
  const ana = await firstDevice(server)
  for (const body of ['{"__proto__":{"isAdmin":true}}', '{"constructor":{"prototype":{"isAdmin":true}}}', '{"code":"__proto__"}', '[]', '"__proto__"']) {
    for (const type of ['application/json', BODY_CONTENT_TYPE]) {
      for (const { method, path } of Object.values(ROUTES)) {
        if (method === 'GET') continue
        const response = await fetch(server.running.url + path, { method, body, headers: { 'content-type': type } })
        assert.ok(response.status >= 400 && response.status < 500, `${path} answers ${response.status}`)
      }
    }
    assert.ok(['protocol.response.malformed', 'protocol.server.failed'].includes(parseErrorBody(JSON.parse(body)).code))
  }
  for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) assert.equal(knownProtocolErrorCode(name), 'protocol.server.failed')
  assert.equal('isAdmin' in {}, false)
  await ana.call('directory', {})
  await assert.rejects(callRoute(server, 'join', { ...ana.registration(ana.account.accountId), accountName: '__proto__', familyName: undefined }))
})

test('S46 no regular expression of ours takes long over any text of its own making', () => {
  const expressions = new Map<string, RegExp>()
  for (const [path, text] of shipped('base', 'protocol', 'vault', 'server', 'client', 'cli', 'mls')) {
    const visit = (node: ts.Node): void => {
      if (ts.isRegularExpressionLiteral(node)) {
        const [, source = '', flags = ''] = /^\/(.*)\/([a-z]*)$/s.exec(node.text) ?? []
        expressions.set(`${path} ${node.text}`, new RegExp(source, flags.replace('g', '')))
      }
      ts.forEachChild(node, visit)
    }
    visit(ts.createSourceFile(path, text, ts.ScriptTarget.Latest))
  }
  assert.ok(expressions.size >= 20, `only ${expressions.size} were found`)
  let slowestMs = 0
  for (const [where, expression] of expressions) {
    // what it is made of, again and again, with an end that does not fit
    const letters = [...new Set(expression.source.replace(/\\[a-zA-Z]/g, ' a0-\u00e4'))].filter((letter) => !'\\[](){}*+?|^$'.includes(letter))
    for (const letter of [...letters, 'a', '0', ' ', '-', '.', '\n']) {
      for (const text of [letter.repeat(10_000), `${letter.repeat(10_000)}\u0000`, `${letter}a`.repeat(5000), `http://${letter.repeat(10_000)}`]) {
        const before = process.cpuUsage()
        expression.test(text)
        const { user, system } = process.cpuUsage(before)
        slowestMs = Math.max(slowestMs, (user + system) / 1000)
        assert.ok(user + system < 1_000_000, `${where} takes ${((user + system) / 1000).toFixed(0)} ms`)
      }
    }
  }
  assert.ok(slowestMs >= 0)
})

const UNLIMITED = { burst: 1e6, perSecond: 1e6 }
