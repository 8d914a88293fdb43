/**
 * Census: how often each key and each capability occurs among the nodes of a tree.
 * Layer: validate. Makes the group-wide rules of §7.3 cost as much as the nodes a commit changes, at any group size.
 */
import { bytesKey } from '@famichat/base'
import { check } from '../errors.js'
import type { RatchetTree } from '../tree/ratchet-tree.js'
import { isLeaf, type NodeIndex, nodeToLeaf, toNodeIndex } from '../tree/math.js'
import { type Extension, requiredCapabilitiesOf } from '../wire/extension.js'
import type { LeafNode } from '../wire/leaf-node.js'
import { isDefaultExtension, isDefaultProposal } from '../wire/registries.js'
import { nonDefaultTypes } from './extensions.js'

/** Counted things; the capability ones count members that list a type. */
type Kind = 'member' | 'signatureKey' | 'encryptionKey' | 'credentialUsed' | 'credential' | 'extension' | 'proposal'
type Counts = Readonly<Record<Kind, Map<string | number, number>>>

const noCounts = (): Counts => ({
  member: new Map(), signatureKey: new Map(), encryptionKey: new Map(), credentialUsed: new Map(), credential: new Map(), extension: new Map(),
  proposal: new Map(),
})

/** Counts over the nodes of one tree, or changes to such counts that are not merged yet. */
export class Census {
  readonly #base: Census | undefined
  readonly #counts = noCounts()
  /** Credential types ever seen in use: a handful. */
  readonly #credentialTypes = new Set<number>()
  /** The nodes whose keys have to be unique: those added since staging. */
  readonly #addedNodes = new Map<NodeIndex, { readonly key: string; readonly signatureKey: string | undefined }>()

  private constructor(base: Census | undefined) {
    this.#base = base
  }

  /** Counts every node of a tree. */
  static of(tree: RatchetTree): Census {
    const census = new Census(undefined)
    for (let node = 0; node < 2 * tree.leafCount - 1; node++) census.addNode(tree, toNodeIndex(node))
    return census
  }

  /** Changes on top of this census; it stays as it is until {@link merge}. */
  stage(): Census {
    return new Census(this)
  }

