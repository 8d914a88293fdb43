/**
 * Scopes of tokens (E17): a token may be narrowed to named conversations, and there to reading. What it may not have looks to
 * its holder like what does not exist. A device asks for the scope with its signature and can always ask for another.
 */
import { closed, type Infer, struct, uint8, vector } from '@famichat/base'
import { ConversationId } from './ids.js'
import { LIMITS } from './limits.js'

/** What a narrowed token may do in its conversations; writing includes reading. */
export const ScopeAccess = { read: 1, write: 2 } as const
export type ScopeAccess = (typeof ScopeAccess)[keyof typeof ScopeAccess]

/** What a token is narrowed to; no conversation at all is allowed, and gives nothing. */
export const TokenScope = struct({ access: closed(uint8, ScopeAccess, 'scope access'), conversations: vector(ConversationId, { max: LIMITS.conversationsPerScope }) })
export type TokenScope = Infer<typeof TokenScope>

/**
 * What a route means to a narrowed token: never for it; always, showing what is in scope; or for reading or writing in the
 * one conversation that the request is about.
 */
export type RouteScope = 'never' | 'always' | 'read' | 'write'

/** Whether a token with this scope, or without one, may do this in this conversation. */
export const isInScope = (scope: TokenScope | undefined, conversationId: ConversationId | undefined, access: 'read' | 'write'): boolean => {
  if (scope === undefined) return true
  if (conversationId === undefined || !scope.conversations.includes(conversationId)) return false
  return access === 'read' || scope.access === ScopeAccess.write
}
