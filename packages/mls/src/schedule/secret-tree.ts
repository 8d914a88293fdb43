/**
 * The secret tree and its sender ratchets (RFC 9420 §9): one key per message, deleted when used.
 * Layer: schedule. Owns every secret in it; looking at a key changes nothing until it is consumed.
 */
import { invariant, present, Secret, utf8 } from '@famichat/base'
import type { CipherSuite } from '../crypto/cipher-suite.js'
import { deriveSecret, expandWithLabel } from '../crypto/labels.js'
import { check, MlsError } from '../errors.js'
import { limits } from '../limits.js'
import type { StateRow } from '../state-row.js'
import { ContentType, type LeafIndex } from '../wire/registries.js'
import { type MessageKey, type Ratchet, type RatchetStep, stepRatchet } from './ratchet.js'
import { decodeMessageKey, decodeRatchet, encodeMessageKey, encodeRatchet, readRowKey } from './ratchet-rows.js'

/** A message key that was found but not used yet. */
export interface PeekedKey extends MessageKey {
  /** Deletes the key and everything it was derived from (§9.2): call it once the message is authentic. */
  consume(): void
  /** Deletes what was derived to look at the key: call it when the message is refused. The honest message finds the key again. */
  forget(): void
}

/** Handshake and application messages have ratchets of their own (§9.1). */
type RatchetId = number
const ratchetId = (leaf: LeafIndex, type: ContentType): RatchetId => 2 * leaf + (type === ContentType.application ? 1 : 0)

const LEFT = utf8('left')
const RIGHT = utf8('right')

/** All message keys of one epoch. */
export class SecretTree {
  readonly #suite: CipherSuite
  readonly #leafCount: number
  readonly #nodes = new Map<number, Secret>()
  readonly #ratchets = new Map<RatchetId, Ratchet>()
  /** Unused keys that were skipped, oldest first. */
  readonly #skipped = new Map<string, MessageKey>()
  readonly #dirty = new Set<string>()

  private constructor(suite: CipherSuite, leafCount: number) {
    this.#suite = suite
    this.#leafCount = leafCount
  }

  /** Starts an epoch's tree; takes ownership of `encryptionSecret`. */
  static fromEncryptionSecret(suite: CipherSuite, encryptionSecret: Secret, leafCount: number): SecretTree {
    const tree = new SecretTree(suite, leafCount)
    tree.#setNode(leafCount - 1, encryptionSecret)
    return tree
  }

  /** Rebuilds a tree from the rows it wrote. @throws MlsError `mls.snapshot.malformed` | BaseError `base.codec.*` */
  static fromRows(suite: CipherSuite, leafCount: number, rows: Iterable<readonly [key: string, value: Uint8Array]>): SecretTree {
    const tree = new SecretTree(suite, leafCount)
    for (const [key, value] of rows) {
      const { kind, id, generation } = readRowKey(key, leafCount)
      if (kind === 'n') {
        check(value.length === suite.hashLength, 'mls.snapshot.malformed')
        tree.#nodes.set(id, new Secret(value.slice()))
      } else if (kind === 'r') tree.#ratchets.set(id, decodeRatchet(suite, value))
      else tree.#skipped.set(key.slice(1), decodeMessageKey(suite, value, generation))
    }
    return tree
  }

