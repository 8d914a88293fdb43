/**
 * A server that lies to one person: answers of the real one, changed on their way into that person's browser.
 */
import type { APIResponse, BrowserContext, Route } from 'playwright-core'
import { decodeResponse, encodeResponse, type RouteName, type RouteResponse, ROUTES } from '@famichat/protocol'

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
