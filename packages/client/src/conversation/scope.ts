/**
 * The conversations a program is limited to, as the server is asked for them (E17).
 */
import { isCodedError } from '@famichat/base'
import { type ConversationId, parseId, ScopeAccess, type TokenScope } from '@famichat/protocol'
import type { ClientScope } from '../platform.js'
import type { Catalogue } from './catalogue.js'

/** Names become ids. @throws ClientError `client.conversation.unknown` | `client.conversation.ambiguous` */
export const tokenScope = async (catalogue: Catalogue, { access, conversations }: ClientScope): Promise<TokenScope> => {
  const ids: ConversationId[] = []
  for (const nameOrId of conversations) ids.push(await idOf(catalogue, nameOrId))
  return { access: ScopeAccess[access], conversations: [...new Set(ids)] }
}

const idOf = async (catalogue: Catalogue, nameOrId: string): Promise<ConversationId> => {
  try {
    return (await catalogue.find(nameOrId)).conversationId
  } catch (error) {
    // this device may still come into it: then its id has to do
    if (!isCodedError(error, 'client.conversation.unknown') || !/^[\w-]{22}$/.test(nameOrId)) throw error
    return parseId(nameOrId)
  }
}
