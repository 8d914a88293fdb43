/**
 * What an implementation must be able to do to take part in the lab. A contender is one module that exports `contender`.
 * People talk in one conversation per world; everything that leaves a device is a {@link Packet}.
 */

/** What the tables say about a contender. */
export interface ContenderFacts {
  /** As the tables show it. */
  readonly name: string
  readonly protocol: string
  readonly library: string
  readonly version: string
  /** SPDX identifier of the library's licence. */
  readonly licence: string
  /** True for a tree that becomes cheaper to renew once members all over it have renewed their keys. */
  readonly hasTree: boolean
  /** The largest conversation it is measured in, in members. */
  readonly largest: number
  /** What a reader must know to compare it, in a sentence. */
  readonly note: string
}

/** Addressee of what goes to every other member. */
export const EVERYONE = '*'

/** Something on its way, as the lab's server sees it. */
export interface Packet {
  readonly from: string
  /** Names, or {@link EVERYONE}; the sender uploads the bytes once however many these are. */
  readonly to: typeof EVERYONE | readonly string[]
  /** `text` carries what a person wrote; `control` changes keys or members. */
  readonly kind: 'text' | 'control'
  readonly bytes: Uint8Array
}

/** That something cannot be done with this library, and why. */
export interface Impossible {
  readonly impossible: string
}

/** A person with one device, which is in at most one conversation. */
export interface Person {
  readonly name: string
  /** Starts the conversation with everybody named, who must be registered. */
  create(others: readonly string[]): Promise<readonly Packet[]>
  /** Lets a registered person in. */
  add(name: string): Promise<readonly Packet[]>
  /** Puts a member out. */
  remove(name: string): Promise<readonly Packet[]>
  /** Renews this member's keys; undefined where the protocol has no such operation. */
  rotate(): Promise<readonly Packet[] | undefined>
  send(text: Uint8Array): Promise<readonly Packet[]>
  /** A packet for one member that says nothing: it makes a session that runs pairwise established. Absent where there are no such sessions. */
  answer?(to: string): Promise<readonly Packet[]>
  /** The text, or undefined when the packet held none. Rejects what it refuses. */
  receive(packet: Packet): Promise<Uint8Array | undefined>
  /** Bytes of what the device must keep for the conversation, keys of other conversations not counted. */
  stateBytes(): Promise<number | Impossible>
  /** An independent copy of the device, as a thief takes it who has it unlocked in his hand for a moment. */
  steal(): Promise<Person | Impossible>
}

/** What a server that wants to read along achieves. */
export interface GhostReport {
  /** Whether the ghost read what a member sent after the attack. */
  readonly reads: boolean
  /** Whether members' devices can tell that somebody is there. */
  readonly visible: boolean
  readonly how: string
}

/** What a receiver can show to a third person. */
export interface AuthorshipReport {
  /** Which key signed the text, if one did: a person's lasting key, or one that only members know to be the person's. */
  readonly signedBy: 'lasting key' | 'session key' | 'nobody'
  readonly how: string
}

/** People who can reach each other through one server. */
export interface World {
  /** Makes a person and publishes what others need to begin. */
  register(name: string): Promise<Person>
  /** The server does what it can to let somebody read along whom no member let in. In a world of its own. */
  ghost?(): Promise<GhostReport>
  /** Who can be proven to have written a text packet of `sender`, by `receiver`, who has not received it yet. */
  authorship?(packet: Packet, people: { readonly sender: Person; readonly receiver: Person }): Promise<AuthorshipReport>
}

/** What the world is for: where state is copied, some libraries need another kind of store. */
export type Purpose = 'timing' | 'security'

/** An implementation of a protocol. */
export interface Contender {
  readonly facts: ContenderFacts
  /** Loads the library and makes an empty world. */
  open(purpose: Purpose): Promise<World>
}

/** True when what was asked for cannot be had. */
export const isImpossible = (value: object | number): value is Impossible => typeof value === 'object' && 'impossible' in value
