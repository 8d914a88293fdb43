/**
 * The contract of a Store, as cases that run in Node and in a page: it imports nothing that either lacks.
 */
import type { Entry, Store } from '@famichat/client'

/** One sentence of the contract. `open` opens the same profile each time; a case closes what it opened. */
export interface StoreCase {
  readonly name: string
  readonly run: (open: () => Promise<Store>) => Promise<void>
}

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values)
const shown = (entries: readonly Entry[]): string => entries.map(({ key, value }) => `${key}=${value.join('.')}`).join(' ')

const expectEqual = (actual: unknown, expected: unknown): void => {
  const [found, wanted] = [JSON.stringify(actual), JSON.stringify(expected)]
  if (found !== wanted) throw new Error(`found ${found}, expected ${wanted}`)
}

const expectCode = async (work: Promise<unknown>, code: string): Promise<void> => {
  const outcome = await work.then(() => 'no error', (error: unknown) => (error instanceof Error && 'code' in error ? String(error.code) : String(error)))
  expectEqual(outcome, code)
}

const using = (work: (store: Store) => Promise<void>): StoreCase['run'] => async (open) => {
  const store = await open()
  try {
    await work(store)
  } finally {
    await store.close()
  }
}

/** Every case; each runs on an empty profile. */
export const STORE_CASES: readonly StoreCase[] = [
  {
    name: 'what was written is there when the profile is opened again',
    run: async (open) => {
      await using((store) => store.write([{ table: 'profile', key: 'identity', value: bytes(1, 2, 3) }, { table: 'names', key: 'a', value: bytes() }]))(open)
      await using(async (store) => {
        expectEqual([...await store.get('profile', 'identity') ?? []], [1, 2, 3])
        expectEqual((await store.get('names', 'a'))?.length, 0)
        expectEqual(await store.get('names', 'b'), undefined)
      })(open)
    },
  },
  {
    name: 'a list has the keys with a prefix in order, after a key, up to a limit',
    run: using(async (store) => {
      const keys = ['b/1', 'a/2', 'a/10', 'a/1', 'a', 'a0']
      await store.write(keys.map((key, at) => ({ table: 'history', key, value: bytes(at) })))
      expectEqual(shown(await store.list('history', { prefix: 'a/' })), 'a/1=3 a/10=2 a/2=1')
      expectEqual(shown(await store.list('history', { prefix: 'a/', after: 'a/1' })), 'a/10=2 a/2=1')
      expectEqual(shown(await store.list('history', { prefix: 'a/', after: 'a', limit: 2 })), 'a/1=3 a/10=2')
      expectEqual(shown(await store.list('history', { prefix: 'a/', after: 'b' })), '')
      expectEqual(shown(await store.list('history', { prefix: '', limit: 0 })), '')
      expectEqual((await store.list('history', { prefix: '' })).length, keys.length)
      expectEqual(shown(await store.list('outbox', { prefix: '' })), '')
    }),
  },
  {
    name: 'a value replaces the one before, and undefined deletes',
    run: using(async (store) => {
      await store.write([{ table: 'names', key: 'a', value: bytes(1) }, { table: 'names', key: 'b', value: bytes(1) }])
      await store.write([{ table: 'names', key: 'a', value: bytes(2) }, { table: 'names', key: 'b', value: undefined }, { table: 'names', key: 'c', value: undefined }])
      expectEqual(shown(await store.list('names', { prefix: '' })), 'a=2')
    }),
  },
  {
    name: 'of two changes of one key the later one counts',
    run: using(async (store) => {
      await store.write([{ table: 'names', key: 'a', value: bytes(1) }, { table: 'names', key: 'a', value: undefined }, { table: 'names', key: 'a', value: bytes(3) }])
      expectEqual(shown(await store.list('names', { prefix: '' })), 'a=3')
    }),
  },
  {
    name: 'a guarded write moves its version by one; a stale one writes nothing',
    run: using(async (store) => {
      expectEqual(await store.version('x'), 0)
      await store.write([{ table: 'names', key: 'a', value: bytes(1) }], { name: 'x', version: 0 })
      expectEqual(await store.version('x'), 1)
      await expectCode(store.write([{ table: 'names', key: 'a', value: bytes(2) }], { name: 'x', version: 0 }), 'client.store.stale')
      expectEqual(shown(await store.list('names', { prefix: '' })), 'a=1')
      expectEqual([await store.version('x'), await store.version('y')], [1, 0])
    }),
  },
  {
    name: 'bytes that went in or came out can be changed without changing what is stored',
    run: using(async (store) => {
      const value = bytes(7, 7)
      await store.write([{ table: 'names', key: 'a', value }])
      value.fill(0)
      const read = await store.get('names', 'a')
      read?.fill(1)
      read?.slice().fill(2)
      expectEqual(shown(await store.list('names', { prefix: '' })), 'a=7.7')
    }),
  },
  {
    name: 'turns come one at a time in the order of asking, and a turn that fails ends',
    run: using(async (store) => {
      const steps: string[] = []
      const turn = (name: string) => store.exclusive(async () => {
        steps.push(`${name} begins`)
        await store.write([{ table: 'names', key: name, value: bytes(1) }])
        steps.push(`${name} ends`)
        if (name === 'b') throw new Error('b failed')
      })
      const results = await Promise.allSettled([turn('a'), turn('b'), turn('c')])
      expectEqual(results.map(({ status }) => status), ['fulfilled', 'rejected', 'fulfilled'])
      expectEqual(steps, ['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends'])
    }),
  },
  {
    name: 'two that have the profile open see what the other wrote, and take turns',
    run: async (open) => {
      const [one, two] = [await open(), await open()]
      const count = async (store: Store): Promise<void> => store.exclusive(async () => {
        const [before = 0] = await store.get('names', 'count') ?? []
        await store.write([{ table: 'names', key: 'count', value: bytes(before + 1) }])
      })
      await Promise.all(Array.from({ length: 10 }, (_, at) => count(at % 2 === 0 ? one : two)))
      expectEqual([...await one.get('names', 'count') ?? []], [10])
      await two.write([], { name: 'x', version: 0 })
      expectEqual(await one.version('x'), 1)
      await one.close()
      await two.close()
    },
  },
]
