/**
 * Scopes of tokens, held against every call and every frame (E17). What is out of scope gets the answer of what does not exist.
 */
import { decode, encode } from '@famichat/base'
import { type ConversationId, isInScope, ProtocolError, type RouteName, type RouteRequest, ROUTES, TokenScope } from '@famichat/protocol'
import type { AuthenticatedDevice } from '../services.js'
import type { Store } from '../storage/open-database.js'

/** A scope as it is stored beside its tokens; null for all. */
export const storedScope = (scope: TokenScope | undefined): Uint8Array | null => (scope === undefined ? null : encode(TokenScope, scope))

/** The scope of a stored token. */
export const readScope = (stored: Uint8Array | null): TokenScope | undefined => (stored === null ? undefined : decode(TokenScope, stored))

/** Holds a call against the scope of its token. @throws ProtocolError `protocol.access.refused` */
export const requireScope = async (store: Store, { scope, deviceId }: AuthenticatedDevice, name: RouteName, request: RouteRequest<RouteName>): Promise<void> => {
  if (scope === undefined) return
  const allowed = ROUTES[name].scope
  if (allowed === 'always') return
  if (allowed === 'never' || !isInScope(scope, await conversationOf(store, deviceId, request), allowed)) throw new ProtocolError('protocol.access.refused')
}

/** What of a list is in scope. */
export const withinScope = <T extends { readonly conversationId: ConversationId }>({ scope }: AuthenticatedDevice, all: readonly T[]): readonly T[] =>
  all.filter(({ conversationId }) => isInScope(scope, conversationId, 'read'))

/** The conversation of a Welcome that waits for this device. */
export const conversationOfWelcome = async (store: Store, deviceId: AuthenticatedDevice['deviceId'], welcomeId: RouteRequest<'welcomeRead'>['welcomeId']): Promise<ConversationId | undefined> => {
  const welcome = await store.selectFrom('welcomes').select('conversation_id').where('welcome_id', '=', welcomeId).where('device_id', '=', deviceId).executeTakeFirst()
  return welcome?.conversation_id
}

/** The one conversation that a request is about; undefined when it is about none. */
const conversationOf = async (store: Store, deviceId: AuthenticatedDevice['deviceId'], request: RouteRequest<RouteName>): Promise<ConversationId | undefined> => {
  if ('conversationId' in request) return request.conversationId
  if ('welcomeId' in request) return conversationOfWelcome(store, deviceId, request.welcomeId)
  if (!('blobId' in request)) return undefined
  const blob = await store.selectFrom('blobs').select('conversation_id').where('blob_id', '=', request.blobId).executeTakeFirst()
  return blob?.conversation_id ?? undefined
}
