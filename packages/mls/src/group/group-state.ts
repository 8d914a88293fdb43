/**
 * GroupState: what a member holds between messages, and how it moves from epoch to epoch.
 * Layer: group. Every change goes through here, so that every change is told to the store.
 */
import { bytesKey, encode, type Secret, toHex } from '@famichat/base'
import type { KeyPair } from '../crypto/backend.js'
import { limits } from '../limits.js'
import type { StateRow } from '../state-row.js'
import { toNodeIndex } from '../tree/math.js'
import type { Census } from '../validate/census.js'
import type { SentProposal } from '../validate/proposal-list.js'
import type { PastWindow } from './config.js'
import { type Epoch, type PastEpoch, retireEpoch, wipeEpoch, wipePastEpoch } from './epoch.js'
import type { OwnResumptionPsks } from './psks.js'
import { sealRow } from './row-seal.js'
import type { StagedCommit } from './staged-commit.js'
import { encodeHeader, encodeNode, encodePast, encodePending, encodeProposal, encodeResumptionPsk, type GroupStatus, rowKey, StoredReInit, StoredVersion } from './stored.js'

/** A proposal received or sent in this epoch, found by its reference. */
export type CachedProposal = SentProposal & { readonly reference: Uint8Array }

/** This member's own commit, waiting to be accepted. */
export interface PendingCommit {
  readonly staged: StagedCommit
  /** Hash of the MLSMessage that was sent: how it is known again. */
  readonly messageHash: Uint8Array
}

/** The key pair of an Update this member proposed. */
export type UpdateKey = KeyPair

export interface StateParts {
  readonly epoch: Epoch
  readonly census: Census
  readonly status?: GroupStatus
  readonly past?: readonly PastEpoch[]
  readonly proposals?: readonly CachedProposal[]
  readonly updateKeys?: readonly UpdateKey[]
  readonly resumptionPsks?: ReadonlyMap<bigint, Secret>
  readonly pending?: PendingCommit | undefined
  readonly reinit?: StagedCommit['reinit']
  /** How often the state was written before. */
  readonly version?: bigint
}

/** The state of one member. */
export class GroupState {
  #epoch: Epoch
  #census: Census
  #status: GroupStatus
  #past: readonly PastEpoch[]
  #pending: PendingCommit | undefined
  /** Encoded when its row is asked for: a commit that is given up at once is never encoded. */
  #pendingChanged = false
  #reinit: StagedCommit['reinit']
  readonly #proposals = new Map<string, CachedProposal>()
  /** By public key. */
  readonly #updateKeys = new Map<string, UpdateKey>()
  readonly #resumptionPsks: Map<bigint, Secret>
  readonly #rows = new Map<string, Uint8Array | undefined>()

  #version: bigint

  constructor(parts: StateParts) {
    this.#epoch = parts.epoch
    this.#census = parts.census
    this.#status = parts.status ?? 'active'
    this.#past = parts.past ?? []
    this.#pending = parts.pending
    this.#reinit = parts.reinit
    this.#version = parts.version ?? 0n
    for (const proposal of parts.proposals ?? []) this.#proposals.set(bytesKey(proposal.reference), proposal)
    for (const key of parts.updateKeys ?? []) this.#updateKeys.set(bytesKey(key.publicKey), key)
    this.#resumptionPsks = new Map(parts.resumptionPsks)
  }

  get epoch(): Epoch {
    return this.#epoch
  }

  get census(): Census {
    return this.#census
  }

  /** How often the state was written: an older copy of it says less. */
  get version(): bigint {
    return this.#version
  }

  get status(): GroupStatus {
    return this.#status
  }

  get past(): readonly PastEpoch[] {
    return this.#past
  }

  get pending(): PendingCommit | undefined {
    return this.#pending
  }

  /** The ReInit this group was closed by (§11.2). */
  get reinit(): StagedCommit['reinit'] {
    return this.#reinit
  }

