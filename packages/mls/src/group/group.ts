/**
 * Group: one member's view of an MLS group (RFC 9420). The facade over everything below.
 * Layer: group. Owns the member's secrets; knows no network and no storage, but says what has to be stored.
 */
import { EMPTY, type Secret } from '@famichat/base'
import type { MaybePromise } from '../crypto/backend.js'
import type { CipherSuite } from '../crypto/cipher-suite.js'
import type { Signer } from '../crypto/signer.js'
import { check } from '../errors.js'
import { epochAuthenticator, exportSecret } from '../schedule/key-schedule.js'
import type { StateRow } from '../state-row.js'
import type { SentProposal } from '../validate/proposal-list.js'
import { validateKeyPackages } from '../validate/key-package.js'
import type { GroupContext } from '../wire/group-info.js'
import type { KeyPackage } from '../wire/key-package.js'
import type { LeafNode } from '../wire/leaf-node.js'
import { decodeMessage, encodeMessage } from '../wire/message.js'
import type { Proposal } from '../wire/proposal.js'
import { type LeafIndex, WireFormat } from '../wire/registries.js'
import { type GroupConfig, pastWindow, resolveConfig, sendingTime } from './config.js'
import { createInitialState, type NewGroup } from './create-group.js'
import { type Epoch, wipeEpoch } from './epoch.js'
import { type ExternalJoinRequest, joinExternally } from './external-join.js'
import { type GroupInfoContents, makeGroupInfo } from './group-info.js'
import { GroupState } from './group-state.js'
import { joinByWelcome } from './join.js'
import type { KeyPackageBundle } from './key-package-bundle.js'
import { currentRules, leafThatIsOwn, type Membership, requireActive, requireMember, requireOwnSigner } from './membership.js'
import type { CommitBundle, CommitRequest, Member, Processed } from './outcomes.js'
import { processMessage } from './process-message.js'
import { restoreState } from './restore.js'
import { sendApplicationData, sendCommit, sendProposal, sendUpdate } from './send.js'
import type { StagedCommit } from './staged-commit.js'
import type { GroupStatus } from './stored.js'
import { type BranchRequest, startBranch, startSuccessor, type SuccessorRequest } from './successor.js'

/** How a joiner gets in. */
export interface WelcomeJoin {
  readonly config: GroupConfig
  /** Of the key in the KeyPackages' leaves. */
  readonly signer: Signer
  /** The MLSMessage with the Welcome. */
  readonly welcome: Uint8Array
  /** KeyPackages of this client; the one the Welcome names must not be used again unless it is a last resort. */
  readonly keyPackages: readonly KeyPackageBundle[]
  /** The encoded ratchet tree, when the Welcome does not carry it (§12.4.3.3). */
  readonly ratchetTree?: Uint8Array
  /** Finds a group of this client: asked for the older group when the new one is its successor or its branch (§11.2, §11.3). */
  readonly findGroup?: (groupId: Uint8Array) => Group | undefined
  /** True when this client is in a group of that id already: then the Welcome is refused (§12.4.3.1). */
  readonly isKnownGroup?: (groupId: Uint8Array) => MaybePromise<boolean>
  /** True when a KeyPackage was joined with before: then it is refused unless it is a last resort (§16.8). */
  readonly isConsumed?: (keyPackageRef: Uint8Array) => MaybePromise<boolean>
}

/** A group that was joined. */
export interface JoinedGroup {
  readonly group: Group
  /** The KeyPackage that was used: delete its keys, unless it is a last resort. */
  readonly keyPackage: KeyPackageBundle
  /** True when others may hold Welcomes to the same keys: commit an update at once (§16.8). */
  readonly isLastResort: boolean
  /** Who let this client in: the member that signed the GroupInfo. */
  readonly inviter: LeafIndex
}

/** A group that continues another, and the commit that starts it: release its Welcome, then merge. */
export interface StartedGroup {
  readonly group: Group
  readonly bundle: CommitBundle
}

/** A member as a store has it. */
export interface StoredGroup {
  readonly config: GroupConfig
  readonly signer: Signer
  readonly rows: Iterable<StateRow>
  /** The last `stateVersion` known from elsewhere: rows of an older state would use message keys a second time. */
  readonly atLeastVersion?: bigint
}

