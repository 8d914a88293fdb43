/**
 * Random groups: after every accepted commit all members agree, each member's tree passes a joiner's validation, and a
 * fresh member can join (issue: commit path and join path share one validator).
 */
import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import { utf8 } from '@famichat/base'
import { insecureSeededRandom, randomBelow } from '@famichat/base/testing'
import {
  type CommitRequest, Group, makeAdd, makeCapabilities, makeExternalPsk, makeGroupContextExtensions, makeRemove, makeResumptionPsk, type Proposal,
} from '@famichat/mls'
import { receivingTime, resolveConfig } from '../../dist/group/config.js'
import { currentRules } from '../../dist/group/membership.js'
import { validateTree } from '../../dist/validate/tree.js'
import { createGroup, keyPackageOf, makePerson, type Person, readText, type Seat, stagedBy } from '../builders.js'
import { agree } from './assertions.js'
import { insiderOf } from './forge.js'

const MAX_MEMBERS = 12
const COMMITS = 14
const EXTENSION = 0xf0f0

/** One group and the dice that drive it. */
class Schedule {
  seats: readonly Seat[] = []
  readonly #below: (count: number) => number
  readonly #suiteId: number
  #named = 0

  constructor(seed: number, suiteId: number) {
    const random = insecureSeededRandom(seed)
    this.#below = (count) => randomBelow(random, count)
    this.#suiteId = suiteId
  }

  async start(): Promise<void> {
    const person = await this.#person()
    this.seats = [{ person, group: await createGroup(person) }]
  }

