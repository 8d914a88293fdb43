/**
 * What every implementation must offer here: clients that publish KeyPackages, and members of the one group.
 * All messages are encoded MLSMessages, as they would travel.
 */

/** The implementations. */
export const KINDS = ['famichat', 'ts-mls', 'openmls'] as const
export type Kind = (typeof KINDS)[number]

/** An extension as it stands on the wire (RFC 9420 §13.4). */
export interface WireExtension {
  readonly extensionType: number
  readonly extensionData: Uint8Array
}

/** What a proposal does (RFC 9420 §12.1). */
export type Change =
  | { readonly kind: 'add'; readonly keyPackage: Uint8Array }
  /** The identity is the removed member's: core-crypto removes by it. */
  | { readonly kind: 'remove'; readonly leaf: number; readonly identity: string }
  | { readonly kind: 'update' }
  | { readonly kind: 'externalPsk'; readonly pskId: Uint8Array }
  | { readonly kind: 'resumptionPsk'; readonly epoch: bigint }
  | { readonly kind: 'extensions'; readonly extensions: readonly WireExtension[] }

/** What a commit holds by value; proposals received before are committed by reference, always. */
export interface CommitPlan {
  readonly changes: readonly Change[]
  /** False: leave the path out where the implementation and §12.4 allow it. */
  readonly withPath: boolean
}

/** A commit that is not entered yet, where the implementation can wait. */
export interface Committed {
  readonly commit: Uint8Array
  readonly welcome: Uint8Array | undefined
  /** A GroupInfo of the next epoch, when the implementation gives one with its commit. */
  readonly groupInfo?: Uint8Array
}

/** What members of one epoch must agree on, as far as it can be read. */
export interface Facts {
  readonly epoch: bigint
  readonly epochAuthenticator: Uint8Array | undefined
  readonly treeHash: Uint8Array | undefined
  /** MLS-Exporter("exporter", "", 32): the only one that all implementations offer. */
  readonly exported: Uint8Array
}

/** One member. */
export interface Member {
  readonly client: Client
  facts(): Promise<Facts>
  /** MLS-Exporter (§8.5) with any label and context, where it can be had. */
  exportSecret?(label: string, context: Uint8Array, length: number): Promise<Uint8Array>
  propose?(change: Change): Promise<Uint8Array>
  commit(plan: CommitPlan): Promise<Committed>
  /** Enters the epoch of the own commit. */
  merge(): Promise<void>
  /** Gives the own commit up, where the implementation can. */
  discard?(): void
  /** Processes a proposal or a commit; false when it removed this member. */
  receive(handshake: Uint8Array): Promise<boolean>
  protect(applicationData: Uint8Array): Promise<Uint8Array>
  open(message: Uint8Array): Promise<Uint8Array>
  /** A GroupInfo that external commits can start from (§12.4.3.2), where it can be had at any time. */
  groupInfo?(): Promise<Uint8Array>
  /** Forgets the group. */
  leave(): Promise<void>
}

/** Where a group is created. */
export interface Founding {
  readonly groupId: Uint8Array
  readonly extensions: readonly WireExtension[]
}

/** How somebody adds itself. */
export interface ExternalJoin {
  readonly groupInfo: Uint8Array
  readonly groupId: Uint8Array
  /** The own leaf to remove (resync). */
  readonly removes: number | undefined
  /** PSKs to bring in; only where `externalJoinPsks` is true. */
  readonly pskIds: readonly Uint8Array[]
}

/** One client: a signature key and a name, in no group or in one. */
export interface Client {
  readonly kind: Kind
  /** The basic credential's identity. */
  readonly identity: string
  readonly signatureKey: Uint8Array
  /** A new KeyPackage; it replaces the one before. */
  keyPackage(): Promise<Uint8Array>
  found(founding: Founding): Promise<Member>
  /** @param groupId must be the group's */
  join(welcome: Uint8Array, groupId: Uint8Array): Promise<Member>
  joinExternally(join: ExternalJoin): Promise<{ readonly member: Member; readonly commit: Uint8Array }>
  /** The client is not used any more in this schedule. */
  release(): void
}

/** What all clients of a schedule share. */
export interface Surroundings {
  readonly suiteId: number
  readonly groupId: Uint8Array
  /** Frames handshakes as PublicMessage. */
  readonly publicHandshakes: boolean
  /** Extension types beyond the RFC's that leaves list. */
  readonly extensionTypes: readonly number[]
  /** The PSK of an id. */
  readonly psk: (pskId: Uint8Array) => Uint8Array
  /** Bytes from the schedule's seed. */
  readonly random: (length: number) => Uint8Array
}
