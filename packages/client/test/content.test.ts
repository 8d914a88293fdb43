/**
 * Content: golden bytes of every kind, strict decoding, names of files, links, folding, padding.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { concat, encode, opaque, struct, toHex, uint8 } from '@famichat/base'
import { type AccountId, type ConversationEvent, type ConversationId, type DeviceId, findLinks, foldMessages, type MessageId, toFileName } from '@famichat/client'
import { idFromBytes } from '@famichat/protocol'
import { decodeContent, encodeContent, type MessageContent } from '../dist/content/content.js'
import { isFileName } from '../dist/content/file-name.js'
import { decodeMessageHead, encodeMessageDocument, encodeMessageHead, paddingFor } from '../dist/conversation/message-document.js'

const idOf = (byte: number) => idFromBytes(new Uint8Array(16).fill(byte))
const ada = idOf(0xa1) as unknown as AccountId
const ben = idOf(0xb2) as unknown as AccountId
const messageId = idOf(0xc3) as unknown as MessageId
const pointer = { fileName: 'a.jpg', mediaType: 'image/jpeg', fileBytes: 5, blobId: idOf(0xd4) as never, key: new Uint8Array(32).fill(1), chunkHashes: [new Uint8Array(32).fill(2)], picture: undefined }
const A1 = 'a1'.repeat(16)
const C3 = 'c3'.repeat(16)

test('every kind of content has one encoding, and it does not change', () => {
  const golden: readonly (readonly [MessageContent, string])[] = [
    [{ type: 'text', body: 'hi' }, '0103026869'],
    [{ type: 'reply', to: { accountId: ada, messageId }, body: 'hi' }, `0223${A1}${C3}026869`],
    [{ type: 'letter', subject: 's', body: 'hi' }, '030501730268 69'.replace(' ', '')],
    [{ type: 'reaction', to: { accountId: ada, messageId }, emoji: '!', isRemoved: true }, `0423${A1}${C3}012101`],
    [{ type: 'edit', messageId, body: 'ho' }, `0513${C3}02686f`],
    [{ type: 'delete', messageId }, `0610${C3}`],
    [{ type: 'attachment', attachment: pointer, caption: '' }, `07406c05612e6a70670a696d6167652f6a7065670000000000000005${'d4'.repeat(16)}${'01'.repeat(32)}20${'02'.repeat(32)}0000`],
    [{ type: 'attachment', attachment: { ...pointer, picture: { width: 640, height: 480 } }, caption: '' }, `07407005612e6a70670a696d6167652f6a7065670000000000000005${'d4'.repeat(16)}${'01'.repeat(32)}20${'02'.repeat(32)}010280 01e000`.replace(' ', '')],
    [{ type: 'receipt', upToSeq: 7 }, '08080000000000000007'],
    [{ type: 'deviceName', deviceId: idOf(0xd4) as never, name: 'Tab', namedAtMs: 7 }, `0b1c${'d4'.repeat(16)}035461620000000000000007`],
  ]
  for (const [content, bytes] of golden) {
    assert.equal(toHex(encodeContent(content)), bytes, content.type)
    assert.deepEqual(decodeContent(encodeContent(content)), content)
  }
})

test('the document and the head around content do not change either', () => {
  const document = encodeMessageDocument({ messageId, sentAtMs: 258, content: { type: 'text', body: 'hi' } })
  assert.equal(toHex(document), `011e${C3}0000000000000102050103026869`)
  const head = { conversationId: idOf(1) as unknown as ConversationId, number: 2, transcriptPrefix: new Uint8Array(16).fill(3), lastSeq: 4, listNumber: 5, listPrefix: new Uint8Array(16).fill(6) }
  assert.equal(toHex(encodeMessageHead(head)), `01${'01'.repeat(16)}0000000000000002${'03'.repeat(16)}00000000000000040000000000000005${'06'.repeat(16)}`)
  assert.deepEqual(decodeMessageHead(encodeMessageHead(head)), head)
})

test('A10: content of a kind that is not known is a placeholder, and malformed or oversize content is refused whole', () => {
  const framed = (kind: number, fields: Uint8Array): Uint8Array => encode(struct({ kind: uint8, fields: opaque() }), { kind, fields })
  assert.deepEqual(decodeContent(framed(200, Uint8Array.of(1, 2, 3))), { type: 'unknown', kind: 200 })
  const good = encodeContent({ type: 'text', body: 'hi' })
  for (const bad of [good.slice(0, -1), concat(good, Uint8Array.of(0)), framed(1, Uint8Array.of(2, 0x68, 0x69, 0)), framed(1, Uint8Array.of(1, 0xff)), new Uint8Array(0)]) {
    assert.throws(() => decodeContent(bad), { code: 'client.message.malformed' })
  }
  const long = 'x'.repeat(48 * 1024 + 1)
  for (const content of [{ type: 'text', body: long }, { type: 'letter', subject: 's', body: long }, { type: 'edit', messageId, body: long }] as const) {
    assert.throws(() => encodeContent(content), { code: 'client.message.too_long' })
  }
  assert.throws(() => encodeContent({ type: 'letter', subject: ' ', body: 'x' }), { code: 'client.message.empty' })
  assert.throws(() => encodeContent({ type: 'unknown', kind: 9 }), { code: 'client.message.malformed' })
  for (const picture of [{ width: 0, height: 1 }, { width: 1, height: 0 }]) {
    assert.throws(() => encodeContent({ type: 'attachment', attachment: { ...pointer, picture }, caption: '' }), { code: 'client.message.malformed' })
  }
  for (const name of ['', ' Tab', 'gpj\u202eTab', 'x'.repeat(65)]) {
    assert.throws(() => encodeContent({ type: 'deviceName', deviceId: idOf(0xd4) as never, name, namedAtMs: 7 }), { code: 'client.message.malformed' })
  }
  for (const emoji of ['', 'a b', '<b>', '\u001b[31m', 'x'.repeat(17)]) {
    assert.throws(() => encodeContent({ type: 'reaction', to: { accountId: ada, messageId }, emoji, isRemoved: false }), { code: 'client.message.malformed' })
  }
})

test('A12: a file name with a path, a hidden or reserved name, or invisible characters is refused by sender and receiver', () => {
  for (const fileName of ['../x', 'a/b', 'a\\b', 'c:x', '.profile', '', ' x', 'x.', 'con', 'NUL.txt', 'a\u0000b', 'gpj\u202e.exe', 'a\nb']) {
    assert.equal(isFileName(fileName), false, JSON.stringify(fileName))
    assert.throws(() => encodeContent({ type: 'attachment', attachment: { ...pointer, fileName }, caption: '' }), { code: 'client.file.name_refused' })
    assert.equal(isFileName(toFileName(fileName)), true, toFileName(fileName))
  }
  const smuggled = encodeContent({ type: 'attachment', attachment: pointer, caption: '' })
  smuggled[5] = '/'.charCodeAt(0)
  assert.throws(() => decodeContent(smuggled), { code: 'client.message.malformed' })
  assert.equal(toFileName('/home/ada/Holiday photo.jpg'), 'Holiday photo.jpg')
  assert.ok(isFileName(toFileName('é'.repeat(300) + '.jpg')) && toFileName('é'.repeat(300) + '.jpg').endsWith('.jpg'))
})

test('A13: of a text only addresses of the web and of mail become links', () => {
  const urls = (body: string): readonly string[] => findLinks(body).map(({ url }) => url)
  assert.deepEqual(urls('see https://a.example/x?y=1, or (http://b.example).'), ['https://a.example/x?y=1', 'http://b.example/'])
  assert.deepEqual(urls('mailto:ada@example.org'), ['mailto:ada@example.org'])
  for (const bad of ['javascript:alert(1)', 'data:text/html,x', 'file:///etc/passwd', 'vbscript:x', 'https://user:secret@a.example/', 'https://', 'blob:https://a.example/1']) {
    assert.deepEqual(urls(bad).filter((url) => !url.startsWith('https://a.example/1')), [], bad)
  }
  const [link] = findLinks('x https://a.example/ y')
  assert.deepEqual(link, { start: 2, end: 20, url: 'https://a.example/' })
})

test('A07, A09: an edit counts only from the author, a reaction from anybody once, a receipt for what came before it, and an id is its author\'s alone', () => {
  const event = (seq: number, accountId: AccountId, id: number, content: Extract<ConversationEvent, { kind: 'message' }>['content']): ConversationEvent => ({
    kind: 'message', conversationId: idOf(1) as unknown as ConversationId, seq, accountId, deviceId: idOf(2) as unknown as DeviceId,
    atMs: seq, epoch: 1n, messageId: idOf(id) as unknown as MessageId, content,
  })
  const one = idOf(10) as unknown as MessageId
  const to = { accountId: ada, messageId: one }
  const messages = foldMessages([
    event(1, idOf(0xe5) as unknown as AccountId, 20, { type: 'edit', messageId: one, body: 'forged' }),
    event(2, ada, 10, { type: 'text', body: 'first' }),
    event(3, ben, 21, { type: 'reaction', to, emoji: '👍', isRemoved: false }),
    event(4, ben, 22, { type: 'reaction', to, emoji: '👍', isRemoved: false }),
    event(5, ada, 11, { type: 'reaction', to, emoji: '👍', isRemoved: false }),
    event(6, ada, 12, { type: 'reaction', to, emoji: '👍', isRemoved: true }),
    event(7, ada, 13, { type: 'edit', messageId: one, body: 'second' }),
    event(8, ben, 10, { type: 'text', body: 'another author may use the same id' }),
    event(9, ben, 23, { type: 'receipt', upToSeq: 2 }),
    event(10, ada, 24, { type: 'receipt', upToSeq: 9 }),
  ])
  assert.deepEqual(messages.map(({ content, isEdited }) => ['body' in content && content.body, isEdited]), [['second', true], ['another author may use the same id', false]])
  assert.deepEqual([...messages[0]?.reactions ?? []], [['👍', [ben]]])
  assert.deepEqual(messages.map(({ readBy }) => readBy), [[ben], [ada]])
})

test('plaintext sizes fall into classes: steps of 256 bytes, then eight between powers of two', () => {
  for (const [size, padded] of [[0, 256], [1, 256], [256, 256], [257, 512], [4096, 4096], [4097, 4608], [9000, 9216], [50_000, 53_248]] as const) {
    assert.equal(size + paddingFor(size), padded)
  }
})
