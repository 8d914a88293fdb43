/**
 * Chat: a conversation in the terminal. What others say appears above the line that is being typed; each message has a number.
 */
import type { Command } from 'commander'
import { isCodedError } from '@famichat/base'
import { type Client, ClientError, type ConversationEvent, type ConversationInfo } from '@famichat/client'
import { CHAT_COMMANDS, type ChatLine, parseChatLine } from '../chat-line.js'
import { eventForms, shortId } from '../event-forms.js'
import { sentenceOf, UsageError } from '../failure.js'
import { saveFileTo, sendFileFrom } from '../file-transfer.js'
import { type GlobalOptions, type Session, sessionOf, syncIfPossible, withClient } from '../session.js'
import { Terminal } from '../terminal.js'
import { findOrMake } from './messages.js'

/** Earlier events that are shown when a chat opens. */
const SHOWN_BEFORE = 20

/** Adds the command. */
export const addChatCommand = (program: Command): void => {
  program.command('chat')
    .summary('talk in a conversation')
    .description('Opens a conversation in the terminal: write, and read what others write, until Ctrl-D. Lines from a pipe are sent one by one.')
    .argument('[conversation]', 'name or id of a conversation, or the name of a person; without it you choose from a list')
    .addHelpText('after', `\nInside:\n${CHAT_COMMANDS.map((line) => `  ${line}`).join('\n')}\n\nExample:\n  famichat chat Ben`)
    .action(async (conversation: string | undefined, _options: unknown, command: Command) => {
      const session = sessionOf(command.optsWithGlobals<GlobalOptions>())
      await withClient(session, (client) => chat(client, session, conversation))
    })
}

const chat = async (client: Client, session: Session, wanted: string | undefined): Promise<void> => {
  await syncIfPossible(client, session)
  const terminal = new Terminal(session.output)
  try {
    const info = await findOrMake(client, session, wanted ?? await choose(client, terminal))
    await new Chat({ client, session, terminal, info }).run()
  } finally {
    terminal.close()
  }
}

/** @throws UsageError when there is nothing to choose from */
const choose = async (client: Client, terminal: Terminal): Promise<string> => {
  const infos = (await client.conversations()).filter(({ state }) => state === 'active')
  if (infos.length === 0) throw new UsageError('you have no conversations yet: famichat chat NAME starts one with a person')
  terminal.print(['Your conversations:', ...infos.map(({ name }, index) => `  ${index + 1}  ${name}`)].join('\n'), { type: 'choose' })
  terminal.ask('Which? ')
  for (let line = await terminal.line(); line !== undefined; line = await terminal.line()) {
    const typed = line.trim()
    const chosen = infos[Number(typed) - 1] ?? infos.find(({ name }) => name === typed)
    if (chosen !== undefined) return chosen.conversationId
    terminal.note('Give the number of one of them.')
  }
  throw new UsageError('name a conversation: famichat chat NAME')
}

interface ChatContext {
  readonly client: Client
  readonly session: Session
  readonly terminal: Terminal
  readonly info: ConversationInfo
}

/** One open conversation. */
class Chat {
  readonly #context: ChatContext
  readonly #stop = new AbortController()
  /** The numbers of messages, by id. */
  readonly #numbers = new Map<string, number>()

  constructor(context: ChatContext) {
    this.#context = context
  }

  async run(): Promise<void> {
    const { client, terminal, info } = this.#context
    const end = (): void => {
      this.#stop.abort()
      terminal.close()
    }
    process.once('SIGTERM', end)
    terminal.note(`${info.name}: ${info.members.map(({ name }) => name).join(', ')}. /help shows what you can do; Ctrl-D ends.`)
    terminal.ask('> ')
    const live = client.live(this.#stop.signal).finally(end)
    const shown = this.#show()
    try {
      for (let line = await terminal.line(); line !== undefined; line = await terminal.line()) {
        if (await this.#does(parseChatLine(line)) === 'quit') break
        terminal.ask('> ')
      }
    } finally {
      end()
      process.off('SIGTERM', end)
      await shown
      await live
    }
  }

  /** Shows the end of what was said, then what is said from now on. */
  async #show(): Promise<void> {
    const { client, info: { conversationId } } = this.#context
    const history = await client.history(conversationId)
    for (const event of history) this.#number(event)
    for (const event of history.slice(-SHOWN_BEFORE)) await this.#print(event)
    const afterSeq = history.at(-1)?.seq ?? 0
    for await (const event of client.events(conversationId, { afterSeq, signal: this.#stop.signal })) await this.#print(event)
  }

  async #print(event: ConversationEvent): Promise<void> {
    const { client, terminal } = this.#context
    this.#number(event)
    const { text, json } = await eventForms(event, (accountId) => client.nameOf(accountId), (messageId) => this.#numbers.get(messageId)?.toString() ?? shortId(messageId))
    terminal.print(event.kind === 'message' ? `${event.seq}  ${text}` : text, json)
  }

  #number(event: ConversationEvent): void {
    if (event.kind === 'message') this.#numbers.set(event.messageId, event.seq)
  }

  /** Does what a line says. A refusal is said, and the chat goes on. */
  async #does(line: ChatLine): Promise<'quit' | 'on'> {
    const { terminal } = this.#context
    try {
      return await this.#act(line)
    } catch (error) {
      if (!isCodedError(error) && !(error instanceof UsageError)) throw error
      const isKept = isCodedError(error, 'client.server.unreachable') || isCodedError(error, 'client.channel.closed')
      terminal.note(isKept ? 'Not sent yet: it is kept, and goes out when the server answers again.' : sentenceOf(error))
      return 'on'
    }
  }

  async #act(line: ChatLine): Promise<'quit' | 'on'> {
    const { client, terminal, info } = this.#context
    const { conversationId } = info
    const output = terminal.output
    switch (line.type) {
      case 'nothing':
        return 'on'
      case 'quit':
        return 'quit'
      case 'help':
        terminal.note(CHAT_COMMANDS.join('\n'))
        return 'on'
      case 'wrong':
        terminal.note(`Write: ${line.usage}`)
        return 'on'
      case 'who':
        terminal.note((await client.info(conversationId)).members.map(({ name }) => name).join(', '))
        return 'on'
      case 'text':
        await client.send(conversationId, line.body)
        return 'on'
      case 'reply':
        await client.send(conversationId, { type: 'reply', to: await this.#messageAt(line.seq), body: line.body })
        return 'on'
      case 'react':
        await client.send(conversationId, { type: 'reaction', to: await this.#messageAt(line.seq), emoji: line.body, isRemoved: false })
        return 'on'
      case 'edit':
        await client.send(conversationId, { type: 'edit', messageId: (await this.#messageAt(line.seq)).messageId, body: line.body })
        return 'on'
      case 'delete':
        await client.send(conversationId, { type: 'delete', messageId: (await this.#messageAt(line.seq)).messageId })
        return 'on'
      case 'file':
        await sendFileFrom(line.path, { client, output, info, caption: undefined })
        return 'on'
      case 'save':
        await saveFileTo(line.path, { client, output, info, reference: await this.#messageAt(line.seq) })
        return 'on'
    }
  }

  /** @throws ClientError `client.message.unknown` */
  async #messageAt(seq: number): Promise<Extract<ConversationEvent, { readonly kind: 'message' }>> {
    const { client, info: { conversationId } } = this.#context
    const [event] = await client.history(conversationId, seq - 1, 1)
    if (event?.kind !== 'message' || event.seq !== seq) throw new ClientError('client.message.unknown')
    return event
  }
}
