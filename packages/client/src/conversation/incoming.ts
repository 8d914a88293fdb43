/**
 * Incoming: what others said in any conversation, each message once per reader, across restarts. For bots.
 * A reader's mark moves when the next message is asked for: one whose handling died comes again (at least once).
 */
import { fromUtf8, utf8 } from '@famichat/base'
import type { ConversationId } from '@famichat/protocol'
import { ClientError } from '../client-error.js'
import type { Engine } from '../engine.js'
import { ConversationState } from '../store/records.js'
import { type ConversationEvent, readHistory, type StoredEvent } from './history.js'

/** A message of somebody else. */
export type IncomingMessage = Extract<ConversationEvent, { readonly kind: 'message' }>

/** Entries that are read from the store at once. */
const STRETCH = 64
/** What a reader may be called: it is part of a key. */
const READER = /^[a-z0-9-]{1,32}$/

/**
 * Stays connected and yields messages of others, oldest first within a conversation, until `signal`.
 * @param reader a name of lower-case letters, digits and dashes; each reader has marks of its own
 * @throws ClientError `client.reader.malformed` | what connecting again cannot mend
 */
export async function *readIncoming(engine: Engine, reader: string, signal: AbortSignal): AsyncGenerator<IncomingMessage> {
  if (!READER.test(reader)) throw new ClientError('client.reader.malformed')
  const ending = new AbortController()
  const either = AbortSignal.any([signal, ending.signal])
  const live = engine.live.run(either).finally(() => { ending.abort() })
  try {
    yield * follow(engine, reader, either)
  } finally {
    ending.abort()
    await live
  }
}

async function *follow(engine: Engine, reader: string, signal: AbortSignal): AsyncGenerator<IncomingMessage> {
  const { changes, workspace } = engine
  while (!signal.aborted) {
    const mark = changes.markAny()
    let isQuiet = true
    for (const { conversationId, record } of await workspace.list()) {
      if (record.state !== ConversationState.active) continue
      for (const { key, event } of await unread(engine, reader, conversationId)) {
        isQuiet = false
        if (event.kind === 'message' && event.accountId !== workspace.context.identity.accountId) yield event
        await setMark(engine, reader, { conversationId, key })
        if (isAborted(signal)) return
      }
    }
    if (isQuiet) await changes.afterAny(mark, signal)
  }
}

const isAborted = (signal: AbortSignal): boolean => signal.aborted

const markKey = (reader: string, conversationId: ConversationId): string => `reader/${reader}/${conversationId}`

const unread = async ({ workspace }: Engine, reader: string, conversationId: ConversationId): Promise<readonly StoredEvent[]> => {
  const { store } = workspace.context
  const stored = await store.get('profile', markKey(reader, conversationId))
  return readHistory(store, conversationId, { limit: STRETCH, ...(stored === undefined ? {} : { afterKey: fromUtf8(stored) }) })
}

const setMark = ({ workspace }: Engine, reader: string, { conversationId, key }: { readonly conversationId: ConversationId; readonly key: string }): Promise<void> =>
  workspace.context.store.write([{ table: 'profile', key: markKey(reader, conversationId), value: utf8(key) }])
