/**
 * What a dishonest server answers: each lie is about one route, and starts from the honest answer.
 */
import { decodeResponse, type Directory, encodeResponse, type Envelope, type RouteName, type RouteResponse, ROUTES } from '@famichat/protocol'
import type { Lie } from './community.js'

/** A whole answer of a route. */
export const answer = <Name extends RouteName>(name: Name, response: RouteResponse<Name>): Response =>
  new Response(encodeResponse(name, response) as Uint8Array<ArrayBuffer>)

/** Changes what a route answers. */
export const lieAbout = <Name extends RouteName>(name: Name, change: (honest: RouteResponse<Name>) => RouteResponse<Name>): Lie => (path, honest) =>
  (path === ROUTES[name].path ? answer(name, change(decodeResponse(name, honest))) : undefined)

/** Changes the entries of every log. */
export const lieAboutLog = (change: (envelopes: readonly Envelope[]) => readonly Envelope[]): Lie =>
  lieAbout('logRead', (stretch) => ({ ...stretch, envelopes: change(stretch.envelopes) }))

/** Changes the people in the directory. */
export const lieAboutPeople = (change: (accounts: Directory['accounts']) => Directory['accounts']): Lie =>
  lieAbout('directory', (directory) => ({ ...directory, accounts: change(directory.accounts) }))
