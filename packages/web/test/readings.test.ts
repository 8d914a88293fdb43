/**
 * What the worker keeps of its readings is never older than what was written: a busy device reads for a while, and meanwhile more comes.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { type TestContext, test } from 'node:test'
import { type Change, Client, type Entry, type Guard, type Range, type Store, type Table } from '@famichat/client'
import { nodePlatform, openSqliteStore } from '@famichat/client/node'
import { startServer } from '@famichat/server'
import { Names } from '../dist/worker/names.js'
import { Timelines } from '../dist/worker/timeline.js'

/** A reading that has read, and does not say what before it is told to. */
interface Held {
  /** It has read. */
  readonly hasRead: Promise<unknown>
  readonly say: () => void
  readonly fail: (error: Error) => void
}

/** A store whose next reading of a table can be held. */
class SlowStore implements Store {
  readonly #store: Store
  #held: { readonly table: Table; readonly onRead: () => void; readonly until: Promise<void> } | undefined

  constructor(store: Store) {
    this.#store = store
  }

  hold(table: Table): Held {
    let [onRead, say, fail] = [(): void => undefined, (): void => undefined, (_error: Error): void => undefined]
    const hasRead = new Promise<void>((resolve) => { onRead = resolve })
    const until = new Promise<void>((resolve, reject) => { [say, fail] = [resolve, reject] })
    this.#held = { table, onRead, until }
    return { hasRead, say, fail }
  }

  async get(table: Table, key: string): Promise<Uint8Array | undefined> {
    return this.#after(table, await this.#store.get(table, key))
  }

  async list(table: Table, range: Range): Promise<readonly Entry[]> {
    return this.#after(table, await this.#store.list(table, range))
  }

  exclusive<T>(work: () => Promise<T>): Promise<T> {
    return this.#store.exclusive(work)
  }

  version(name: string): Promise<number> {
    return this.#store.version(name)
  }

  write(changes: readonly Change[], guard?: Guard): Promise<void> {
    return this.#store.write(changes, guard)
  }

  close(): Promise<void> {
    return this.#store.close()
  }

  async #after<T>(table: Table, found: T): Promise<T> {
    const held = this.#held
    if (held?.table !== table) return found
    this.#held = undefined
    held.onRead()
    await held.until
    return found
  }
}

/** Ada on a slow device, and what her worker reads with. */
const startSlowly = async (t: TestContext) => {
  const folder = mkdtempSync(join(tmpdir(), 'famichat-readings-'))
  const server = await startServer({ dataDir: join(folder, 'server'), port: 0, logTo: new PassThrough().resume() })
  const enter = (link: string, name: string, store: Store): Promise<Client> => Client.join({ ...nodePlatform, store }, link, name)
  const storeOf = (name: string): Store => openSqliteStore({ folder: join(folder, name) })
  const store = new SlowStore(storeOf('ada'))
  const ada = await enter(server.setupLink ?? '', 'Ada', store)
  const clients = [ada]
  const joinBen = async (): Promise<Client> => {
    const ben = await enter((await ada.invite()).link, 'Ben', storeOf('ben'))
    clients.push(ben)
    return ben
  }
  t.after(async () => {
    for (const client of clients) await client.close()
    await server.close()
    rmSync(folder, { recursive: true, force: true })
  })
  const names = new Names(ada)
  return { ada, store, names, timelines: new Timelines(ada, names, () => undefined), joinBen }
}

const saidIn = async (timelines: Timelines, conversationId: Parameters<Timelines['entries']>[0]): Promise<readonly string[]> =>
  (await timelines.entries(conversationId, 0)).flatMap((entry) => (entry.kind === 'message' && entry.body.type === 'text' ? [entry.body.text] : []))

test('a message that is written while its conversation is read is there for whoever asks next, and not only after a further one', async (t) => {
  const { ada, store, timelines } = await startSlowly(t)
  const { conversationId } = await ada.createSelf()
  await ada.send(conversationId, { type: 'text', body: 'the last but one' })
  const held = store.hold('history')
  const early = saidIn(timelines, conversationId)
  await held.hasRead
  await ada.send(conversationId, { type: 'text', body: 'the newest' })
  // as the session does with every write
  timelines.forget(conversationId)
  held.say()
  await early
  assert.deepEqual(await saidIn(timelines, conversationId), ['the last but one', 'the newest'])
})

test('somebody who comes in while the name is looked up has a name for whoever asks next, not an id', async (t) => {
  const { ada, store, names, joinBen } = await startSlowly(t)
  const ben = await joinBen()
  const held = store.hold('names')
  const early = names.person(ben.identity.accountId)
  await held.hasRead
  await ada.sync()
  names.forget()
  held.say()
  await early
  assert.equal((await names.person(ben.identity.accountId)).name, 'Ben')
})

test('a reading that did not succeed is made anew for whoever asks next', async (t) => {
  const { ada, store, timelines } = await startSlowly(t)
  const { conversationId } = await ada.createSelf()
  await ada.send(conversationId, { type: 'text', body: 'still here' })
  const failure = new Error('the disk is busy')
  const held = store.hold('history')
  const early = saidIn(timelines, conversationId)
  await held.hasRead
  held.fail(failure)
  await assert.rejects(early, failure)
  assert.deepEqual(await saidIn(timelines, conversationId), ['still here'])
})
