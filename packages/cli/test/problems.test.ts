/**
 * What a sync found wrong, as a person reads it: whom it is about, in how many conversations, what it is and what to do.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ConversationInfo, Problem } from '@famichat/client'
import { eventForms } from '../dist/event-forms.js'
import { Output } from '../dist/output.js'
import { reportProblems } from '../dist/session.js'

class Notes extends Output {
  readonly lines: string[] = []

  constructor() {
    super({ isJson: false })
  }

  override warn(text: string, json: object): void {
    this.lines.push(text)
    assert.equal((json as { type: string }).type, 'problem')
  }
}

const DEVICE = 'AAAAAAAAAAAAAAAAAAAAAA' as NonNullable<Problem['deviceId']>
const PERSON = 'BBBBBBBBBBBBBBBBBBBBBB' as NonNullable<Problem['accountId']>
const PLACE = 'CCCCCCCCCCCCCCCCCCCCCC' as NonNullable<Problem['conversationId']>

test('a problem says whom it is about, in how many of how many conversations, its cause and its remedy', async () => {
  const notes = new Notes()
  const names = { nameOf: (accountId: string) => Promise.resolve(accountId === PERSON ? 'Mum' : accountId), conversations: () => Promise.resolve([{ conversationId: PLACE, name: 'Garden' } as ConversationInfo]) }
  await reportProblems(names, [
    { conversationId: undefined, accountId: PERSON, deviceId: DEVICE, conversations: { in: 2, of: 6 }, code: 'client.device.unlisted' },
    { conversationId: undefined, accountId: PERSON, code: 'client.device_list.forked' },
    { conversationId: PLACE, code: 'protocol.access.refused' },
    { conversationId: undefined, code: 'mls.welcome.no_key_package' },
  ], notes)
  assert.deepEqual(notes.lines, [
    'device AAAAAAAA of Mum, in 2 of 6 conversations with them: a device of this person is in conversations though they have revoked it; it is removed with the next change (client.device.unlisted)',
    'Mum: the server shows different people different lists of this person\'s devices; compare safety numbers and devices in person (client.device_list.forked)',
    'conversation Garden (CCCCCCCC): the server refused something (protocol.access.refused)',
    'an invitation: it cannot be taken (mls.welcome.no_key_package)',
  ])
})

test('a notice bears a name when it speaks of a person, and none when it speaks of the server', async () => {
  const notice = async (errorCode: string): Promise<string> => {
    const event = { kind: 'notice', conversationId: PLACE, seq: 7, accountId: PERSON, deviceId: DEVICE, atMs: 0, epoch: 1n, errorCode, count: 2 } as const
    return (await eventForms(event, () => Promise.resolve('Mum'))).text
  }
  assert.equal(await notice('client.message.missing'), '! Mum: messages of this person did not arrive; ask what they sent (2 messages)')
  assert.match(await notice('client.server.restored'), /^! the server was put back to an older copy/)
})
