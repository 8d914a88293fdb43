/**
 * World: the one group of a schedule as the test sees it: who sits where, who is outside, what was done.
 */
import { bytesKey, present } from '@famichat/base'
import type { Chance } from './chance.js'
import { FamichatClient, FamichatMember } from './famichat-client.js'
import { type Client, type Kind, KINDS, type Member, type Surroundings, type WireExtension } from './member.js'
import { identityOf } from './openmls-client.js'
import type { OpenMlsPool } from './openmls-pool.js'
import type { Tally } from './tally.js'
import { TsMlsClient } from './ts-mls-client.js'

/** A leaf of the group. */
export interface Seat {
  readonly client: Client
  /** Undefined for a leaf that nobody answers for: a newcomer that could not join, a member that lost its state. */
  member: Member | undefined
  leaf: number
  /** The first epoch this member has been in. */
  joinedEpoch: bigint
}

/** A seat with somebody in it. */
export type LiveSeat = Seat & { readonly member: Member }

const isLive = (seat: Seat): seat is LiveSeat => seat.member !== undefined

/** What a world needs from the run. */
export interface RunContext {
  readonly tally: Tally
  readonly openMls: OpenMlsPool
}

export class World {
  readonly chance: Chance
  readonly kinds: readonly Kind[]
  readonly surroundings: Surroundings
  readonly run: RunContext
  /** What was done, in words. */
  readonly log: string[] = []
  seats: Seat[] = []
  /** Clients that are in no group: they left it, or were never in. */
  outside: Client[] = []
  extensions: readonly WireExtension[] = []
  /** A GroupInfo of this epoch that came with the commit, when it did. */
  committedGroupInfo: Uint8Array | undefined
  #observer: FamichatClient | undefined

  constructor(run: RunContext, parts: { readonly chance: Chance; readonly kinds: readonly Kind[]; readonly surroundings: Surroundings }) {
    this.run = run
    this.chance = parts.chance
    this.kinds = parts.kinds
    this.surroundings = parts.surroundings
  }

  get live(): readonly LiveSeat[] {
    return this.seats.filter(isLive)
  }

  liveOf(kind: Kind): readonly LiveSeat[] {
    return this.live.filter((seat) => seat.client.kind === kind)
  }

  /** The member all others are compared with: one of ours, which shows everything. */
  get reference(): FamichatMember {
    const member = this.live.map((seat) => seat.member).find((candidate) => candidate instanceof FamichatMember)
    return present(member, 'one of our members is always in the group')
  }

  get hasOpenMls(): boolean {
    return this.kinds.includes('openmls')
  }

  get hasTsMls(): boolean {
    return this.kinds.includes('ts-mls')
  }

  /** A kind whose members are here, each kind as often as the others. */
  pickKind(): Kind {
    return this.chance.pick(KINDS.filter((kind) => this.liveOf(kind).length > 0))
  }

  /** Somebody who is in no group: one that left before, or somebody new. */
  async newcomer(kind: Kind = this.#newKind()): Promise<Client> {
    const back = this.outside.find((client) => client.kind === kind)
    if (back !== undefined && this.chance.percent(40)) {
      this.outside = this.outside.filter((client) => client !== back)
      return back
    }
    switch (kind) {
      case 'famichat': return FamichatClient.create(this.newIdentity(), this.surroundings)
      case 'ts-mls': return TsMlsClient.create(this.newIdentity(), this.surroundings)
      case 'openmls': return this.run.openMls.lend(this.surroundings.suiteId)
    }
  }

  /** An identity nobody else has. */
  newIdentity(): string {
    return identityOf(this.run.openMls.nextNumber())
  }

  /** A client of ours that looks at the group from outside. */
  async observer(): Promise<FamichatClient> {
    return this.#observer ??= await FamichatClient.create(this.newIdentity(), this.surroundings)
  }

  /** Takes leaf indexes and who is left from our engine's view; says who was removed. */
  syncSeats(): readonly Seat[] {
    const leaves = new Map(this.reference.members.map(({ leafIndex, leafNode }) => [bytesKey(leafNode.signatureKey), leafIndex]))
    const gone = this.seats.filter(({ client }) => !leaves.has(bytesKey(client.signatureKey)))
    this.seats = this.seats.filter((seat) => !gone.includes(seat))
    if (this.seats.length !== leaves.size) throw new Error(`our engine sees ${leaves.size} members, there are ${this.seats.length}`)
    for (const seat of this.seats) seat.leaf = present(leaves.get(bytesKey(seat.client.signatureKey)), 'the seat is a member')
    return gone
  }

  say(line: string): void {
    this.log.push(line)
  }

  /** Everybody forgets the group. */
  async end(): Promise<void> {
    for (const { client, member } of this.seats) {
      await member?.leave()
      client.release()
    }
    for (const client of this.outside) client.release()
  }

  /** In large groups fewer newcomers run ts-mls, which takes the longest by far. */
  #newKind(): Kind {
    const kind = this.chance.pick(this.kinds)
    return kind === 'ts-mls' && this.seats.length > 16 && this.chance.percent(80) ? 'famichat' : kind
  }
}

/** `openmls 3`: how a seat is named in the log. */
export const nameSeat = ({ client, leaf }: Seat): string => `${client.kind} at ${leaf}`
