/**
 * Device links: a mailbox of two sealed blobs where a new device meets an existing one of the same account.
 * The server cannot read the blobs: they are sealed under the key in the link that passes between the two screens.
 */
import type { Selectable } from 'kysely'
import { type LinkId, type LinkMail, type LinkOpened, type LinkPost, LIFETIMES, LIMITS, makeId, type Nothing, ProtocolError } from '@famichat/protocol'
import type { AuthenticatedDevice, Services } from '../services.js'
import type { Store } from '../storage/open-database.js'
import type { Schema } from '../storage/schema.js'

/** Opens a mailbox for the caller's account. */
export const openLink = (services: Services, caller: AuthenticatedDevice): Promise<LinkOpened> => {
  const nowMs = services.clock.nowMs()
  const linkId = makeId<LinkId>(services.random)
  const expiresAtMs = nowMs + LIFETIMES.linkMs
  return services.database.write.write(async (store) => {
    await store.deleteFrom('links').where('expires_at_ms', '<=', nowMs).execute()
    const { open } = await store.selectFrom('links').select((eb) => eb.fn.countAll<number>().as('open'))
      .where('account_id', '=', caller.accountId).where('used_by', 'is', null).executeTakeFirstOrThrow()
    if (open >= LIMITS.openLinksPerAccount) throw new ProtocolError('protocol.rate.limited', { open })
    await store.insertInto('links').values({
      link_id: linkId, account_id: caller.accountId, device_id: caller.deviceId, expires_at_ms: expiresAtMs,
      offer: null, answer: null, used_by: null,
    }).execute()
    return { linkId, expiresAtMs }
  })
}

/** The new device posts its offer, once; the same bytes again are harmless. @throws ProtocolError `protocol.link.refused` */
export const postOffer = (services: Services, { linkId, sealed }: LinkPost): Promise<Nothing> =>
  services.database.write.write(async (store) => {
    const link = await readUsableLink(store, linkId, services.clock.nowMs())
    refuseSecondPost(link.offer, sealed)
    await store.updateTable('links').set({ offer: sealed }).where('link_id', '=', linkId).execute()
    return {}
  })

/** The existing device posts its answer to an offer, once. @throws ProtocolError `protocol.link.refused` */
export const postAnswer = (services: Services, caller: AuthenticatedDevice, { linkId, sealed }: LinkPost): Promise<Nothing> =>
  services.database.write.write(async (store) => {
    const link = await readOwnLink(store, caller, linkId, services.clock.nowMs())
    if (link.offer === null) throw new ProtocolError('protocol.link.refused')
    refuseSecondPost(link.answer, sealed)
    await store.updateTable('links').set({ answer: sealed }).where('link_id', '=', linkId).execute()
    return {}
  })

/** The existing device looks for the offer. @throws ProtocolError `protocol.link.refused` */
export const readOffer = async (services: Services, caller: AuthenticatedDevice, linkId: LinkId): Promise<LinkMail> => {
  const link = await readOwnLink(services.database.read, caller, linkId, services.clock.nowMs())
  return { sealed: link.offer ?? undefined }
}

/** The new device looks for the answer. @throws ProtocolError `protocol.link.refused` */
export const collectAnswer = async (services: Services, linkId: LinkId): Promise<LinkMail> => {
  const link = await readUsableLink(services.database.read, linkId, services.clock.nowMs())
  return { sealed: link.answer ?? undefined }
}

/** A mailbox that has not expired. @throws ProtocolError `protocol.link.refused` */
export const readUsableLink = async (store: Store, linkId: LinkId, nowMs: number): Promise<Selectable<Schema['links']>> => {
  const link = await store.selectFrom('links').selectAll().where('link_id', '=', linkId)
    .where('expires_at_ms', '>', nowMs).executeTakeFirst()
  if (link === undefined) throw new ProtocolError('protocol.link.refused')
  return link
}

const readOwnLink = async (
  store: Store, caller: AuthenticatedDevice, linkId: LinkId, nowMs: number,
): Promise<Selectable<Schema['links']>> => {
  const link = await readUsableLink(store, linkId, nowMs)
  if (link.device_id !== caller.deviceId) throw new ProtocolError('protocol.link.refused')
  return link
}

const refuseSecondPost = (posted: Uint8Array | null, sealed: Uint8Array): void => {
  if (posted !== null && Buffer.compare(posted, sealed) !== 0) throw new ProtocolError('protocol.link.refused')
}
