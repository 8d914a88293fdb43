/**
 * Who decides, from the command line: a family's conversation, admins of a group, guests, coming back, ending an account, and programs
 * that are limited to one conversation.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Finished, type Line, type Person, Place, ServerProcess } from './support/processes.js'

interface Member {
  readonly name: string
  readonly isAdmin: boolean
  readonly guestUntil?: string
}

const membersOf = (line: Line | undefined): readonly Member[] => (line?.members ?? []) as readonly Member[]
const adminsOf = (line: Line | undefined): readonly string[] => membersOf(line).filter(({ isAdmin }) => isAdmin).map(({ name }) => name).sort()
const codeOf = ({ stderr }: Finished): unknown => (JSON.parse(stderr.trim().split('\n').at(-1) ?? '') as Line).code

const neighbours = async (place: Place, ...names: readonly string[]): Promise<readonly [ServerProcess, ...Person[]]> => {
  const server = await ServerProcess.start(place)
  const people: Person[] = []
  for (const name of names) people.push(await place.person(name.toLowerCase()).joins(await people[0]?.invites() ?? server.setupLink, name))
  return [server, ...people]
}

test('create family, appoint, dismiss, add --until, back: each says what became of it, and refuses in a sentence', async (t) => {
  const place = new Place(t)
  const [, ada, ben] = await neighbours(place, 'Ada', 'Ben')
  assert.ok(ada && ben)
  const [family] = await ada.does('create', 'family')
  assert.deepEqual([family?.type, family?.kind, family?.name, adminsOf(family)], ['created', 'family', 'Ada', ['Ada', 'Ben']])
  assert.equal((await ada.does('create', 'family'))[0]?.id, family?.id)

  await ada.does('create', 'group', 'Garden', 'Ben')
  await ben.does('conversations')
  assert.equal(codeOf(await ben.tries(['dismiss', 'Garden', 'Ada'])), 'client.member.not_admin')
  assert.deepEqual(adminsOf((await ada.does('appoint', 'Garden', 'Ben'))[0]), ['Ada', 'Ben'])
  const [dismissed] = await ben.does('dismiss', 'Garden', 'Ada')
  assert.deepEqual([dismissed?.type, adminsOf(dismissed)], ['dismissed', ['Ben']])
  assert.equal(codeOf(await ben.tries(['dismiss', 'Garden', 'Ben'])), 'client.member.last_admin')

  const sitter = await place.person('sitter').joins(await ada.invites(), 'Sitter')
  await sitter.does('conversations')
  assert.equal(codeOf(await ben.tries(['add', 'Garden', 'Sitter', '--until', '2020-01-01T00:00'])), 'client.guest.past')
  const wrong = await place.run(['--profile', 'ben', 'add', 'Garden', 'Sitter', '--until', 'some day'])
  assert.deepEqual([wrong.code, wrong.stderr.includes('write it as "Sunday 18:00"')], [2, true])
  const [added] = await ben.does('add', 'Garden', 'Sitter', '--until', 'tomorrow 9:00')
  const until = membersOf(added).find(({ name }) => name === 'Sitter')?.guestUntil ?? ''
  assert.equal(new Date(until).getHours(), 9)
  assert.match((await place.run(['--profile', 'ben', 'conversations'])).stdout, /Sitter until \S/)

  assert.equal(codeOf(await ada.tries(['back', 'Garden'])), 'client.member.not_away')
})

test('role: guardians give roles in their family, admins in the community; one of each has to stay', async (t) => {
  const place = new Place(t)
  const [, ada, ben] = await neighbours(place, 'Ada', 'Ben')
  assert.ok(ada && ben)
  const rolesOf = async (): Promise<unknown> => (await ada.does('families')).flatMap(({ members }) => members as readonly { readonly name: string; readonly familyRole: string; readonly isCommunityAdmin: boolean }[])
    .map(({ name, familyRole, isCommunityAdmin }) => [name, familyRole, isCommunityAdmin])
  assert.equal(codeOf(await ben.tries(['role', 'Ben', '--community', 'admin'])), 'protocol.access.refused')
  assert.equal(codeOf(await ada.tries(['role', 'Ada', '--community', 'member'])), 'protocol.role.last_admin')
  assert.equal(codeOf(await ada.tries(['role', 'Ada', '--family', 'adult'])), 'protocol.role.last_admin')
  assert.deepEqual([codeOf(await ada.tries(['role', 'Ben'])), codeOf(await ada.tries(['role', 'Nobody', '--family', 'adult']))], ['cli.usage', 'client.member.unknown'])
  const [given] = await ada.does('role', 'Ben', '--family', 'guardian', '--community', 'admin')
  assert.deepEqual([given?.type, given?.familyRole, given?.communityRole], ['role', 'guardian', 'admin'])
  assert.deepEqual(await rolesOf(), [['Ada', 'guardian', true], ['Ben', 'guardian', true]])
  await ben.does('role', 'Ada', '--community', 'member', '--family', 'adult')
  assert.deepEqual(await rolesOf(), [['Ada', 'adult', false], ['Ben', 'guardian', true]])
})

test('S23: end-account asks for the name again, then shuts the person out; the audit trail has it', async (t) => {
  const place = new Place(t)
  const [, ada, ben] = await neighbours(place, 'Ada', 'Ben')
  assert.ok(ada && ben)
  await ada.does('create', 'group', 'Garden', 'Ben')
  await ben.does('conversations')
  const listening = ben.starts('tail', 'Garden')
  await listening.until('Ben is in the group', ({ lines }) => lines.some(({ type }) => type === 'joined'))
  const mistyped = await ada.answers(['Bob'], 'end-account', 'Ben')
  assert.deepEqual([mistyped.code, codeOf(mistyped)], [2, 'cli.usage'])
  assert.equal(codeOf(await ben.tries(['end-account', 'Ada', '--yes'])), 'protocol.access.refused')
  const ended = await ada.answers(['Ben'], 'end-account', 'Ben')
  assert.deepEqual(ended.lines.map(({ type, name }) => [type, name]), [['account_ended', 'Ben']])
  assert.equal((await listening.finished).code, 1)
  assert.equal(codeOf(await ben.tries(['conversations'])), 'client.device.revoked')
  const garden = (await ada.does('conversations')).find(({ name }) => name === 'Garden')
  assert.deepEqual(membersOf(garden).map(({ name }) => name), ['Ada'])
  assert.match((await place.run(['audit', '--profile', 'ada', '--limit', '1'])).stdout, /Ada ended the account of Ben {2}\(\S{8}\)\n/)
  assert.equal(codeOf(await ada.tries(['send', 'Ben', 'hello'])), 'client.account.ended')
})

test('S24: a command that is limited with --scope gets nothing else, with --read-only nothing written', async (t) => {
  const place = new Place(t)
  const [, ada, bot] = await neighbours(place, 'Ada', 'Bot')
  assert.ok(ada && bot)
  for (const group of ['Garden', 'Kitchen']) await ada.does('create', 'group', group, 'Bot')
  await bot.does('conversations')
  for (const group of ['Garden', 'Kitchen']) await ada.does('send', group, `hello ${group}`)
  const limited = (...args: readonly string[]): Promise<Finished> => bot.tries(['--scope', 'Garden', ...args])
  const read = async (...args: readonly string[]): Promise<readonly unknown[]> => (await limited('tail', '--once', ...args)).lines.filter(({ type }) => type === 'message').map(({ text }) => text)
  assert.deepEqual([await read('Garden'), await read('Kitchen')], [['hello Garden'], []])
  assert.equal((await limited('send', 'Garden', 'hello Ada')).code, 0)
  assert.equal(codeOf(await limited('send', 'Kitchen', 'no')), 'client.scope.refused')
  assert.equal(codeOf(await limited('--read-only', 'send', 'Garden', 'no')), 'client.scope.refused')
  // what the program asks for all the same, the server refuses
  for (const command of ['invite', 'link']) assert.equal(codeOf(await limited(command)), 'protocol.access.refused')
  assert.equal((await bot.tries(['--scope', 'Garden', '--scope', 'Kitchen', 'send', 'Kitchen', 'both'])).code, 0)
  assert.equal((await bot.tries(['--read-only', 'tail', 'Garden', '--once'])).code, 2)
  assert.deepEqual(await ada.reads('Kitchen'), ['hello Kitchen', 'both'])
})
