/**
 * Passkeys live in pages, keys live here: the worker asks its page, and the page asks the authenticator.
 */
import { type Authenticator, Client, ClientError, type ClientOptions, type CreatedPasskey, type PasskeyAnswer } from '@famichat/client'
import type { News, Opener, PasskeyOutcome } from '../requests.js'
import type { Answers } from './session.js'

type Waiting = (outcome: PasskeyOutcome) => void

/** What an authenticator's no can be; anything else is a browser that cannot. */
const CODES = ['client.passkey.cancelled', 'client.passkey.exists', 'client.passkey.unsupported'] as const

/** The page's authenticator, as this side sees it. */
export class PasskeyBridge {
  readonly authenticator: Authenticator
  readonly #waiting = new Map<number, Waiting>()
  #asked = 0

  constructor(tell: (news: News) => void) {
    const ask = async (question: Extract<News, { news: 'passkey' }>['question']): Promise<CreatedPasskey | PasskeyAnswer> => {
      const id = ++this.#asked
      const outcome = await new Promise<PasskeyOutcome>((resolve) => {
        this.#waiting.set(id, resolve)
        tell({ news: 'passkey', id, question })
      })
      if ('code' in outcome) throw new ClientError(CODES.find((code) => code === outcome.code) ?? 'client.passkey.unsupported')
      return outcome
    }
    this.authenticator = {
      create: async (creation) => await ask({ type: 'create', creation }) as CreatedPasskey,
      answer: async (question) => await ask({ type: 'answer', question }) as PasskeyAnswer,
    }
  }

  /** The page's answer. */
  settle(id: number, outcome: PasskeyOutcome): void {
    this.#waiting.get(id)?.(outcome)
    this.#waiting.delete(id)
  }
}

/** Answers about passkeys. */
export const makePasskeyAnswers = (client: () => Client, bridge: PasskeyBridge): Pick<Answers, 'passkeys' | 'addPasskey' | 'removePasskey' | 'passkeyAnswered'> => ({
  passkeys: () => client().passkeys.list(),
  addPasskey: (label) => client().passkeys.add({ authenticator: bridge.authenticator, label }),
  removePasskey: async (passkeyId) => {
    const passkey = (await client().passkeys.list()).find((known) => known.passkeyId === passkeyId)
    if (passkey === undefined) throw new ClientError('client.passkey.unknown')
    await client().passkeys.remove(passkey.passkeyId)
  },
  passkeyAnswered: (id, outcome) => {
    bridge.settle(id, outcome)
    return Promise.resolve()
  },
})

/** Signs in; what the person typed is tried once, and what is wrong with it comes back as a refusal. */
export const signInOnce = async (
  options: ClientOptions, bridge: PasskeyBridge, opener: Exclude<Opener, { type: 'passkey' }> | undefined,
): Promise<Client> => {
  let wrong: string | undefined
  try {
    return await Client.signIn(options, {
      origin: location.origin, authenticator: bridge.authenticator,
      unlock: (question) => {
        ({ wrong } = question)
        if (opener === undefined || wrong !== undefined) throw new ClientError('client.passkey.locked')
        return Promise.resolve(opener)
      },
    })
  } catch (error) {
    if (wrong === undefined) throw error
    throw new ClientError(wrong === 'client.recovery.malformed' ? wrong : 'client.archive.wrong_key')
  }
}
