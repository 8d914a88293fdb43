/**
 * S37: rotations killed (`kill -9`) at random points while a second process goes on reading and writing. Every row must
 * stay readable all the time, a rotation started again must finish, and a key may go only when no value needs it.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isCodedError, systemRandom } from '@famichat/base'
import { insecureSeededRandom, randomBelow } from '@famichat/base/testing'
import { dropKey, holdKeyRing, readStatus } from '@famichat/vault'
import { type Book, openBook } from '../support/tables.js'

export interface KillPlan {
  readonly kills: number
  readonly seed: number
  readonly people: number
  readonly onKill?: (kill: number) => void
}

/** What was counted. */
export interface KillFigures {
  readonly rotations: number
  readonly reads: number
  readonly writes: number
  /** All of these must be 0. */
  readonly wrong: Readonly<Record<'rows read wrongly' | 'rows not found by name' | 'keys dropped while in use' | 'rows left under old keys', number>>
}

/** Kills rotations until there were so many kills. */
export const killRotations = async ({ kills, seed, people, onKill }: KillPlan): Promise<KillFigures> => {
  const folder = mkdtempSync(join(tmpdir(), 'famichat-rotation-'))
  const [path, keyPath] = [join(folder, 'book.db'), join(folder, 'fields.key')]
  const random = insecureSeededRandom(seed)
  try {
    const book = openBook(holdKeyRing({ path: keyPath, dataExists: false, random: systemRandom }), { path, seed })
    const reader = new Reader(book, people, random)
    await reader.fill()
    let rotations = 0
    let [droppedInUse, left] = [0, 0]
    for (let kill = 0; kill < kills;) {
      book.holder.replace(book.holder.ring().withNewKey(systemRandom))
      for (let isFinished = false; !isFinished;) {
        // somewhere in the rotation, or not at all once there were kills enough
        const killAfter = kill < kills ? randomBelow(random, Math.ceil(people / 2)) : Infinity
        isFinished = await rotateUntil(path, keyPath, killAfter, () => reader.act())
        if (!isFinished) kill++
        if (!isFinished) onKill?.(kill)
        await reader.readAll()
        if (!isFinished && await isDropped(book)) droppedInUse++
      }
      rotations++
      const [first, ...old] = book.holder.ring().keyIds
      for (const { keys, unsealedRows } of await readStatus(book.raw, book.vault)) {
        left += unsealedRows + keys.filter(({ keyId }) => keyId !== first).reduce((sum, { rows }) => sum + rows, 0)
      }
      for (const keyId of old) await dropKey({ ...book, keyId })
      await reader.readAll()
    }
    book.sqlite.close()
    const { reads, writes, unreadable, notFound } = reader
    return {
      rotations, reads, writes,
      wrong: { 'rows read wrongly': unreadable, 'rows not found by name': notFound, 'keys dropped while in use': droppedInUse, 'rows left under old keys': left },
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** @returns true when the rotation ended by itself */
const rotateUntil = async (path: string, keyPath: string, killAfter: number, meanwhile: () => Promise<void>): Promise<boolean> => {
  const child = spawn(process.execPath, [new URL('./rotating.js', import.meta.url).pathname, path, keyPath], { stdio: ['ignore', 'pipe', 'inherit'] })
  let ended: readonly [number | null, string | null] | undefined
  void once(child, 'exit').then(([code, signal]) => { ended = [code as number | null, signal as string | null] })
  let lines = 0
  child.stdout.on('data', (chunk: Buffer) => {
    lines += chunk.length / 2
    if (lines > killAfter) child.kill('SIGKILL')
  })
  while (ended === undefined) {
    await meanwhile()
    await new Promise((resolve) => { setImmediate(resolve) })
  }
  const [code, signal] = ended
  if (code !== 0 && signal !== 'SIGKILL') throw new Error(`the rotation ended with ${String(code ?? signal)}`)
  return code === 0
}

/** While rows are under an old key, dropping it must be refused; when the kill came after the last row, it may succeed. */
const isDropped = async (book: Book): Promise<boolean> => {
  const [first, old] = book.holder.ring().keyIds
  if (old === undefined) return false
  const inUse = (await readStatus(book.raw, book.vault)).some(({ keys }) => keys.some(({ keyId }) => keyId === old))
  if (!inUse || first === old) return false
  try {
    await dropKey({ ...book, keyId: old })
    return true
  } catch (error) {
    if (isCodedError(error, 'vault.key.in_use')) return false
    throw error
  }
}

/** The process that serves meanwhile: it knows what each row must say. */
class Reader {
  reads = 0
  writes = 0
  unreadable = 0
  notFound = 0
  readonly #book: Book
  readonly #random: (length: number) => Uint8Array
  readonly #names: string[]

  constructor(book: Book, people: number, random: (length: number) => Uint8Array) {
    this.#book = book
    this.#random = random
    this.#names = Array.from({ length: people }, (_, i) => `Name ${i}`)
  }

  async fill(): Promise<void> {
    for (const [i, name] of this.#names.entries()) {
      await this.#book.db.insertInto('people').values({ person_id: `p${i}`, name, note: `note ${i}`, age: i }).execute()
    }
  }

  /** Reads one row, finds one, writes one. */
  async act(): Promise<void> {
    await this.#read(randomBelow(this.#random, this.#names.length))
    const i = randomBelow(this.#random, this.#names.length)
    const name = `Changed ${this.writes++} ${i}`
    await this.#book.db.updateTable('people').set({ name }).where('person_id', '=', `p${i}`).execute()
    this.#names[i] = name
  }

  async readAll(): Promise<void> {
    for (let i = 0; i < this.#names.length; i++) await this.#read(i)
  }

  async #read(i: number): Promise<void> {
    this.reads++
    const row = await this.#book.db.selectFrom('people').select(['name', 'note']).where('person_id', '=', `p${i}`).executeTakeFirst().catch(() => undefined)
    if (row?.name !== this.#names[i] || row?.note !== `note ${i}`) this.unreadable++
    const found = await this.#book.db.selectFrom('people').select('person_id').where('name', '=', this.#names[i] ?? '').executeTakeFirst()
    if (found?.person_id !== `p${i}`) this.notFound++
  }
}