/** authenticated_data of a message: visible to the server, protected from change. At most 4096 bytes. */
export interface WithAuthenticatedData {
  readonly authenticatedData?: Uint8Array
}

/** One member's group. Every method that refuses throws a coded error and changes nothing. */
export class Group {
  readonly #membership: Membership
  /** Handshakes are taken one at a time: what one looks up, no other may change meanwhile. */
  #turn: Promise<unknown> = Promise.resolve()
  /** What this group staged and neither merged nor discarded: a commit of another group leads nowhere here. */
  readonly #staged = new WeakSet<StagedCommit>()

  private constructor(membership: Membership) {
    this.#membership = membership
  }

  /** Creates a group of one (§11). @throws MlsError `mls.leaf.*` | `mls.extension.*` */
  static async create(request: NewGroup): Promise<Group> {
    const config = resolveConfig(request.config)
    return new Group({ config, signer: request.signer, state: await createInitialState(config, request) })
  }

  /**
   * Joins by Welcome (§12.4.3.1), and says which KeyPackage was used.
   * @throws MlsError `mls.welcome.*` | `mls.group_info.*` | `mls.tree.*` | `mls.leaf.*` | `mls.psk.*`
   */
  static async join(request: WelcomeJoin): Promise<JoinedGroup> {
    const config = resolveConfig(request.config)
    const message = decodeMessage(request.welcome.slice())
    check(message.wireFormat === WireFormat.welcome, 'mls.message.unexpected_kind')
    const findGroup = (groupId: Uint8Array): GroupState | undefined => {
      const found = request.findGroup?.(groupId)
      return found === undefined ? undefined : found.#state
    }
    const { epoch, census, keyPackage, groupInfo } = await joinByWelcome({ ...request, config, welcome: message.welcome, findGroup })
    const state = new GroupState({ epoch, census })
    state.recordWhole()
    return { group: new Group({ config, signer: request.signer, state }), keyPackage, isLastResort: keyPackage.isLastResort, inviter: groupInfo.signer }
  }

  /**
   * Joins by external commit (§12.4.3.2). Send the commit; once it is accepted this group is in its epoch.
   * @throws MlsError `mls.external.*` | `mls.group_info.*` | `mls.tree.*` | `mls.leaf.*` | `mls.psk.*`
   */
  static async joinExternal(request: ExternalJoinRequest): Promise<{ readonly group: Group; readonly commit: Uint8Array }> {
    const config = resolveConfig(request.config)
    const { state, commit } = await joinExternally(config, request)
    return { group: new Group({ config, signer: request.signer, state }), commit }
  }

  /** Rebuilds a member from the rows it wrote. @throws MlsError `mls.snapshot.malformed` | `mls.snapshot.stale` | `mls.leaf.not_own_signer` */
  static restore(request: StoredGroup): Group {
    const config = resolveConfig(request.config)
    const state = restoreState(config, request.rows)
    check(state.version >= (request.atLeastVersion ?? 0n), 'mls.snapshot.stale')
    const membership = { config, signer: request.signer, state }
    if (state.status !== 'removed') requireOwnSigner(request.signer, leafThatIsOwn(membership))
    return new Group(membership)
  }

  /** How often the state was written; kept apart from it, it tells an older copy (see {@link StoredGroup}). */
  get stateVersion(): bigint {
    return this.#state.version
  }

  /** The group's id, for all its life; not a copy. */
  get groupId(): Uint8Array {
    return this.#epoch.context.groupId
  }

  /** Commits since the group was created. */
  get epoch(): bigint {
    return this.#epoch.context.epoch
  }

  /** The GroupContext (§8.1): what all members agree on. */
  get context(): GroupContext {
    return this.#epoch.context
  }

  /** The group's suite (§5.1), for all its life. */
  get cipherSuite(): CipherSuite {
    return this.#epoch.suite
  }

  /** Whether this member can send and commit; `removed` and `reinitialised` are for ever. */
  get status(): GroupStatus {
    return this.#state.status
  }

  /** This member's leaf, the same in all epochs of its membership. */
  get ownLeaf(): LeafIndex {
    return this.#epoch.ownLeaf
  }

