/**
 * ProposalChoice: what may still be proposed in one commit, so that the list stays valid (RFC 9420 §12.2) and within
 * what every member here can process (README.md says what that is, and why).
 */
import { concat } from '@famichat/base'
import type { Client, Change, WireExtension } from './member.js'
import { type Seat, type World } from './world.js'

/** Epochs back for which every implementation here keeps the resumption PSK. */
const RESUMPTION_EPOCHS_KEPT = 3n
/** An extension type for private use (§17.3) that leaves list where OpenMLS is not in the group. */
export const PRIVATE_EXTENSION = 0xf0f1

/** The choices of one commit. */
export class ProposalChoice {
  readonly #world: World
  readonly #maxMembers: number
  /** Newcomers cannot hold a resumption PSK, so a commit has the one or the other. */
  readonly #withResumption: boolean
  readonly #taken = new Set<Seat>()
  readonly #leaving = new Set<Seat>()
  readonly #joining = new Map<Client, Uint8Array>()
  #extensions: readonly WireExtension[] | undefined

  constructor(world: World, maxMembers: number) {
    this.#world = world
    this.#maxMembers = maxMembers
    this.#withResumption = world.chance.percent(30)
  }

  /** Who joins by what was chosen. */
  get joining(): readonly Client[] {
    return [...this.#joining.keys()]
  }

  /** The list that replaces the group's extensions, when one was chosen. */
  get extensions(): readonly WireExtension[] | undefined {
    return this.#extensions
  }

  /** Whose leaves are to be removed. */
  get leaving(): ReadonlySet<Seat> {
    return this.#leaving
  }

  /** Nobody may remove or update this leaf any more. */
  take(seat: Seat): void {
    this.#taken.add(seat)
  }

  isTaken(seat: Seat): boolean {
    return this.#taken.has(seat)
  }

  /** A proposal of this kind, undefined when none is possible. */
  async make(kind: Exclude<Change['kind'], 'update'>): Promise<Change | undefined> {
    switch (kind) {
      case 'add': return this.#add()
      case 'remove': return this.#remove()
      case 'externalPsk': return this.#externalPsk()
      case 'resumptionPsk': return this.#resumptionPsk()
      case 'extensions': return this.#replaceExtensions()
    }
  }

  async #add(): Promise<Change | undefined> {
    const { seats } = this.#world
    if (this.#withResumption || seats.length + this.#joining.size >= this.#maxMembers) return undefined
    const client = await this.#world.newcomer()
    const keyPackage = await client.keyPackage()
    this.#joining.set(client, keyPackage)
    return { kind: 'add', keyPackage }
  }

  #remove(): Change | undefined {
    const { chance, seats } = this.#world
    const possible = seats.filter((seat) => this.#isRemovable(seat))
    const empty = possible.filter((seat) => seat.member === undefined)
    const seat = chance.maybePick(empty.length > 0 && chance.percent(50) ? empty : possible)
    if (seat === undefined) return undefined
    this.#taken.add(seat)
    this.#leaving.add(seat)
    return { kind: 'remove', leaf: seat.leaf, identity: seat.client.identity }
  }

  #isRemovable(seat: Seat): boolean {
    if (this.#taken.has(seat)) return false
    const staying = this.#world.seats.filter((other) => other !== seat && !this.#leaving.has(other))
    // one member of ours has to stay: the others are compared with it
    if (!staying.some(({ client, member }) => client.kind === 'famichat' && member !== undefined)) return false
    return !this.#world.hasTsMls || hasMembersOnTheLeft(staying)
  }

  #externalPsk(): Change | undefined {
    if (this.#world.hasOpenMls) return undefined
    return { kind: 'externalPsk', pskId: this.#world.chance.bytes(this.#world.chance.between(1, 40)) }
  }

  async #resumptionPsk(): Promise<Change | undefined> {
    if (!this.#withResumption) return undefined
    const { live, chance, reference, hasOpenMls } = this.#world
    const { epoch } = await reference.facts()
    if (hasOpenMls) return { kind: 'resumptionPsk', epoch }
    const known = live.reduce((latest, { joinedEpoch }) => (joinedEpoch > latest ? joinedEpoch : latest), 0n)
    const oldest = epoch - known < RESUMPTION_EPOCHS_KEPT ? known : epoch - RESUMPTION_EPOCHS_KEPT
    return { kind: 'resumptionPsk', epoch: oldest + BigInt(chance.below(Number(epoch - oldest) + 1)) }
  }

  #replaceExtensions(): Change | undefined {
    if (this.#extensions !== undefined) return undefined
    this.#extensions = randomExtensions(this.#world)
    return { kind: 'extensions', extensions: this.#extensions }
  }
}

/**
 * True when the left half of the tree is not empty. Else the root is not in the filtered direct path, and ts-mls
 * derives its commit_secret one step too far: for it the root is the end of every path.
 */
const hasMembersOnTheLeft = (seats: readonly Seat[]): boolean => {
  const leaves = seats.map(({ leaf }) => leaf)
  let leafCount = 1
  while (leafCount <= Math.max(...leaves)) leafCount *= 2
  return leafCount === 1 || leaves.some((leaf) => leaf < leafCount / 2)
}

/** GroupContext extensions that every client of this world supports. */
export const randomExtensions = ({ chance, hasTsMls, hasOpenMls }: World): readonly WireExtension[] => {
  const extensions: WireExtension[] = []
  // basic is what every leaf lists; x509 as well
  const required = { extensionType: 3, extensionData: Uint8Array.from([...requiredTypes(hasOpenMls ? [] : [PRIVATE_EXTENSION]), 0, 4, 0, 1, 0, 2]) }
  if (chance.percent(60)) extensions.push(required)
  if (!hasOpenMls && chance.percent(60)) extensions.push({ extensionType: PRIVATE_EXTENSION, extensionData: chance.bytes(chance.between(0, 100)) })
  if (!hasTsMls && chance.percent(30)) extensions.push(externalSenders(chance.bytes(32)))
  // ts-mls keeps the old extensions when the new list is empty
  return hasTsMls && extensions.length === 0 ? [required] : extensions
}

const requiredTypes = (types: readonly number[]): readonly number[] => [types.length * 2, ...types.flatMap((type) => [type >> 8, type & 0xff])]

/** external_senders (§12.1.8.1) with one sender: its key, and a basic credential. */
const externalSenders = (signatureKey: Uint8Array): WireExtension => {
  const name = [...new TextEncoder().encode('external')]
  const sender = concat(Uint8Array.of(signatureKey.length), signatureKey, Uint8Array.from([0, 1, name.length, ...name]))
  return { extensionType: 5, extensionData: concat(Uint8Array.of(sender.length), sender) }
}