  get proposals(): readonly CachedProposal[] {
    return [...this.#proposals.values()]
  }

  /** The group's own resumption PSKs, this epoch's included (§8.6). */
  get resumptionPsks(): OwnResumptionPsks {
    const { context, secrets } = this.#epoch
    return { groupId: context.groupId, byEpoch: new Map([...this.#resumptionPsks, [context.epoch, secrets.resumptionPsk]]) }
  }

  proposal(reference: Uint8Array): CachedProposal | undefined {
    return this.#proposals.get(bytesKey(reference))
  }

  /** A copy of the private key of an Update this member proposed: a commit that is given up wipes its own. */
  updateKey(publicKey: Uint8Array): Secret | undefined {
    return this.#updateKeys.get(bytesKey(publicKey))?.privateKey.clone()
  }

  /** Writes a new group whole: each of its nodes becomes a row. */
  recordWhole(): void {
    const { tree } = this.#epoch
    for (let node = 0; node < 2 * tree.leafCount - 1; node++) {
      const value = encodeNode(tree, toNodeIndex(node))
      if (value !== undefined) this.#rows.set(rowKey.node(node), value)
    }
    this.#recordHeader()
  }

  cacheProposal(proposal: CachedProposal, updateKey?: UpdateKey): void {
    this.#proposals.set(bytesKey(proposal.reference), proposal)
    if (updateKey !== undefined) this.#updateKeys.set(bytesKey(updateKey.publicKey), updateKey)
    this.#rows.set(rowKey.proposal(toHex(proposal.reference)), encodeProposal(proposal, this.#proposals.size, updateKey?.privateKey))
  }

  /** Takes a component's exported secret: it cannot be had again in this epoch, also after a restart. */
  takeExported(componentId: number): Secret {
    const secret = this.#epoch.exporterTree.take(componentId)
    this.#recordHeader()
    return secret
  }

  hold(pending: PendingCommit): void {
    this.#pending = pending
    this.#pendingChanged = true
  }

  /** Gives up the own commit and deletes its secrets (§14). */
  drop(): void {
    if (this.#pending?.staged.next !== undefined) wipeEpoch(this.#pending.staged.next.epoch, this.#epoch)
    this.#pending = undefined
    this.#pendingChanged = true
  }

  /** Enters the epoch of a commit; the one before stays readable for a while. */
  enter(staged: StagedCommit, window: PastWindow): void {
    if (this.#pending !== undefined && this.#pending.staged !== staged) this.drop()
    this.#pending = undefined
    this.#pendingChanged = true
    if (staged.next === undefined) {
      this.#leave()
      return
    }
    const before = this.#epoch
    const { epoch: next, census } = staged.next
    this.#keepResumptionPsk(before)
    this.#retire(before, next, window)
    this.#epoch = next
    this.#census = census.merge()
    if (staged.reinit !== undefined) this.#close(staged.reinit)
    this.#forgetProposals()
    for (const node of next.tree.changedNodes()) this.#rows.set(rowKey.node(node), encodeNode(next.tree, node))
    this.#recordHeader()
  }

  /** Deletes past epochs that are too many or too old (§15.3). */
  expirePast({ nowMs, maxEpochs, maxAgeMs }: PastWindow): void {
    const kept = this.#past.filter(({ leftAtMs }, index) => index < maxEpochs && nowMs - leftAtMs <= maxAgeMs)
    for (const past of this.#past) if (!kept.includes(past)) this.#forgetPast(past)
    this.#past = kept
  }

  /** Rows to write since the last call, in one transaction with what they belong to. */
  takeChanges(): readonly StateRow[] {
    if (this.#pendingChanged) this.#rows.set(rowKey.pending, this.#pending && encodePending(this.#pending))
    this.#pendingChanged = false
    const epochs = [{ epoch: this.#epoch.context.epoch, secretTree: this.#epoch.secretTree }, ...this.#past]
    for (const { epoch, secretTree } of epochs) {
      for (const { key, value } of secretTree.takeChanges()) this.#rows.set(rowKey.secretTree(epoch, key), value)
    }
    if (this.#rows.size === 0) return []
    this.#version++
    this.#rows.set(rowKey.version, encode(StoredVersion, { version: this.#version }))
    const { suite: { hash }, context: { groupId } } = this.#epoch
    const rows = [...this.#rows].map(([key, value]): StateRow =>
      ({ key, value: value && sealRow(hash, groupId, { key, value }) }))
    this.#rows.clear()
    return rows
  }

  /** Is out without a commit: whoever could make one is gone. */
  abandon(): void {
    this.drop()
    this.#leave()
  }

  /** Deletes every secret in memory. */
  wipe(): void {
    this.drop()
    wipeEpoch(this.#epoch)
    for (const past of this.#past) wipePastEpoch(past)
    for (const psk of this.#resumptionPsks.values()) psk.wipe()
    for (const { privateKey } of this.#updateKeys.values()) privateKey.wipe()
    this.#past = []
    this.#resumptionPsks.clear()
    this.#updateKeys.clear()
    this.#rows.clear()
  }

  /** §12.4.2: a removed member keeps nothing it could read or write with. */
  #leave(): void {
    this.#status = 'removed'
    this.#forgetProposals()
    for (const past of this.#past) this.#forgetPast(past)
    this.#past = []
    for (const [epoch, psk] of this.#resumptionPsks) {
      psk.wipe()
      this.#rows.set(rowKey.resumptionPsk(epoch), undefined)
    }
    this.#resumptionPsks.clear()
    const { context, secretTree } = this.#epoch
    for (const key of secretTree.takeAway()) this.#rows.set(rowKey.secretTree(context.epoch, key), undefined)
    wipeEpoch(this.#epoch)
    this.#recordHeader()
  }

  /** §11.2: nothing more is sent in a group that was reinitialised. */
  #close(reinit: NonNullable<StagedCommit['reinit']>): void {
    this.#status = 'reinitialised'
    this.#reinit = reinit
    this.#rows.set(rowKey.reinit, encode(StoredReInit, { proposal: reinit }))
  }

  #recordHeader(): void {
    this.#rows.set(rowKey.header, encodeHeader(this.#epoch, this.#status))
  }

  #keepResumptionPsk({ context, secrets }: Epoch): void {
    this.#resumptionPsks.set(context.epoch, secrets.resumptionPsk)
    this.#rows.set(rowKey.resumptionPsk(context.epoch), encodeResumptionPsk(secrets.resumptionPsk))
    if (this.#resumptionPsks.size <= limits.maxResumptionPsks) return
    const [oldest] = this.#resumptionPsks.keys()
    if (oldest === undefined) return
    this.#resumptionPsks.get(oldest)?.wipe()
    this.#resumptionPsks.delete(oldest)
    this.#rows.set(rowKey.resumptionPsk(oldest), undefined)
  }

  #retire(before: Epoch, next: Epoch, window: PastWindow): void {
    const past = retireEpoch(before, next, window.nowMs)
    this.#past = [past, ...this.#past]
    this.#rows.set(rowKey.past(past.epoch), encodePast(past))
    this.expirePast(window)
  }

  #forgetPast(past: PastEpoch): void {
    for (const key of past.secretTree.takeAway()) this.#rows.set(rowKey.secretTree(past.epoch, key), undefined)
    this.#rows.set(rowKey.past(past.epoch), undefined)
    wipePastEpoch(past)
  }

  #forgetProposals(): void {
    for (const { privateKey } of this.#updateKeys.values()) privateKey.wipe()
    this.#updateKeys.clear()
    for (const { reference } of this.#proposals.values()) this.#rows.set(rowKey.proposal(toHex(reference)), undefined)
    this.#proposals.clear()
  }
}
