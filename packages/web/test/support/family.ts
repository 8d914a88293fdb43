/**
 * A family that has just started: the first person came in by the set-up link, the others by invites.
 */
import type { ServerOptions } from '@famichat/server'
import type { findChromium } from './community.js'
import { WebCommunity, type Window } from './community.js'
import { invite, seeEmptyList } from './people.js'

/** People of the tests, in the order in which they come. */
const NAMES = ['Ada', 'Ben', 'Cleo'] as const

/** A community, and a window for each of its people. */
export interface Family<Windows extends readonly Window[]> {
  readonly community: WebCommunity
  readonly windows: Windows
}

/** Ada alone. */
export const startAlone = async (found: ReturnType<typeof findChromium>, options: Partial<ServerOptions> = {}): Promise<Family<readonly [Window]>> => {
  const community = await WebCommunity.start('path' in found ? found.path : '', options)
  const ada = await community.join(community.setupLink, NAMES[0], { family: 'Rivera' })
  await seeEmptyList(ada.page)
  return { community, windows: [ada] }
}

/** Ada and Ben. */
export const startPair = async (found: ReturnType<typeof findChromium>, options: Partial<ServerOptions> = {}): Promise<Family<readonly [Window, Window]>> => {
  const { community, windows: [ada] } = await startAlone(found, options)
  return { community, windows: [ada, await joinFamily(community, ada, NAMES[1])] }
}

/** Ada, Ben and Cleo. */
export const startTrio = async (found: ReturnType<typeof findChromium>, options: Partial<ServerOptions> = {}): Promise<Family<readonly [Window, Window, Window]>> => {
  const { community, windows: [ada, ben] } = await startPair(found, options)
  return { community, windows: [ada, ben, await joinFamily(community, ada, NAMES[2])] }
}

/** Somebody more, invited by whoever looks at the list. */
export const joinFamily = async (community: WebCommunity, inviter: Window, name: string): Promise<Window> => {
  const window = await community.join(await invite(inviter.page), name)
  await seeEmptyList(window.page)
  return window
}