  /** The members, in leaf order. */
  get members(): readonly Member[] {
    return [...this.#epoch.tree.members()].map(([leafIndex, leafNode]) => ({ leafIndex, leafNode }))
  }

  /** The leaf of a member, undefined when there is none. */
  member(leafIndex: LeafIndex): LeafNode | undefined {
    return this.#epoch.tree.leaf(leafIndex)
  }

  /** Equal for members that agree on everything (§8.7). @throws MlsError `mls.group.inactive` */
  get epochAuthenticator(): Uint8Array {
    requireMember(this.#membership)
    return epochAuthenticator(this.#epoch.secrets)
  }

  /** Proposals received or sent in this epoch and not committed yet. */
  get pendingProposals(): readonly SentProposal[] {
    return this.#state.proposals
  }

  /** This member's own commit, waiting to be merged or discarded. */
  get pendingCommit(): StagedCommit | undefined {
    return this.#state.pending?.staged
  }

  /**
   * Encrypts application data (§6.3) of at most `limits.maxApplicationBytes` bytes.
   * @throws MlsError `mls.proposal.pending` | `mls.message.too_large` | `mls.group.*`
   */
  protect(applicationData: Uint8Array, { authenticatedData = EMPTY }: WithAuthenticatedData = {}): Promise<Uint8Array> {
    return sendApplicationData(this.#membership, applicationData.slice(), authenticatedData.slice())
  }

  /**
   * Sends a proposal for somebody to commit (§12.1). Judged by itself; whether it fits what else is proposed is seen when it is committed.
   * @throws MlsError `mls.proposal.*` | `mls.psk.*` | `mls.extension.*` | `mls.key_package.*` | `mls.leaf.*` | `mls.group.*`
   */
  propose(proposal: Proposal, { authenticatedData = EMPTY }: WithAuthenticatedData = {}): Promise<Uint8Array> {
    return sendProposal(this.#membership, proposal, authenticatedData.slice())
  }

  /** Proposes fresh keys for this member (§12.1.2); somebody else has to commit them. */
  proposeUpdate({ authenticatedData = EMPTY }: WithAuthenticatedData = {}): Promise<Uint8Array> {
    return sendUpdate(this.#membership, authenticatedData.slice())
  }

  /**
   * Creates a commit of new and pending proposals (§12.4.1). The group stays in its epoch until `merge`;
   * only the key that encrypts the commit is used up.
   * @throws MlsError `mls.commit.pending` | `mls.proposal.*` | `mls.psk.*` | `mls.leaf.*` | `mls.key_package.*`
   */
  commit(request: CommitRequest = {}): Promise<CommitBundle> {
    const authenticatedData = request.authenticatedData?.slice() ?? EMPTY
    return this.#inTurn(() => sendCommit(this.#membership, { ...request, authenticatedData }))
  }

  /**
   * Takes a received message: application data comes out, a proposal is kept, a commit is staged for `merge`.
   * @param message one encoded MLSMessage
   * @throws MlsError | BaseError `base.codec.*`; nothing is changed then
   */
  process(message: Uint8Array): Promise<Processed> {
    // the caller may use its buffer again at once
    const copy = message.slice()
    return this.#inTurn(async () => {
      const processed = await processMessage(this.#membership, copy)
      if (processed.kind === 'commit') this.#staged.add(processed.staged)
      return processed
    })
  }

  /**
   * Enters the epoch of a commit this group staged: by `commit`, or by `process`. At once, and not in turn with them: what they are
   * at is refused as belonging to an epoch that is left.
   * @throws MlsError `mls.commit.epoch_left` | `mls.group.*`
   */
  merge(staged: StagedCommit): void {
    requireActive(this.#membership)
    const isOpen = (this.#staged.has(staged) || staged === this.pendingCommit) && staged.epoch === this.epoch + 1n
    check(isOpen, 'mls.commit.epoch_left', { staged: staged.epoch, current: this.epoch })
    this.#staged.delete(staged)
    this.#state.enter(staged, pastWindow(this.#membership.config))
  }

  /**
   * Gives up a commit this group staged and deletes its secrets: a race was lost, or the application refuses it. A second time,
   * and for another group's, nothing.
   */
  discard(staged: StagedCommit): void {
    const isStaged = this.#staged.delete(staged)
    if (staged === this.pendingCommit) this.#state.drop()
    else if (isStaged && staged.next !== undefined) wipeEpoch(staged.next.epoch, this.#epoch)
  }

  /**
   * Validates KeyPackages as soon as they are downloaded (§10.1); adding them later does not verify them again.
   * @throws MlsError `mls.key_package.*` | `mls.leaf.*` | `mls.extension.*`
   */
  async validateKeyPackages(keyPackages: readonly KeyPackage[]): Promise<void> {
    requireActive(this.#membership)
    await validateKeyPackages(currentRules(this.#membership, sendingTime(this.#membership.config)), keyPackages)
  }

  /** MLS-Exporter (§8.5). @param length bytes. @throws MlsError `mls.exporter.bad_length` | `mls.group.inactive` */
  exportSecret(label: string, context: Uint8Array, length: number): Secret {
    requireMember(this.#membership)
    return exportSecret(this.#epoch.suite, this.#epoch.secrets.exporterSecret, { label, context, length })
  }

  /**
   * SafeExportSecret (draft-ietf-mls-extensions-08 §4.4): KDF.Nh bytes for one application component, the same for all
   * members, once per epoch. Deleted here when taken, so that whoever takes this device later does not learn it.
   * @param componentId a uint16 the application gave to one of its parts
   * @throws MlsError `mls.exporter.bad_component` | `mls.exporter.consumed` | `mls.group.inactive`
   */
  safeExportSecret(componentId: number): Secret {
    requireMember(this.#membership)
    return this.#state.takeExported(componentId)
  }

  /** The ReInit that closed this group (§11.2), undefined while it is open. */
  get reinit(): StagedCommit['reinit'] {
    return this.#state.reinit
  }

  /**
   * Sets up the group that follows this one after a ReInit (§11.2), with everybody in it.
   * @throws MlsError `mls.group.not_reinitialised` | `mls.welcome.reinit_mismatch` | `mls.leaf.*` | `mls.key_package.*`
   */
  async reinitialise(request: SuccessorRequest): Promise<StartedGroup> {
    const { membership, bundle } = await startSuccessor(this.#membership, request)
    return { group: new Group(membership), bundle }
  }

  /**
   * Sets up a group of some of the members (§11.3); this one goes on.
   * @throws MlsError `mls.welcome.branch_mismatch` | `mls.group.*` | `mls.leaf.*` | `mls.key_package.*`
   */
  async branch(request: BranchRequest): Promise<StartedGroup> {
    const { membership, bundle } = await startBranch(this.#membership, request)
    return { group: new Group(membership), bundle }
  }

  /** A signed GroupInfo of the current epoch (§12.4.3), as an MLSMessage. */
  async groupInfo(contents: GroupInfoContents): Promise<Uint8Array> {
    requireActive(this.#membership)
    const groupInfo = await makeGroupInfo(this.#epoch, this.#membership.signer, contents)
    return encodeMessage({ wireFormat: WireFormat.groupInfo, groupInfo })
  }

  /** Deletes past epochs that policy keeps no longer; receiving does it too, a quiet group needs a timer (§15.3). */
  expirePastEpochs(): void {
    this.#state.expirePast(pastWindow(this.#membership.config))
  }

  /** What changed since the last call: write it in one transaction with what caused it. Values are secret. */
  takeChanges(): readonly StateRow[] {
    return this.#state.takeChanges()
  }

  /**
   * Gives up membership without a commit, where nobody is left to make one; all secrets go, in memory and with the next
   * {@link takeChanges}, as when a commit removes this member (§12.4.2). The others, if there are any, are told nothing.
   * @throws MlsError `mls.group.inactive`
   */
  abandon(): void {
    requireMember(this.#membership)
    this.#state.abandon()
  }

  /** Deletes all secrets from memory; the group object is unusable afterwards. */
  close(): void {
    this.#state.wipe()
  }

  get #state(): GroupState {
    return this.#membership.state
  }

  get #epoch(): Epoch {
    return this.#state.epoch
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work)
    this.#turn = result.catch(() => undefined)
    return result
  }
}
