/**
 * Where people stand, as the server tells it: who may give whom which role, end whose account, invite whom. The server decides; screens
 * leave out what it would refuse.
 */
import type { FamilyView } from '../requests.js'
import { app } from './app.svelte.js'

/** Somebody in a family. */
export type Standing = FamilyView['members'][number] & { readonly isOwnFamily: boolean }

/** Oneself and, by name, somebody else. */
export const findStandings = async (name?: string): Promise<{ readonly self: Standing | undefined; readonly other: Standing | undefined }> => {
  const all = (await app.ask('families')).flatMap(({ isOwn, members }) => members.map((member): Standing => ({ ...member, isOwnFamily: isOwn })))
  return { self: all.find(({ accountId }) => accountId === app.me?.accountId), other: all.find((member) => member.name === name) }
}

/** Parents give roles in their family … */
export const givesInFamily = (self: Standing, other: Standing): boolean => self.familyRole === 'guardian' && other.isOwnFamily

/** … and end accounts there, but no admin's; admins of the community end anybody's. */
export const endsAccount = (self: Standing, other: Standing): boolean =>
  self.isCommunityAdmin || (givesInFamily(self, other) && !other.isCommunityAdmin)
