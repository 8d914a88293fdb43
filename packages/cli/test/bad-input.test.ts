/**
 * Wrong input: each kind gets one sentence that says what to do, an exit code, and changes nothing.
 */
import assert from 'node:assert/strict'
import { chmodSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { type Finished, Place, ServerProcess } from './support/processes.js'

const refused = ({ code, stdout, stderr }: Finished, sentence: RegExp, exitCode = 1): void => {
  assert.match(stderr, sentence)
  assert.equal(code, exitCode, stderr)
  assert.equal(stdout, '')
  assert.ok(!stderr.includes('    at '), 'no stack is shown')
}

const community = async (t: TestContext) => {
  const place = new Place(t)
  const server = await ServerProcess.start(place)
  return { place, server, run: (...args: string[]) => place.run(args) }
}

test('links: malformed, used, unknown, and a profile that is taken', async (t) => {
  const { place, server, run } = await community(t)
  refused(await run('join', 'hello', '--name', 'Ada'), /^famichat: this is not a whole invite link: copy it again/)
  assert.ok(!existsSync(join(place.home, '.famichat')), 'nothing was made for it')
  refused(await run('join', `${server.url}/l#v1.short`), /^famichat: this is not a whole device link/)
  refused(await run('join', server.setupLink), /^famichat: say who you are: famichat join LINK --name NAME/, 2)
  refused(await run('join', server.setupLink, '--name', 'two\nlines'), /a name has 1 to 64 characters/)
  assert.equal((await run('join', server.setupLink, '--name', 'Ada')).code, 0)
  refused(await run('join', server.setupLink, '--name', 'Ada'), /this profile has an account already/)
  const ben = (...args: string[]) => run('--profile', 'ben', ...args)
  refused(await ben('join', server.setupLink, '--name', 'Ben'), /this invite has been used: invites work once, ask for a new one/)
  const unknown = server.setupLink.replace(/#v1\.[^.]+/, '#v1.AAAAAAAAAAAAAAAAAAAAAA')
  refused(await ben('join', unknown, '--name', 'Ben'), /the server does not know this invite: ask for a new one/)
  refused(await ben('conversations'), /this profile has no account yet: join with an invite link first/)
  const { link = '' } = (await place.person('.famichat').does('invite'))[0] ?? {}
  refused(await ben('join', link, '--name', 'ADA'), /somebody in this community already has that name/)
  assert.equal((await ben('join', link, '--name', 'Ben')).code, 0)
})

test('servers: missing, busy port, wrong and exposed keys, a data folder in use', async (t) => {
  const { place, server, run } = await community(t)
  assert.equal((await run('join', server.setupLink, '--name', 'Ada')).code, 0)
  refused(await run('server', '--data', 'other', '--port', new URL(server.url).port), /another program is using this port: stop it, or give another port/)
  refused(await run('server', '--data', 'server'), /another Famichat server is using this data folder/)
  refused(await run('server', '--port', 'many'), /a port is a number from 0 to 65535/, 2)
  await server.stop()
  refused(await run('invite'), /no Famichat server answers at this address: check the address, and that the server is running/)
  refused(await run('join', server.setupLink.replace('/i#', '/i#'), '--profile', 'ben', '--name', 'Ben'), /no Famichat server answers/)
  const key = join(server.dataDir, 'database.key')
  const good = readFileSync(key, 'utf8')
  writeFileSync(key, `${'0'.repeat(64)}\n`)
  refused(await run('server', '--data', 'server'), /the key does not open the database/)
  writeFileSync(key, good)
  chmodSync(key, 0o644)
  refused(await run('server', '--data', 'server'), /can be read by other users of this machine: run chmod 600 on it/)
  renameSync(key, join(place.home, 'away'))
  refused(await run('server', '--data', 'server'), /there is a database but no key for it/)
})

test('profiles: wrong, malformed, exposed and missing keys', async (t) => {
  const { place, server, run } = await community(t)
  assert.equal((await run('join', server.setupLink, '--name', 'Ada')).code, 0)
  const key = join(place.home, '.famichat/profile.key')
  const good = readFileSync(key, 'utf8')
  writeFileSync(key, `${'0'.repeat(64)}\n`)
  refused(await run('conversations'), /the key does not open this profile/)
  writeFileSync(key, 'not a key\n')
  refused(await run('conversations'), /the profile key must be 64 hexadecimal digits/)
  writeFileSync(key, good)
  chmodSync(key, 0o644)
  refused(await run('conversations'), /profile\.key can be read by other users/)
  renameSync(key, join(place.home, 'away'))
  refused(await run('conversations'), /there is a profile but no key for it/)
  assert.equal((await place.run(['conversations'], { FAMICHAT_PROFILE_KEY: good.trim() })).code, 0)
})

test('people, conversations and texts that are not there or not allowed; wrong use', async (t) => {
  const { run, server } = await community(t)
  assert.equal((await run('join', server.setupLink, '--name', 'Ada')).code, 0)
  refused(await run('send', 'Nobody', 'hello'), /nobody in this community has that name: check the spelling/)
  refused(await run('tail', 'Nobody', '--once'), /there is no such conversation/)
  refused(await run('create', 'direct', 'Nobody'), /nobody in this community has that name: check the spelling/)
  refused(await run('create', 'direct', 'Ada'), /that is you: name somebody else/)
  assert.equal((await run('create', 'group', 'Garden')).code, 0)
  refused(await run('send', 'Garden', '  '), /there is nothing to send: write a text/)
  refused(await run('send', 'Garden', 'x'.repeat(49 * 1024)), /the text is longer than 48 KiB: send it in parts/)
  refused(await run('remove', 'Garden', 'Nobody'), /nobody in this community has that name/)
  refused(await run('revoke', 'nothing'), /there is no such device: look at the list of devices/)
  refused(await run('tail', 'Garden', '--count', 'few'), /a count is a whole number/, 2)
  refused(await run('dance'), /unknown command 'dance'/, 2)
  refused(await run('send', 'Garden'), /missing required argument 'text'/, 2)
  const error = JSON.parse((await run('--json', 'tail', 'Nobody', '--once')).stderr) as { code: string }
  assert.equal(error.code, 'client.conversation.unknown')
})