  async step(): Promise<void> {
    if (this.seats.length > 1 && this.#below(6) === 0) await this.#externalJoin()
    else await this.#commit()
    await this.#check()
  }

  #person(): Promise<Person> {
    const capabilities = makeCapabilities(() => Uint8Array.of(this.#below(256)), { extensions: [EXTENSION] })
    return makePerson(`person ${(this.#named++).toString()}`, {
      suiteId: this.#suiteId, leaf: { capabilities }, policy: { acceptExternalCommits: true, acceptPublicHandshakes: true, handshakes: this.#below(2) === 0 ? 'public' : 'private' },
    })
  }

  #pick(): Seat {
    const seat = this.seats[this.#below(this.seats.length)]
    if (seat === undefined) throw new TypeError('there is always a member')
    return seat
  }

  async #commit(): Promise<void> {
    const committer = this.#pick()
    const others = this.seats.filter((seat) => seat !== committer)
    const untouched = [...others]
    const newcomers: { person: Person; bundle: Awaited<ReturnType<typeof keyPackageOf>> }[] = []
    const removed = new Set<Seat>()
    // a newcomer has no resumption PSK of an epoch before it came
    const allowAdds = this.#below(3) > 0
    const make = async (): Promise<Proposal | undefined> => {
      const kind = this.#below(6)
      if (kind <= 1 && allowAdds && this.seats.length + newcomers.length < MAX_MEMBERS) {
        const person = await this.#person()
        const bundle = await keyPackageOf(person)
        newcomers.push({ person, bundle })
        return makeAdd(bundle.keyPackage)
      }
      if (kind === 2 && untouched.length > 1) {
        const [target] = untouched.splice(this.#below(untouched.length), 1)
        if (target === undefined) return undefined
        removed.add(target)
        return makeRemove(target.group.ownLeaf)
      }
      if (kind === 3) {
        const id = `psk ${this.#below(3).toString()}`
        for (const { person } of [...this.seats, ...newcomers]) person.psks.set(id, utf8(`secret of ${id}`))
        return makeExternalPsk(committer.person.suite, utf8(id))
      }
      if (kind === 4 && !allowAdds) return makeResumptionPsk(committer.person.suite, committer.group.groupId, committer.group.epoch)
      return undefined
    }
    const byValue: Proposal[] = []
    for (let count = this.#below(4); count > 0; count--) {
      const proposal = await make()
      if (proposal === undefined) continue
      const proposer = this.#pick()
      if (this.#below(2) === 0 && !removed.has(proposer)) await this.#tell(proposer, await proposer.group.propose(proposal))
      else byValue.push(proposal)
    }
    const updater = untouched[this.#below(untouched.length + 1)]
    if (updater !== undefined) await this.#tell(updater, await updater.group.proposeUpdate())
    if (this.#below(5) === 0) byValue.push(makeGroupContextExtensions([{ extensionType: EXTENSION, extensionData: Uint8Array.of(this.#below(256)) }]))
    for (const { person } of newcomers) for (const [id, psk] of committer.person.psks) person.psks.set(id, psk)
    const request: CommitRequest = { proposals: byValue, withPath: this.#below(3) > 0 }
    const { commit, welcome, staged } = await committer.group.commit(request)
    for (const seat of others) seat.group.merge(await stagedBy(seat.group, commit))
    committer.group.merge(staged)
    const joined = await Promise.all(newcomers.map(async ({ person, bundle }): Promise<Seat> => {
      const { group } = await Group.join({ config: person.config, signer: person.signer, welcome: welcome ?? new Uint8Array(0), keyPackages: [bundle] })
      return { person, group }
    }))
    for (const { group } of removed) equal(group.status, 'removed')
    this.seats = [...this.seats.filter((seat) => !removed.has(seat)), ...joined]
  }

  async #tell(sender: Seat, message: Uint8Array): Promise<void> {
    for (const seat of this.seats) if (seat !== sender) await seat.group.process(message)
  }

  /** A newcomer, or a member that lost its state. */
  async #externalJoin(): Promise<void> {
    const helper = this.#pick()
    const lost = this.#below(2) === 0 ? this.seats.find((seat) => seat !== helper) : undefined
    if (lost === undefined && this.seats.length >= MAX_MEMBERS) return
    const person = lost?.person ?? await this.#person()
    const groupInfo = await helper.group.groupInfo({ withTree: true, withExternalPub: true })
    const { group, commit } = await Group.joinExternal({
      config: person.config, signer: person.signer, groupInfo, leaf: person.leaf, ...(lost ? { removes: lost.group.ownLeaf } : {}),
    })
    const rest = this.seats.filter((seat) => seat !== lost)
    for (const seat of rest) seat.group.merge(await stagedBy(seat.group, commit))
    this.seats = [...rest, { person, group }]
  }

  async #check(): Promise<void> {
    agree(...this.seats)
    for (const seat of this.seats) {
      const { state, epoch } = insiderOf(seat)
      const config = resolveConfig(seat.person.config)
      await validateTree(currentRules({ config, signer: seat.person.signer, state }, receivingTime(config)), epoch.tree, epoch.context)
    }
    await this.#freshMemberJoins()
    const [sender, receiver] = [this.#pick(), this.#pick()]
    if (sender === receiver) return
    const message = await sender.group.protect(utf8('hello'))
    for (const seat of this.seats) if (seat !== sender) equal(await readText(seat.group, message), 'hello')
  }

  /** A commit that is given up again: only to see that its Welcome opens. */
  async #freshMemberJoins(): Promise<void> {
    const member = this.#pick()
    const person = await this.#person()
    const bundle = await keyPackageOf(person)
    const { welcome, staged } = await member.group.commit({ proposals: [makeAdd(bundle.keyPackage)] })
    const { group } = await Group.join({ config: person.config, signer: person.signer, welcome: welcome ?? new Uint8Array(0), keyPackages: [bundle] })
    deepEqual(group.context, staged.next?.epoch.context)
    member.group.discard(staged)
  }
}

for (const suiteId of [1, 2, 3]) {
  for (const seed of [1, 2, 3, 4]) {
    test(`suite ${suiteId.toString()}, seed ${seed.toString()}: after every commit of a random group a fresh member can join`, async () => {
      const schedule = new Schedule(seed * 1000 + suiteId, suiteId)
      await schedule.start()
      for (let commit = 0; commit < COMMITS; commit++) await schedule.step()
    })
  }
}