  /** Makes staged changes part of the census they were staged on, and returns that. */
  merge(): Census {
    if (this.#base === undefined) return this
    for (const [kind, changes] of Object.entries(this.#counts) as [Kind, Map<string | number, number>][]) {
      const counts = this.#base.#counts[kind]
      for (const [what, change] of changes) {
        const count = (counts.get(what) ?? 0) + change
        if (count === 0) counts.delete(what)
        else counts.set(what, count)
      }
    }
    for (const type of this.#credentialTypes) this.#base.#credentialTypes.add(type)
    return this.#base
  }

  addNode(tree: RatchetTree, node: NodeIndex): void {
    const leaf = isLeaf(node) ? tree.leaf(nodeToLeaf(node)) : undefined
    const encryptionKey = (leaf ?? tree.parent(node))?.encryptionKey
    if (encryptionKey === undefined) return
    const key = bytesKey(encryptionKey)
    this.#add('encryptionKey', key, 1)
    this.#addedNodes.set(node, { key, signatureKey: leaf && bytesKey(leaf.signatureKey) })
    if (leaf !== undefined) this.#countLeaf(leaf, 1)
  }

  removeNode(tree: RatchetTree, node: NodeIndex): void {
    const leaf = isLeaf(node) ? tree.leaf(nodeToLeaf(node)) : undefined
    const encryptionKey = (leaf ?? tree.parent(node))?.encryptionKey
    if (encryptionKey === undefined) return
    this.#add('encryptionKey', bytesKey(encryptionKey), -1)
    this.#addedNodes.delete(node)
    if (leaf !== undefined) this.#countLeaf(leaf, -1)
  }

  hasEncryptionKey(key: Uint8Array): boolean {
    return this.#count('encryptionKey', bytesKey(key)) > 0
  }

  hasSignatureKey(key: Uint8Array): boolean {
    return this.#count('signatureKey', bytesKey(key)) > 0
  }

  /** True when every member but `except` lists this proposal type, or needs not (§12.2). */
  allSupportProposal(type: number, except: readonly LeafNode[] = []): boolean {
    const listing = except.filter(({ capabilities }) => capabilities.proposals.includes(type)).length
    const members = this.#count('member', '') - except.length
    return isDefaultProposal(type) || this.#count('proposal', type) - listing === members
  }

  /**
   * The rules of §7.3 that compare members with each other, for the nodes added here and the group's extensions.
   * @throws MlsError `mls.leaf.duplicate_signature_key` | `mls.leaf.duplicate_encryption_key` | `mls.tree.duplicate_key`
   *   | `mls.leaf.key_reuse` | `mls.leaf.credential_mismatch` | `mls.proposal.required_unsupported`
   */
  validate(groupExtensions: readonly Extension[]): void {
    for (const [node, { key, signatureKey }] of this.#addedNodes) {
      check(this.#count('encryptionKey', key) === 1, isLeaf(node) ? 'mls.leaf.duplicate_encryption_key' : 'mls.tree.duplicate_key', { node })
      check(this.#count('signatureKey', key) === 0, 'mls.leaf.key_reuse', { node })
      if (signatureKey === undefined) continue
      check(this.#count('signatureKey', signatureKey) === 1, 'mls.leaf.duplicate_signature_key', { node })
      check(this.#count('encryptionKey', signatureKey) === 0, 'mls.leaf.key_reuse', { node })
    }
    this.#addedNodes.clear()
    for (const type of this.#credentialTypesUsed()) {
      check(this.#supportedByAll('credential', type), 'mls.leaf.credential_mismatch', { credentialType: type })
    }
    for (const type of nonDefaultTypes(groupExtensions)) {
      check(this.#supportedByAll('extension', type), 'mls.proposal.required_unsupported', { extensionType: type })
    }
    const required = requiredCapabilitiesOf(groupExtensions)
    if (required === undefined) return
    for (const type of required.extensionTypes) {
      check(isDefaultExtension(type) || this.#supportedByAll('extension', type), 'mls.proposal.required_unsupported', { extensionType: type })
    }
    for (const type of required.proposalTypes) {
      check(this.allSupportProposal(type), 'mls.proposal.required_unsupported', { proposalType: type })
    }
    for (const type of required.credentialTypes) {
      check(this.#supportedByAll('credential', type), 'mls.proposal.required_unsupported', { credentialType: type })
    }
  }

  #countLeaf(leaf: LeafNode, change: 1 | -1): void {
    const { credential, capabilities } = leaf
    this.#add('member', '', change)
    this.#add('signatureKey', bytesKey(leaf.signatureKey), change)
    this.#add('credentialUsed', credential.credentialType, change)
    this.#credentialTypes.add(credential.credentialType)
    for (const type of new Set(capabilities.credentials)) this.#add('credential', type, change)
    for (const type of new Set(capabilities.extensions)) this.#add('extension', type, change)
    for (const type of new Set(capabilities.proposals)) this.#add('proposal', type, change)
  }

  #supportedByAll(kind: 'credential' | 'extension' | 'proposal', type: number): boolean {
    return this.#count(kind, type) === this.#count('member', '')
  }

  #credentialTypesUsed(): readonly number[] {
    const before = this.#base === undefined ? [] : this.#base.#credentialTypes
    return [...new Set([...this.#credentialTypes, ...before])].filter((type) => this.#count('credentialUsed', type) > 0)
  }

  #add(kind: Kind, what: string | number, change: number): void {
    const counts = this.#counts[kind]
    counts.set(what, (counts.get(what) ?? 0) + change)
  }

  #count(kind: Kind, what: string | number): number {
    const before = this.#base === undefined ? 0 : this.#base.#count(kind, what)
    return before + (this.#counts[kind].get(what) ?? 0)
  }
}