  /** Takes the next key of the own sender ratchet: it can never be had again. @throws MlsError `mls.group.message_limit` */
  takeSendingKey(leaf: LeafIndex, type: ContentType): MessageKey {
    const id = ratchetId(leaf, type)
    if (!this.#ratchets.has(id)) this.#adoptSplit(leaf)
    const { generation, secret } = present(this.#ratchets.get(id), 'a leaf has both ratchets')
    check(generation < limits.maxGeneration, 'mls.group.message_limit')
    const { messageKey, next } = stepRatchet(this.#suite, secret, generation)
    this.#setRatchet(id, { generation: generation + 1, secret: next })
    return messageKey
  }

  /**
   * Looks up the key of a received message without changing anything.
   * @throws MlsError `mls.message.key_consumed` | `mls.message.generation_too_far`
   */
  peek(leaf: LeafIndex, type: ContentType, generation: number): PeekedKey {
    invariant(leaf < this.#leafCount, 'the sender is in the tree')
    const id = ratchetId(leaf, type)
    const skippedName = `${id.toString()}.${generation.toString()}`
    const skipped = this.#skipped.get(skippedName)
    if (skipped !== undefined) return { ...skipped, consume: () => { this.#dropSkipped(skippedName) }, forget: () => undefined }

    const known = this.#ratchets.get(id)
    const first = known?.generation ?? 0
    check(generation >= first, 'mls.message.key_consumed', { generation })
    // §15.3: refused before anything is derived
    const ahead = generation - first
    check(ahead <= limits.maxForwardGenerations, 'mls.message.generation_too_far', { ahead, max: limits.maxForwardGenerations })

    const split = known === undefined ? this.#splitDown(leaf) : undefined
    const { secret } = known ?? present(split?.get(id), 'a leaf has both ratchets')
    const passed: MessageKey[] = []
    let step: RatchetStep = stepRatchet(this.#suite, secret, first)
    while (step.messageKey.generation < generation) {
      passed.push(step.messageKey)
      const { next } = step
      step = stepRatchet(this.#suite, next, step.messageKey.generation + 1)
      next.wipe()
    }
    for (const ratchet of split?.values() ?? []) ratchet.secret.wipe()
    const { messageKey, next } = step
    return {
      ...messageKey,
      forget: () => {
        next.wipe()
        for (const { key, nonce } of [...passed, messageKey]) {
          key.wipe()
          nonce.wipe()
        }
      },
      consume: () => {
        if (known === undefined) this.#adoptSplit(leaf)
        for (const key of passed) this.#keepSkipped(id, key)
        this.#setRatchet(id, { generation: generation + 1, secret: next })
        messageKey.key.wipe()
        messageKey.nonce.wipe()
      },
    }
  }

  /** Rows changed since the last call. */
  takeChanges(): readonly StateRow[] {
    const rows = [...this.#dirty].map((key): StateRow => ({ key, value: this.#rowValue(key) }))
    this.#dirty.clear()
    return rows
  }

  /** encryption_secret of a tree nothing was taken from yet: a pending commit stores it. */
  get root(): Secret {
    return present(this.#nodes.get(this.#leafCount - 1), 'a staged epoch has not been used')
  }

  #rowKeys(): readonly string[] {
    return [
      ...[...this.#nodes.keys()].map((node) => `n${node.toString()}`),
      ...[...this.#ratchets.keys()].map((id) => `r${id.toString()}`),
      ...[...this.#skipped.keys()].map((name) => `k${name}`),
    ]
  }

  /** Deletes every secret, and names every row the tree has or had in the store. */
  takeAway(): readonly string[] {
    const keys = new Set([...this.#rowKeys(), ...this.#dirty])
    this.#dirty.clear()
    this.wipe()
    return [...keys]
  }

  /** Deletes every secret. */
  wipe(): void {
    for (const secret of this.#nodes.values()) secret.wipe()
    for (const { secret } of this.#ratchets.values()) secret.wipe()
    for (const { key, nonce } of this.#skipped.values()) {
      key.wipe()
      nonce.wipe()
    }
    this.#nodes.clear()
    this.#ratchets.clear()
    this.#skipped.clear()
  }

  #rowValue(key: string): Uint8Array | undefined {
    const name = key.slice(1)
    if (key.startsWith('n')) return this.#nodes.get(Number(name))?.expose().slice()
    if (key.startsWith('r')) {
      const ratchet = this.#ratchets.get(Number(name))
      return ratchet && encodeRatchet(ratchet)
    }
    const skipped = this.#skipped.get(name)
    return skipped && encodeMessageKey(skipped)
  }

  /** The two ratchets of a leaf, derived from the nearest secret above it; nothing is stored. */
  #splitDown(leaf: LeafIndex): ReadonlyMap<RatchetId, Ratchet> {
    const { leafSecret } = this.#walkDown(leaf)
    const ratchets = new Map<RatchetId, Ratchet>()
    for (const [type, label] of [[ContentType.commit, 'handshake'], [ContentType.application, 'application']] as const) {
      ratchets.set(ratchetId(leaf, type), { generation: 0, secret: deriveSecret(this.#suite, leafSecret, label) })
    }
    leafSecret.wipe()
    return ratchets
  }

  /** Stores what `#splitDown` derives, and deletes the secrets above the leaf (§9.2). */
  #adoptSplit(leaf: LeafIndex): void {
    const ratchets = this.#splitDown(leaf)
    const { start, siblings } = this.#walkDown(leaf)
    for (const [node, secret] of siblings) this.#setNode(node, secret)
    this.#nodes.get(start)?.wipe()
    this.#nodes.delete(start)
    this.#dirty.add(`n${start.toString()}`)
    for (const [id, ratchet] of ratchets) this.#setRatchet(id, ratchet)
  }

  #walkDown(leaf: LeafIndex): { leafSecret: Secret; start: number; siblings: ReadonlyMap<number, Secret> } {
    const target = 2 * leaf
    let node = this.#leafCount - 1
    let half = this.#leafCount / 2
    const start = { node, secret: this.#nodes.get(node) }
    while (start.secret === undefined && half >= 1) {
      node = target < node ? node - half : node + half
      half /= 2
      start.node = node
      start.secret = this.#nodes.get(node)
    }
    // the secrets above a leaf go when its ratchets are made; a leaf without both is one already used up
    if (start.secret === undefined) throw new MlsError('mls.message.key_consumed')
    let secret = start.secret.clone()
    const siblings = new Map<number, Secret>()
    for (; half >= 1; half /= 2) {
      const goLeft = target < node
      const expand = (label: Uint8Array): Secret => expandWithLabel(this.#suite, secret, 'tree', label, this.#suite.hashLength)
      const next = expand(goLeft ? LEFT : RIGHT)
      siblings.set(goLeft ? node + half : node - half, expand(goLeft ? RIGHT : LEFT))
      secret.wipe()
      secret = next
      node = goLeft ? node - half : node + half
    }
    return { leafSecret: secret, start: start.node, siblings }
  }

  #setNode(node: number, secret: Secret): void {
    this.#nodes.set(node, secret)
    this.#dirty.add(`n${node.toString()}`)
  }

  #setRatchet(id: RatchetId, ratchet: Ratchet): void {
    this.#ratchets.get(id)?.secret.wipe()
    this.#ratchets.set(id, ratchet)
    this.#dirty.add(`r${id.toString()}`)
  }

  #keepSkipped(id: RatchetId, key: MessageKey): void {
    const name = `${id.toString()}.${key.generation.toString()}`
    this.#skipped.set(name, key)
    this.#dirty.add(`k${name}`)
    if (this.#skipped.size <= limits.maxSkippedKeys) return
    const [oldest] = this.#skipped.keys()
    if (oldest !== undefined) this.#dropSkipped(oldest)
  }

  #dropSkipped(name: string): void {
    const key = this.#skipped.get(name)
    key?.key.wipe()
    key?.nonce.wipe()
    this.#skipped.delete(name)
    this.#dirty.add(`k${name}`)
  }
}

