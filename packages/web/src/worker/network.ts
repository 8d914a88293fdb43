/**
 * The network as the page wants to know it: connected or not, and whether the clocks agree. It only listens.
 */
import type { Network } from '@famichat/client'
import type { Clock } from '@famichat/base'
import type { Connection, News } from '../requests.js'

/** Clocks that differ by more than this make sign-in fail. */
const WORRYING_MS = 4 * 60_000

/** Reports what passes through a network. */
export const observed = (network: Network, clock: Clock, tell: (news: News) => void): Network => {
  let known: Connection = 'connecting'
  const report = (connection: Connection): void => {
    if (connection === known) return
    known = connection
    tell({ news: 'connection', connection })
  }
  return {
    fetch: async (url, init) => {
      try {
        const response = await network.fetch(url, init)
        compareClocks(response, clock, tell)
        if (known === 'offline') report('connecting')
        return response
      } catch (error) {
        report('offline')
        throw error
      }
    },
    openSocket: (url, events) => network.openSocket(url, {
      onMessage: (bytes) => {
        report('online')
        events.onMessage(bytes)
      },
      onClose: () => {
        // a closed socket is no news when nothing answers
        if (known === 'online') report('connecting')
        events.onClose()
      },
    }),
  }
}

const compareClocks = (response: Response, clock: Clock, tell: (news: News) => void): void => {
  const serverMs = Date.parse(response.headers.get('date') ?? '')
  const apartMs = clock.nowMs() - serverMs
  if (Math.abs(apartMs) > WORRYING_MS) tell({ news: 'clock', minutes: Math.round(apartMs / 60_000) })
}
