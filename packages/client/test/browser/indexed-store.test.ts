/**
 * The browser's store, in a real Chromium: the contract of stores, what a thief of the disk sees, and several tabs.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Page } from 'playwright-core'
import { STORE_CASES } from '../store/contract.js'
import { openPages, type Pages } from './chromium.js'
import type { Asks } from './page.js'

const pages = await openPages()

const ask = <Name extends keyof Asks>(page: Page, name: Name, argument = 0): Promise<Awaited<ReturnType<Asks[Name]>>> =>
  page.evaluate(({ called, given }) => {
    const { famichatPage } = globalThis as unknown as { readonly famichatPage: Readonly<Record<string, (given: number) => unknown>> }
    return famichatPage[called]?.(given)
  }, { called: name, given: argument }) as Promise<Awaited<ReturnType<Asks[Name]>>>

describe('IndexedDB', { skip: 'missing' in pages ? pages.missing : false }, () => {
  const opened = pages as Pages
  const open = (): Promise<Page> => opened.open()
  let page: Page
  before(async () => { page = await open() })
  after(() => opened.close())

  for (const [at, { name }] of STORE_CASES.entries()) test(name, async () => { await ask(page, 'contract', at) })

  test('nothing that was said can be read from the disk, the key cannot be exported, and writes are strictly durable', async () => {
    const { isReadable, isExportable, durabilities } = await ask(page, 'sealed')
    assert.deepEqual({ isReadable, isExportable }, { isReadable: false, isExportable: false })
    assert.deepEqual(new Set(durabilities), new Set(['strict']))
  })

  test('a changed record, a record in the place of another and a lost key are refused', async () => {
    assert.deepEqual(await ask(page, 'tampered'), ['client.store.malformed', 'client.store.malformed', 'client.store.malformed'])
  })

  test('a turn that waits for too long is told that the profile is busy', async () => {
    assert.equal(await ask(page, 'impatient'), 'client.profile.busy')
  })

  test('whoever has the profile open hears what was written, once for each conversation', async () => {
    const written = [{ table: 'history', id: 'a' }, { table: 'conversations', id: 'a' }]
    assert.deepEqual(await ask(page, 'news'), [written, written])
  })

  test('one tab leads, and when it is closed the next one does', async () => {
    const [first, second] = [await open(), await open()]
    await ask(first, 'lead')
    await first.waitForFunction(() => document.title === 'leads')
    await ask(second, 'lead')
    await ask(page, 'giveUpLeading')
    assert.equal(await second.title(), 'waits')
    await first.close()
    await second.waitForFunction(() => document.title === 'leads')
    await second.close()
  })
})
