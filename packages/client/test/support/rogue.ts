/**
 * A second attack tool: a member whose client does not ask the policy. It puts proposals and commits of its own choice into a
 * closed profile; its client sends them when it is opened again.
 */
import { systemRandom } from '@famichat/base'
import {
  type CryptoBackend, type Extension, Group, type KeyPackage, makeAdd, makeCipherSuite, makeGroupContextExtensions, makeRemove, type Proposal,
} from '@famichat/mls'
import { nodeBackend } from '@famichat/mls/node'
import { openSqliteStore } from '@famichat/client/node'
import { type AccountId, type ConversationId, makeId, type MessageId } from '@famichat/protocol'
import { type ConversationRules, readConversationExtension, withRules } from '../../dist/conversation/conversation-extension.js'
import { deviceOfLeaf, membersOf, type PlacedDevice } from '../../dist/conversation/members.js'
import { encodeMessageHead } from '../../dist/conversation/message-document.js'
import { transcriptPrefixOf } from '../../dist/conversation/outbox.js'
import { appendOutbox } from '../../dist/conversation/outbox-rows.js'
import { openIdentity } from '../../dist/identity/identity.js'
import { readIdentity } from '../../dist/identity/joining.js'
import { readKeyPackages } from '../../dist/identity/key-packages.js'
import { CommitRecord, ConversationRecord, conversationPrefix, decodeRecord, encodeRecord, OutboxKind } from '../../dist/store/records.js'
import type { Change, Store } from '../../dist/store/store.js'

const suite = makeCipherSuite(3, nodeBackend, systemRandom)
const authentication = { isValid: () => true, isSuccessor: () => true }

/** What a rogue wants, seen from inside its group. */
export type Wish = (group: Group) => readonly Proposal[]

/** Wishes a policy may forbid. */
export const wishes = {
  add: (keyPackage: KeyPackage): Wish => () => [makeAdd(keyPackage)],
  remove: (accountId: AccountId): Wish => (group) => membersOf(group).filter((member) => member.accountId === accountId).map(({ leafIndex }) => makeRemove(leafIndex)),
  rules: (change: (rules: ConversationRules) => ConversationRules): Wish => (group) => {
    const { extensions } = group.context
    return [makeGroupContextExtensions(withRules(extensions, change(readConversationExtension(extensions))))]
  },
  extensions: (change: (extensions: readonly Extension[]) => readonly Extension[]): Wish => (group) => [makeGroupContextExtensions(change(group.context.extensions))],
} as const

/** A KeyPackage of a closed profile, as anybody could have claimed it. */
export const keyPackageOf = async (folder: string): Promise<KeyPackage> => {
  const store = openSqliteStore({ folder })
  try {
    const [stored] = await readKeyPackages({ store, suite })
    if (stored === undefined) throw new Error('no KeyPackage')
    return stored.bundle.keyPackage
  } finally {
    await store.close()
  }
}

/** Where the devices of a closed profile's conversation are in its tree, and under which keys. */
export const leavesOf = async (folder: string, conversationId: ConversationId): Promise<readonly (PlacedDevice & { readonly encryptionKey: Uint8Array })[]> => {
  let leaves: readonly (PlacedDevice & { readonly encryptionKey: Uint8Array })[] = []
  await inside(folder, conversationId, { backend: nodeBackend }, ({ group }) => {
    leaves = group.members.map(({ leafIndex, leafNode }) => ({ ...deviceOfLeaf(leafNode), leafIndex, encryptionKey: leafNode.encryptionKey.slice() }))
    return Promise.resolve()
  })
  return leaves
}

/** Stages a commit in a closed profile, with what was proposed to it; its client submits it next. */
export const commitAgainst = (folder: string, conversationId: ConversationId, wish: Wish, { backend = nodeBackend }: { readonly backend?: CryptoBackend } = {}): Promise<void> =>
  inside(folder, conversationId, { backend }, async ({ group, cursor, store }) => {
    const { epoch } = group
    const leaves = new Map(group.members.map(({ leafIndex, leafNode }) => [leafIndex, leafNode]))
    const { commit, welcome, staged } = await group.commit({ proposals: wish(group), authenticatedData: encodeMessageHead({ conversationId, number: 0, listNumber: 0, listPrefix: new Uint8Array(16), transcriptPrefix: transcriptPrefixOf(group), lastSeq: cursor }) })
    const record = {
      messageId: makeId<MessageId>(systemRandom), epoch, commit, welcome, guests: [],
      added: staged.added.map(({ keyPackage }) => deviceOfLeaf(keyPackage.leafNode).deviceId),
      removed: staged.removed.flatMap((leaf) => leaves.get(leaf) ?? []).map((leafNode) => deviceOfLeaf(leafNode).deviceId),
    }
    await store.write([{ table: 'commits', key: conversationId, value: encodeRecord(CommitRecord, record) }])
  })

/** Proposes from a closed profile; its client sends the proposals next. */
export const proposeAgainst = (folder: string, conversationId: ConversationId, wish: Wish): Promise<void> =>
  inside(folder, conversationId, { backend: nodeBackend }, async ({ group, store }) => {
    const { epoch } = group
    for (const proposal of wish(group)) {
      const message = await group.propose(proposal)
      const changes: Change[] = []
      const row = { kind: OutboxKind.proposal, messageId: makeId<MessageId>(systemRandom), epoch, message, number: 0, document: new Uint8Array(0) }
      await appendOutbox(store, conversationId, { put: (table, key, value) => { changes.push({ table, key, value }) } }, [row])
      await store.write(changes)
    }
  })

interface Inside {
  readonly group: Group
  readonly store: Store
  readonly cursor: number
}

const inside = async (
  folder: string, conversationId: ConversationId, { backend }: { readonly backend: CryptoBackend }, work: (inside: Inside) => Promise<void>,
): Promise<void> => {
  const store: Store = openSqliteStore({ folder })
  try {
    const identity = await readIdentity(store)
    const record = await store.get('conversations', conversationId)
    if (identity === undefined || record === undefined) throw new Error('not a member')
    const { signer } = await openIdentity(suite, identity)
    const prefix = conversationPrefix(conversationId)
    const rows = (await store.list('groupRows', { prefix })).map(({ key, value }) => ({ key: key.slice(prefix.length), value }))
    const group = Group.restore({ config: { backend, authentication, policy: { checkLifetimes: false } }, signer, rows })
    await work({ group, store, cursor: decodeRecord(ConversationRecord, record).cursor })
    await store.write(group.takeChanges().map(({ key, value }) => ({ table: 'groupRows', key: prefix + key, value })))
    group.close()
  } finally {
    await store.close()
  }
}
