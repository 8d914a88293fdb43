/**
 * The stored form is a promise to groups that already exist: what format 1 wrote once is opened for ever, and written the same.
 * A change of the rows raises FORMAT in stored.ts and adds a golden file: `WRITE_GOLDEN=1 npm test -- stored-format` writes today's.
 */
import { deepEqual, equal } from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { test } from 'node:test'
import { fromHex, present, Secret, toHex, utf8 } from '@famichat/base'
import { decodeKeyPackageBundle, encodeKeyPackageBundle, makeRemove } from '@famichat/mls'
import { FORMAT } from '../dist/group/stored.js'
import { commitAll, groupOf, keyPackageOf, makePerson, type Person, readText, RowStore } from './builders.js'

interface Golden {
  readonly rows: Readonly<Record<string, string>>
  readonly keyPackageBundle: string
  /** Messages the stored member has not read: of an epoch that is past, of a key it skipped, of the current epoch. */
  readonly unread: Readonly<Record<string, string>>
  readonly epochAuthenticator: string
}

const SEED = 1420
const fileOf = (format: number): string => fileURLToPath(new URL(`../test/stored-format-${format.toString()}.json`, import.meta.url))

/** Bob, with a bit of everything in his rows: skipped keys, a past epoch, a cached proposal, his own pending commit. */
const today = async (): Promise<{ readonly bob: Person; readonly golden: Golden }> => {
  const [alice, bob, carol] = await groupOf(3, { seed: SEED })
  if (alice === undefined || bob === undefined || carol === undefined) throw new TypeError('a group of three has three seats')
  const store = new RowStore()
  const skipped = await alice.group.protect(utf8('skipped'))
  await bob.group.process(await alice.group.protect(utf8('read')))
  const past = await carol.group.protect(utf8('past'))
  await commitAll(carol, [alice, bob])
  const current = await alice.group.protect(utf8('current'))
  await bob.group.process(await carol.group.propose(makeRemove(alice.group.ownLeaf)))
  await bob.group.commit()
  store.save(bob.group)
  const bundle = await keyPackageOf(await makePerson('dave', { seed: SEED }))
  return {
    bob: bob.person,
    golden: {
      rows: Object.fromEntries([...store.rows].map(([key, value]): [string, string] => [key, toHex(value)]).sort()),
      keyPackageBundle: toHex(encodeKeyPackageBundle(bundle).expose()),
      unread: { skipped: toHex(skipped), past: toHex(past), current: toHex(current) },
      epochAuthenticator: toHex(bob.group.epochAuthenticator),
    },
  }
}

const { bob, golden: written } = await today()
if (process.env.WRITE_GOLDEN === '1') writeFileSync(fileOf(FORMAT), `${JSON.stringify(written, undefined, 1)}\n`)

test('the engine writes the rows that this format always had: another form needs another number', () => {
  deepEqual(written, JSON.parse(readFileSync(fileOf(FORMAT), 'utf8')))
})

for (let format = 1; format <= FORMAT; format++) {
  if (!existsSync(fileOf(format))) throw new Error(`stored-format-${format.toString()}.json is missing: groups of that format exist`)
  test(`a member stored in format ${format.toString()} goes on where it was`, async () => {
    const golden = JSON.parse(readFileSync(fileOf(format), 'utf8')) as Golden
    const store = new RowStore()
    for (const [key, value] of Object.entries(golden.rows)) store.rows.set(key, fromHex(value))
    const group = store.restore(bob)
    equal(toHex(group.epochAuthenticator), golden.epochAuthenticator)
    for (const text of ['skipped', 'past', 'current']) equal(await readText(group, fromHex(present(golden.unread[text], text))), text)
    group.merge(present(group.pendingCommit, 'bob had a commit pending'))
    equal(group.members.length, 2)
    decodeKeyPackageBundle(group.cipherSuite, new Secret(fromHex(golden.keyPackageBundle)))
  })
}
