/**
 * A server that lies to one person: answers of the real one, changed on their way into that person's browser.
 */
import type { APIResponse, BrowserContext, Route } from 'playwright-core'
import { systemClock } from '@famichat/base'
import { type ConversationId, decodeRequest, decodeResponse, type DeviceId, encodeResponse, type Envelope, type RouteName, type RouteResponse, ROUTES } from '@famichat/protocol'

/** Changes each answer of a route. @returns ends the lie */
export const lie = async <Name extends RouteName>(
  context: BrowserContext, name: Name, change: (honest: RouteResponse<Name>) => RouteResponse<Name>,
): Promise<() => Promise<void>> =>
  alter(context, (address) => address.pathname === ROUTES[name].path, async (honest) =>
    (honest.ok() ? { response: honest, body: Buffer.from(encodeResponse(name, change(decodeResponse(name, await honest.body())))) } : { response: honest }))

/** Changes each answer from some addresses. @returns ends it */
export const alter = async (
  context: BrowserContext, isMeant: (address: URL) => boolean, change: (honest: APIResponse) => Promise<Fulfilment> | Fulfilment,
): Promise<() => Promise<void>> => {
  await context.route(isMeant, async (route) => {
    try {
      await route.fulfill(await change(await route.fetch()))
    } catch {
      // the page went away meanwhile
      await route.abort().catch(() => undefined)
    }
  })
  return () => context.unrouteAll({ behavior: 'ignoreErrors' })
}

type Fulfilment = Parameters<Route['fulfill']>[0]

/** Tells one browser a story of its own from a position of a conversation on: what it changes there, it alone hears of. */
export const tellApart = async (
  context: BrowserContext, { conversationId, seq, deviceId }: { readonly conversationId: ConversationId; readonly seq: number; readonly deviceId: DeviceId },
): Promise<void> => {
  const story: Envelope[] = []
  await context.route(({ pathname }) => pathname === ROUTES.conversationCommit.path, async (route) => {
    const { commit, messageId, epoch } = decodeRequest('conversationCommit', new Uint8Array(route.request().postDataBuffer() ?? []))
    story.push({ message: commit.slice(), header: { conversationId, seq: seq + 1, senderDevice: deviceId, messageId, encryption: 1, contentType: 3, epoch, createdAtMs: systemClock.nowMs() } })
    await route.fulfill({ body: Buffer.from(encodeResponse('conversationCommit', { seq: seq + 1, createdAtMs: systemClock.nowMs() })) })
  })
  await context.route(({ pathname }) => pathname === ROUTES.logRead.path, (route) =>
    (story.length === 0 ? route.continue() : route.fulfill({ body: Buffer.from(encodeResponse('logRead', { envelopes: story, hasMore: false, prunedSeq: 0 })) })))
}
