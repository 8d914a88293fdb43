/**
 * Messages: send and tail.
 */
import type { Command } from 'commander'
import { isCodedError } from '@famichat/base'
import { type Client, type ConversationEvent, type ConversationInfo } from '@famichat/client'
import { UsageError } from '../failure.js'
import { eventForms, shortId } from '../event-forms.js'
import { type GlobalOptions, type Session, sessionOf, syncAndSay, syncIfPossible, withClient } from '../session.js'

interface TailOptions extends GlobalOptions {
  readonly once?: boolean
  readonly count?: string
  readonly after?: string
  readonly ids?: boolean
}

/** Adds the commands. */
export const addMessageCommands = (program: Command): void => {
  program.command('send')
    .summary('send a text')
    .description('Sends a text to a conversation, or to a person: the direct conversation is made if there is none.')
    .argument('<conversation>', 'name or id of a conversation, or the name of a person')
    .argument('<text>', 'what to say, in quotes')
    .addHelpText('after', "\nExample:\n  famichat send Ben 'Dinner at seven?'")
    .action(async (conversation: string, text: string, _options: unknown, command: Command) => {
      await send(sessionOf(command.optsWithGlobals<GlobalOptions>()), conversation, text)
    })
  program.command('tail')
    .summary('read a conversation, and go on reading')
    .description('Prints a conversation from its beginning and goes on as messages come, until Ctrl-C.')
    .argument('<conversation>', 'name or id of the conversation')
    .option('--once', 'print what there is, then stop')
    .option('--count <number>', 'stop after so many messages')
    .option('--after <seq>', 'begin after this position')
    .option('--ids', 'begin each message with its id, for reply, react, edit, delete and save')
    .addHelpText('after', '\nExample:\n  famichat tail Garden --once --json')
    .action(async (conversation: string, _options: unknown, command: Command) => { await tail(conversation, command.optsWithGlobals<TailOptions>()) })
}

const send = (session: Session, conversation: string, text: string): Promise<void> =>
  withClient(session, async (client) => {
    const { conversationId, name } = await findOrMake(client, session, conversation)
    try {
      const { messageId } = await client.send(conversationId, text)
      session.output.say(`Sent to ${name}.`, { type: 'sent', conversation: conversationId, id: messageId })
    } catch (error) {
      const isKept = isCodedError(error, 'client.server.unreachable') || isCodedError(error, 'client.channel.closed')
      // programs hear it too: whoever sent it again would say it twice
      if (isKept) session.output.warn('the message is kept and goes out with the next command', { type: 'kept', conversation: conversationId })
      throw error
    }
  })

/**
 * A conversation that is here, one that waits at the server, or a new one with the person of that name. A person comes before a
 * group that somebody gave a person's name to.
 */
export const findOrMake = async (client: Client, session: Session, nameOrId: string): Promise<ConversationInfo> => {
  const here = await findHere(client, nameOrId)
  // one from an archive may be waiting at the server
  if (here !== undefined && here.state !== 'archived') return here
  await syncAndSay(client, session)
  const waiting = await findHere(client, nameOrId)
  if (waiting !== undefined) return waiting
  try {
    return await client.createDirect(nameOrId)
  } catch (error) {
    if (!isCodedError(error, 'client.member.unknown')) throw error
    // nobody of that name either; of conversations there may still be several, or one that has ended
    return client.conversation(nameOrId).catch((unknown: unknown) => { throw isCodedError(unknown, 'client.conversation.unknown') ? error : unknown })
  }
}

const findHere = async (client: Client, nameOrId: string): Promise<ConversationInfo | undefined> => {
  try {
    const info = await client.conversation(nameOrId)
    return info.state === 'ended' ? undefined : info
  } catch (error) {
    if (isCodedError(error, 'client.conversation.unknown') || isCodedError(error, 'client.conversation.ambiguous')) return undefined
    throw error
  }
}

const tail = async (conversation: string, options: TailOptions): Promise<void> => {
  const session = sessionOf(options)
  const limit = options.count === undefined ? Infinity : countOf(options.count)
  const afterSeq = options.after === undefined ? 0 : countOf(options.after)
  await withClient(session, async (client) => {
    await syncIfPossible(client, session)
    const { conversationId } = await client.conversation(conversation)
    if (options.once === true) {
      let printed = 0
      for (const event of await client.history(conversationId, afterSeq)) {
        if (printed >= limit) return
        printed += await print(client, session, { event, withIds: options.ids === true })
      }
      return
    }
    await follow(client, session, { conversationId, afterSeq, limit, withIds: options.ids === true })
  })
}

const follow = async (
  client: Client, session: Session,
  { conversationId, afterSeq, limit, withIds }: { conversationId: ConversationInfo['conversationId']; afterSeq: number; limit: number; withIds: boolean },
): Promise<void> => {
  const stop = new AbortController()
  const abort = (): void => { stop.abort() }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, abort)
  const live = client.live(stop.signal).finally(abort)
  let printed = 0
  try {
    for await (const event of client.events(conversationId, { afterSeq, signal: stop.signal })) {
      if (printed >= limit) break
      printed += await print(client, session, { event, withIds })
      if (printed >= limit) break
    }
  } finally {
    abort()
    await live
  }
}

/** @returns 1 for a message, 0 for anything else */
const print = async (
  client: Client, { output }: Session, { event, withIds }: { readonly event: ConversationEvent; readonly withIds: boolean },
): Promise<number> => {
  const { text, json } = await eventForms(event, (accountId) => client.nameOf(accountId))
  output.say(withIds && event.kind === 'message' ? `${shortId(event.messageId)}  ${text}` : text, json)
  return event.kind === 'message' ? 1 : 0
}

const countOf = (text: string): number => {
  if (!/^\d{1,9}$/.test(text)) throw new UsageError('a count is a whole number')
  return Number(text)
}
