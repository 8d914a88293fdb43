/**
 * Problems that are said on every screen: what is wrong with the server or with a person. What is wrong with one conversation, that
 * one says itself.
 */
import type { Problem } from '@famichat/client'
import type { ProblemView } from '../requests.js'
import type { SpokenCode } from '../words/spoken-codes.js'
import type { Names } from './names.js'

const SAID_ALOUD: ReadonlySet<string> = new Set<SpokenCode>([
  'client.server.rolled_back', 'client.server.restored', 'client.member.key_changed', 'client.invite.inviter_missing', 'client.invite.joiner_differs',
  'client.device.hidden', 'client.device.unlisted', 'client.device_list.forked', 'client.device_list.refused', 'client.device_list.rolled_back',
  'client.device_list.withheld',
])

/** What of it people should read, each once, with whom it is about. */
export const problemsAloud = async (problems: readonly Problem[], names: Names): Promise<readonly ProblemView[]> => {
  const aloud = new Map<string, ProblemView>()
  for (const { code, accountId } of problems) {
    if (!SAID_ALOUD.has(code)) continue
    const name = accountId === undefined ? '' : (await names.person(accountId)).name
    aloud.set(`${code} ${name}`, { code, name })
  }
  return [...aloud.values()]
}
