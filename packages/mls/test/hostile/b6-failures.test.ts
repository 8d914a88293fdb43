/**
 * mls-validation.md C23: whatever fails inside, and wherever, the state stays whole. Every call to a signer, to a primitive
 * of the backend and to the application is made to fail once, one after another.
 */
import { equal, ok, rejects } from 'node:assert/strict'
import { test } from 'node:test'
import { present, utf8 } from '@famichat/base'
import { Group, type GroupConfig, makeAdd, makeExternalPsk, makeRemove, type Signer } from '@famichat/mls'
import type { CryptoBackend } from '../../dist/crypto/backend.js'
import { toLeafIndex } from '../../dist/tree/math.js'
import { commitAll, groupOf, keyPackageOf, makePerson, type Person, RowStore, type Seat, stagedBy } from '../builders.js'
import { agree, honestCommitPasses, honestMessagePasses, restoredFrom, rowsOf, stateDigest } from './assertions.js'

class Injected extends Error {}

/** Counts calls, and lets one of them fail. */
class Fuse {
  calls = 0
  #failAt = Number.POSITIVE_INFINITY

  arm(call: number): void {
    this.calls = 0
    this.#failAt = call
  }

  pass(): void {
    if (this.calls++ === this.#failAt) throw new Injected('injected failure')
  }

  /** The same object, each of whose methods may fail. */
  wrap<T extends object>(target: T): T {
    return new Proxy(target, {
      get: (object, name): unknown => {
        const value: unknown = Reflect.get(object, name, object)
        if (typeof value !== 'function') return value
        return (...given: readonly unknown[]): unknown => {
          this.pass()
          return Reflect.apply(value, object, given)
        }
      },
    })
  }
}

/** A person's configuration and signer, every part of which can fail. */
const fused = (person: Person, fuse: Fuse): { readonly config: GroupConfig; readonly signer: Signer } => {
  const { backend } = person.config
  const parts: CryptoBackend = {
    name: backend.name,
    hash: (name) => fuse.wrap(backend.hash(name)),
    aead: (name) => fuse.wrap(backend.aead(name)),
    curve: (name) => fuse.wrap(backend.curve(name)),
    signature: (name) => fuse.wrap(backend.signature(name)),
  }
  return {
    config: { ...person.config, backend: parts, authentication: fuse.wrap(person.config.authentication), psks: fuse.wrap(person.config.psks ?? { external: () => undefined }) },
    signer: fuse.wrap(person.signer),
  }
}

/** The same member, restored with parts that can fail. */
const seatWith = (seat: Seat, fuse: Fuse): Seat => {
  const { config, signer } = fused(seat.person, fuse)
  const person = { ...seat.person, config, signer }
  const store = new RowStore()
  for (const [key, row] of rowsOf(seat.group).rows) store.rows.set(key, row)
  const group = store.restore(person)
  restoredFrom(group, store)
  return { person, group }
}

/** Lets each call inside `act` fail in turn; `act` works in the end. Every call is tried up to 60, then one in seven. */
const failEverywhere = async (seat: Seat, fuse: Fuse, act: (group: Group) => Promise<unknown>): Promise<number> => {
  let failures = 0
  for (let call = 0; ; call += call < 60 ? 1 : 7) {
    const before = stateDigest(seat.group)
    fuse.arm(call)
    try {
      await act(seat.group)
      fuse.arm(Number.POSITIVE_INFINITY)
      return failures
    } catch (error) {
      ok(error instanceof Error && (error instanceof Injected || error.cause !== undefined || 'code' in error), 'only the injected failure comes out')
      failures++
    }
    fuse.arm(Number.POSITIVE_INFINITY)
    equal(stateDigest(seat.group), before, `call ${call.toString()} failed and changed the state`)
  }
}

const three = async (): Promise<[Seat, Seat, Seat]> => {
  const seats = await groupOf(3) as [Seat, Seat, Seat]
  for (const { person } of seats) person.psks.set('shared', utf8('secret'))
  for (const seat of seats) await commitAll(seat, seats.filter((other) => other !== seat))
  return seats
}

test('C23 keeps the old state whatever fails while a commit is processed (receive)', async () => {
  const [alice, bob, carol] = await three()
  const fuse = new Fuse()
  const fragile = seatWith(bob, fuse)
  const { keyPackage } = await keyPackageOf(await makePerson('dave'))
  const proposals = [makeAdd(keyPackage), makeRemove(carol.group.ownLeaf), makeExternalPsk(alice.person.suite, utf8('shared'))]
  const { commit, staged } = await alice.group.commit({ proposals })
  const failures = await failEverywhere(fragile, fuse, (group) => stagedBy(group, commit))
  ok(failures > 60)
  fragile.group.merge(await stagedBy(fragile.group, commit))
  alice.group.merge(staged)
  agree(alice, fragile)
})

test('C23 keeps the old state whatever fails while a message is read (receive)', async () => {
  const [alice, bob] = await three()
  const fuse = new Fuse()
  const fragile = seatWith(bob, fuse)
  const message = await alice.group.protect(utf8('fragile'))
  ok(await failEverywhere(fragile, fuse, (group) => group.process(message)) > 10)
  await honestMessagePasses(alice, fragile)
})

test('C23 keeps the old state whatever fails while a commit is made; only the key that encrypts it is lost (own creation)', async () => {
  const [alice, bob, carol] = await three()
  const fuse = new Fuse()
  const fragile = seatWith(alice, fuse)
  const proposals = [makeAdd((await keyPackageOf(await makePerson('dave'))).keyPackage), makeExternalPsk(alice.person.suite, utf8('shared'))]
  let failures = 0
  for (let call = 0; ; call += call < 60 ? 1 : 7) {
    const before = fragile.group.epochAuthenticator.join()
    fuse.arm(call)
    const made = await fragile.group.commit({ proposals }).catch((error: unknown) => error)
    fuse.arm(Number.POSITIVE_INFINITY)
    if (!(made instanceof Error)) break
    equal(fragile.group.epochAuthenticator.join(), before)
    equal(fragile.group.pendingCommit, undefined)
    failures++
  }
  ok(failures > 60)
  const pending = fragile.group.pendingCommit
  if (pending === undefined) throw new TypeError('the commit was made in the end')
  fragile.group.discard(pending)
  await honestCommitPasses(fragile, bob, carol)
})

test('C23 uses no key twice when signing fails after the key was taken (own creation)', async () => {
  const [alice, bob] = await three()
  const failing: Signer = { publicKey: alice.person.signer.publicKey, sign: () => { throw new Injected('no signature today') } }
  const store = new RowStore()
  for (const [key, row] of rowsOf(alice.group).rows) store.rows.set(key, row)
  const unlucky = Group.restore({ config: alice.person.config, signer: failing, rows: store.all() })
  for (let time = 0; time < 3; time++) await rejects(unlucky.protect(utf8('never sent')), Injected)
  await rejects(unlucky.commit(), Injected)
  await rejects(unlucky.proposeUpdate(), Injected)
  equal(unlucky.pendingProposals.length + (unlucky.pendingCommit === undefined ? 0 : 1), 0)
  store.save(unlucky)
  const later = { person: alice.person, group: store.restore(alice.person) }
  const processed = await bob.group.process(await later.group.protect(utf8('the fourth key')))
  equal(processed.kind === 'application' && processed.generation, 3)
})

test('C23 leaves nothing behind when a join fails anywhere, and the KeyPackage joins in the end (join)', async () => {
  const [alice, bob, carol] = await three()
  const dave = await makePerson('dave')
  const bundle = await keyPackageOf(dave)
  const { welcome } = await commitAll(alice, [bob, carol], { proposals: [makeAdd(bundle.keyPackage)] })
  const fuse = new Fuse()
  const parts = fused(dave, fuse)
  let joined: Group | undefined
  let failures = 0
  for (let call = 0; joined === undefined; call += call < 60 ? 1 : 7) {
    fuse.arm(call)
    await Group.join({ ...parts, welcome: present(welcome, 'there are newcomers'), keyPackages: [bundle] }).then(({ group }) => { joined = group }, () => { failures++ })
  }
  fuse.arm(Number.POSITIVE_INFINITY)
  ok(failures > 20)
  equal(bundle.initPrivateKey.isWiped || bundle.encryptionPrivateKey.isWiped, false)
  agree(alice, { person: dave, group: joined })
  equal(joined.ownLeaf, toLeafIndex(3))
})
