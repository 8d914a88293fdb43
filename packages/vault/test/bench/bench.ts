/**
 * What encrypted columns cost: a value sealed and opened, an index value made, and whole queries with the plugin beside the
 * same queries without it, in turns on one database.
 */
import { performance } from 'node:perf_hooks'
import type { Kysely } from 'kysely'
import { SealedColumnsPlugin, Vault } from '@famichat/vault'
import { COLUMNS, heldRing, NAME, NOTE, openBook, seededRing, type Tables } from '../support/tables.js'

/** Nanoseconds, of the fastest round: others' work on the machine only ever adds. */
export interface ValueFigures {
  readonly characters: number
  readonly sealNs: number
  readonly openNs: number
  readonly indexNs: number
}

/** Microseconds of one query, of the fastest round, without the plugin and with it. */
export interface QueryFigures {
  readonly query: string
  readonly plainUs: number
  readonly sealedUs: number
}

/** How much is measured. */
export interface BenchSize {
  readonly rounds: number
  readonly values: number
  readonly rows: number
}

/** A book whose vault takes its nonces from the system, as real ones do. */
const realBook = () => {
  const book = openBook(heldRing(seededRing(7)))
  const vault = new Vault({ columns: COLUMNS, keys: () => book.holder.ring() })
  return { ...book, vault, db: book.raw.withPlugin(new SealedColumnsPlugin(vault)) }
}

const fastest = (rounds: number, count: number, run: (round: number) => void): number =>
  Math.min(...Array.from({ length: rounds }, (_, round) => {
    const started = performance.now()
    run(round)
    return (performance.now() - started) * 1e6 / count
  }))

/** Values of some lengths. */
export const measureValues = ({ rounds, values }: BenchSize): readonly ValueFigures[] => {
  const { vault, sqlite } = realBook()
  try {
    return [16, 64, 1024].map((characters) => {
      const clear = 'x'.repeat(characters)
      let sealed = ''
      const sealNs = fastest(rounds, values, () => { for (let i = 0; i < values; i++) sealed = vault.seal(NOTE, 'row', clear) })
      const openNs = fastest(rounds, values, () => { for (let i = 0; i < values; i++) vault.open(NOTE, 'row', sealed) })
      const indexNs = fastest(rounds, values, () => { for (let i = 0; i < values; i++) vault.indexValue(NAME, clear) })
      return { characters, sealNs, openNs, indexNs }
    })
  } finally {
    sqlite.close()
  }
}

type Query = (db: Kysely<Tables>, at: number) => Promise<unknown>

const nameOf = (at: number): string => `person number ${at.toString()}`

/** What programs ask; the table has an index on the clear name and on the blind index alike. */
const queries = (rows: number): Readonly<Record<string, Query>> => ({
  'insert one row, two encrypted columns': (db, at) => db.insertInto('people').values({ person_id: `new ${at.toString()}`, name: nameOf(rows + at), note: 'a short note', age: 40 }).execute(),
  'select one row by its id': (db, at) => db.selectFrom('people').select(['person_id', 'name', 'note', 'age']).where('person_id', '=', `p${(at % rows).toString()}`).execute(),
  'select one row by an encrypted value': (db, at) => db.selectFrom('people').select(['person_id', 'age']).where('name', '=', nameOf(at % rows)).execute(),
  'select a hundred rows': (db) => db.selectFrom('people').select(['person_id', 'name', 'note', 'age']).limit(100).execute(),
  'update an encrypted column': (db, at) => db.updateTable('people').set({ note: 'another note' }).where('person_id', '=', `p${(at % rows).toString()}`).execute(),
  'select columns that are not encrypted': (db, at) => db.selectFrom('people').select(['age']).where('person_id', '=', `p${(at % rows).toString()}`).execute(),
})

/** The same queries on two databases alike, one in clear. */
export const measureQueries = async ({ rounds, rows }: BenchSize): Promise<readonly QueryFigures[]> => {
  const books = [realBook(), realBook()] as const
  const [plain, sealed] = [books[0].raw, books[1].db]
  try {
    for (const { sqlite } of books) sqlite.exec('CREATE INDEX people_by_clear_name ON people (name)')
    for (const db of [plain, sealed]) {
      for (let at = 0; at < rows; at++) await db.insertInto('people').values({ person_id: `p${at.toString()}`, name: nameOf(at), note: 'a short note', age: 40 }).execute()
    }
    const figures: QueryFigures[] = []
    for (const [query, run] of Object.entries(queries(rows))) {
      const best = [Infinity, Infinity]
      for (let round = 0; round < rounds; round++) {
        for (const [which, db] of [plain, sealed].entries()) {
          const started = performance.now()
          for (let i = 0; i < QUERIES_PER_ROUND; i++) await run(db, round * QUERIES_PER_ROUND + i)
          best[which] = Math.min(best[which] ?? Infinity, (performance.now() - started) * 1000 / QUERIES_PER_ROUND)
        }
      }
      figures.push({ query, plainUs: best[0] ?? 0, sealedUs: best[1] ?? 0 })
    }
    return figures
  } finally {
    for (const { sqlite } of books) sqlite.close()
  }
}

/** Short rounds: the fastest of many was disturbed by nobody. */
const QUERIES_PER_ROUND = 10
