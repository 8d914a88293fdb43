/**
 * Everyday life with real processes: one server, three people, one of them with two devices.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Line, type Person, Place, type Running, ServerProcess } from './support/processes.js'

/** epoch → authenticators that were seen for it */
const authenticators = (outputs: readonly (readonly Line[])[]): Map<number, Set<string>> => {
  const seen = new Map<number, Set<string>>()
  for (const { type, epoch, epochAuthenticator } of outputs.flat()) {
    if ((type !== 'membership' && type !== 'joined') || epochAuthenticator === '') continue
    const known = seen.get(Number(epoch)) ?? new Set()
    seen.set(Number(epoch), known.add(String(epochAuthenticator)))
  }
  return seen
}

const epochsOf = ({ lines }: Running): number => Math.max(0, ...lines.filter(({ type }) => type === 'membership' || type === 'joined').map(({ epoch }) => Number(epoch)))
const hasText = (text: string) => ({ texts }: Running): boolean => texts.includes(text)

test('people, devices, groups: every message arrives once and in order, and all agree after each commit', async (t) => {
  const place = new Place(t)
  const server = await ServerProcess.start(place)
  const ada = await place.person('ada').joins(server.setupLink, 'Ada')
  const [ben, cleo] = await Promise.all([place.person('ben').joins(await ada.invites(), 'Ben'), place.person('cleo').joins(await ada.invites(), 'Cleo')])

  // a second device of Ben
  const linking = ben.starts('link')
  await linking.until('a link is printed', ({ lines }) => lines.some(({ type }) => type === 'link'))
  const phone: Person = place.person('ben-phone')
  await phone.does('join', linking.lines.find(({ type }) => type === 'link')?.link ?? '')
  assert.equal((await linking.finished).code, 0)

  // a direct conversation, with all of Ben's devices
  await ada.does('send', 'Ben', 'direct one')
  assert.deepEqual(await phone.reads('Ada'), ['direct one'])
  await phone.does('send', 'Ada', 'direct two')
  for (const person of [ada, ben]) assert.deepEqual(await person.reads(person === ada ? 'Ben' : 'Ada'), ['direct one', 'direct two'])

  // a group in which everybody listens while commands run on the same profiles
  await ada.does('create', 'group', 'Garden', 'Ben')
  const listeners: Running[] = [ada.starts('tail', 'Garden'), ben.starts('tail', 'Garden'), phone.starts('tail', 'Garden')]
  for (const listener of listeners) await listener.until('the listener is in the group', (running) => epochsOf(running) === 1)
  for (const [person, text] of [[ada, 'g1'], [phone, 'g2'], [ben, 'g3']] as const) {
    await person.does('send', 'Garden', text)
    for (const listener of listeners) await listener.until(`${text} arrives`, hasText(text))
  }
  await ada.does('appoint', 'Garden', 'Ben')
  await ben.does('add', 'Garden', 'Cleo')
  for (const listener of listeners) await listener.until('the addition arrives', (running) => epochsOf(running) === 3)
  assert.deepEqual(await cleo.reads('Garden'), [])
  await cleo.does('send', 'Garden', 'g4')
  for (const listener of listeners) await listener.until('g4 arrives', hasText('g4'))

  // Cleo is away while things go on, and catches up
  await Promise.all([ada.does('send', 'Garden', 'g5'), ben.does('send', 'Garden', 'g6')])
  await ben.does('send', 'Garden', 'g7')
  for (const listener of listeners) await listener.until('g7 arrives', hasText('g7'))
  const caughtUp = await cleo.reads('Garden')
  assert.deepEqual([...caughtUp].sort(), ['g4', 'g5', 'g6', 'g7'])

  // a lost device is shut out, and cannot read what follows
  const [, , phoneTail] = listeners
  const revoked = (await phone.does('status'))[0] as { device: string } & Line
  assert.equal((await ben.does('name-device', revoked.device.slice(0, 8), 'Old phone'))[0]?.type, 'device_named')
  assert.equal((await ben.does('devices')).find(({ device }) => device === revoked.device)?.name, 'Old phone')
  await ben.does('revoke', revoked.device)
  await ada.does('send', 'Garden', 'without the phone')
  await listeners[1]?.until('the message arrives', hasText('without the phone'))
  const phoneEnd = await phoneTail?.finished
  assert.equal(phoneEnd?.code, 1)
  assert.ok(!phoneTail?.texts.includes('without the phone'))
  const refused = await phone.tries(['tail', 'Garden', '--once'])
  assert.deepEqual([refused.code, (JSON.parse(refused.stderr) as Line).code], [1, 'client.device.revoked'])

  // Cleo is removed, Ben leaves: each commit is made by somebody else
  await ada.does('remove', 'Garden', 'Cleo')
  await ada.does('send', 'Garden', 'without Cleo')
  assert.deepEqual(await cleo.reads('Garden'), [...caughtUp, 'without the phone'])
  assert.equal((await cleo.tries(['send', 'Garden', 'hm'])).code, 1)
  const before = Math.max(...listeners.slice(0, 2).map(epochsOf))
  await ben.does('leave', 'Garden')
  await listeners[0]?.until('Ada lets Ben go', (running) => epochsOf(running) > before)
  await ada.does('send', 'Garden', 'alone now')
  await listeners[0]?.until('the last message arrives', hasText('alone now'))
  assert.ok(!(await ben.reads('Garden')).includes('alone now'))

  const [adaTail, benTail] = await Promise.all(listeners.slice(0, 2).map((listener) => listener.stop()))
  const expected = ['g1', 'g2', 'g3', 'g4']
  for (const listener of listeners.slice(0, 2)) {
    assert.deepEqual(listener.texts.slice(0, 4), expected)
    assert.equal(new Set(listener.texts).size, listener.texts.length, 'nothing is shown twice')
  }
  assert.deepEqual(adaTail?.lines.filter(({ type }) => type === 'message').slice(0, -1), adaTail?.lines.filter(({ type }) => type === 'message').slice(0, listeners[1]?.texts.length))
  const ofCleo = await cleo.does('tail', 'Garden', '--once')
  const agreed = authenticators([adaTail?.lines ?? [], benTail?.lines ?? [], phoneEnd.lines, ofCleo])
  assert.ok(agreed.size >= 5, `${agreed.size} epochs were seen`)
  for (const [epoch, values] of agreed) assert.equal(values.size, 1, `epoch ${epoch} has one authenticator`)
  assert.ok(![...(adaTail?.lines ?? []), ...(benTail?.lines ?? []), ...ofCleo].some(({ type }) => type === 'unreadable'))
})
