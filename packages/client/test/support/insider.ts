/**
 * An attack tool: a member who turns on the others. It has what any member has, its own profile, and the engine's inside.
 */
import { Group, makeCipherSuite } from '@famichat/mls'
import { nodeBackend } from '@famichat/mls/node'
import { systemClock, systemRandom } from '@famichat/base'
import { nodePlatform, openSqliteStore } from '@famichat/client/node'
import { type ConversationId, makeId, type MessageId } from '@famichat/protocol'
import { appendOutbox } from '../../dist/conversation/outbox-rows.js'
import { type Identity, openIdentity } from '../../dist/identity/identity.js'
import { readIdentity } from '../../dist/identity/joining.js'
import { Connection } from '../../dist/net/connection.js'
import type { DeviceCalls } from '../../dist/net/http.js'
import type { Turn } from '../../dist/conversation/workspace.js'
import { conversationPrefix, OutboxKind } from '../../dist/store/records.js'
import type { Change, Store } from '../../dist/store/store.js'
import { resolveConfig } from '../../../mls/dist/group/config.js'
import { restoreState } from '../../../mls/dist/group/restore.js'
import { openSenderData, protectPrivate, unprotectPrivate } from '../../../mls/dist/framing/private-message.js'
import { decodeMessage, encodeMessage } from '../../../mls/dist/wire/message.js'
import { WireFormat } from '../../../mls/dist/wire/registries.js'

type Rows = readonly { readonly key: string; readonly value: Uint8Array }[]

/** The rows of a member's group as they are now: its keys to what others send from now on are still there. */
export const keepRows = async (folder: string, conversationId: ConversationId): Promise<Rows> => {
  const store = openSqliteStore({ folder })
  const prefix = conversationPrefix(conversationId)
  const rows = (await store.list('groupRows', { prefix })).map(({ key, value }) => ({ key: key.slice(prefix.length), value }))
  await store.close()
  return rows
}

/**
 * Wraps the signed content of somebody else's message anew, under that sender's next key, which every member can derive
 * (RFC 9750 §8.6). The signature is the victim's own.
 */
export const reencrypt = (rows: Rows, message: Uint8Array): Uint8Array => {
  const suite = makeCipherSuite(3, nodeBackend, systemRandom)
  const config = resolveConfig({ backend: nodeBackend, authentication: { isValid: () => true, isSuccessor: () => true } })
  const { epoch: { secretTree, secrets: { senderDataSecret } } } = restoreState(config, rows)
  const decoded = decodeMessage(message.slice())
  if (decoded.wireFormat !== WireFormat.privateMessage) throw new Error('not a private message')
  const senderData = openSenderData(suite, decoded.privateMessage, senderDataSecret)
  const { contentType } = decoded.privateMessage
  const signed = unprotectPrivate(suite, decoded.privateMessage, {
    senderData, messageKey: secretTree.peek(senderData.leafIndex, contentType, senderData.generation),
  })
  const messageKey = secretTree.peek(senderData.leafIndex, contentType, senderData.generation + 1)
  const privateMessage = protectPrivate(suite, signed, { senderDataSecret, messageKey, leafIndex: senderData.leafIndex, paddingBytes: 0 })
  return encodeMessage({ wireFormat: WireFormat.privateMessage, privateMessage })
}

/** Encrypts as this member does, but with a head and a content of one's own choice; sent when the profile is opened again. */
export const forge = async (
  folder: string, conversationId: ConversationId, { head, document }: { readonly head: Uint8Array; readonly document: Uint8Array },
): Promise<void> => {
  const store: Store = openSqliteStore({ folder })
  const record = await readIdentity(store)
  if (record === undefined) throw new Error('not a profile')
  const { signer } = await openIdentity(makeCipherSuite(3, nodeBackend, systemRandom), record)
  const prefix = conversationPrefix(conversationId)
  const rows = (await store.list('groupRows', { prefix })).map(({ key, value }) => ({ key: key.slice(prefix.length), value }))
  const group = Group.restore({ config: { backend: nodeBackend, authentication: { isValid: () => true, isSuccessor: () => true } }, signer, rows })
  const { epoch } = group
  const message = await group.protect(document, { authenticatedData: head })
  await store.write(group.takeChanges().map(({ key, value }) => ({ table: 'groupRows', key: prefix + key, value })))
  group.close()
  await store.close()
  await smuggle(folder, conversationId, { epoch, message })
}

/** What a member can do with its own profile and the engine, whatever its client would. */
export interface Insider {
  readonly group: Group
  readonly identity: Identity
  readonly calls: DeviceCalls
  /** Sends a proposal, as it is. */
  readonly send: (message: Uint8Array) => Promise<void>
  /** Hands in a commit; the server sees no more of it than this. */
  readonly submit: (commit: Uint8Array, epoch: bigint) => Promise<void>
}

/** Acts as a member whose client is closed. Nothing of what it does is stored. */
export const asInsider = async (folder: string, conversationId: ConversationId, work: (insider: Insider) => Promise<void>): Promise<void> => {
  const store: Store = openSqliteStore({ folder })
  const record = await readIdentity(store)
  if (record === undefined) throw new Error('not a profile')
  const identity = await openIdentity(makeCipherSuite(3, nodeBackend, systemRandom), record)
  const prefix = conversationPrefix(conversationId)
  const rows = (await store.list('groupRows', { prefix })).map(({ key, value }) => ({ key: key.slice(prefix.length), value }))
  await store.close()
  const { signer } = identity
  const group = Group.restore({ config: { backend: nodeBackend, authentication: { isValid: () => true, isSuccessor: () => true } }, signer, rows })
  const connection = new Connection({
    identity, network: nodePlatform.network, clock: systemClock, random: systemRandom, timer: () => () => undefined, listener: { onFrame: () => undefined, onClosed: () => undefined },
  })
  const { calls } = connection
  const messageId = () => makeId<MessageId>(systemRandom)
  try {
    await work({
      group, identity, calls,
      send: async (message) => { await (await connection.channel()).send({ conversationId, messageId: messageId(), epoch: group.epoch, message }) },
      submit: async (commit, epoch) => {
        await calls.call('conversationCommit', { conversationId, messageId: messageId(), epoch, commit, welcome: undefined, groupInfo: undefined, added: [], removed: [], guests: [] })
      },
    })
  } finally {
    connection.close()
    group.close()
  }
}

/** Puts bytes into a closed profile's outbox: its client sends them when it is opened again. */
export const smuggle = async (folder: string, conversationId: ConversationId, { epoch, message }: { epoch: bigint; message: Uint8Array }): Promise<void> => {
  const store: Store = openSqliteStore({ folder })
  const changes: Change[] = []
  const turn: Pick<Turn, 'put'> = { put: (table, key, value) => { changes.push({ table, key, value }) } }
  await appendOutbox(store, conversationId, turn, [{ kind: OutboxKind.message, messageId: makeId<MessageId>(systemRandom), epoch, message, number: 0, document: new Uint8Array(0) }])
  await store.write(changes)
  await store.close()
}
