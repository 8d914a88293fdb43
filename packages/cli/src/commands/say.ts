/**
 * Messages that are more than a text: reply, react, edit, delete, letter, attach, save.
 */
import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { type Client, ClientError, type ConversationInfo, type MessageReference } from '@famichat/client'
import { UsageError } from '../failure.js'
import { saveFileTo, sendFileFrom } from '../file-transfer.js'
import { type GlobalOptions, type Session, sessionOf, syncAndSay, withClient } from '../session.js'
import { findOrMake } from './messages.js'

interface SayOptions extends GlobalOptions {
  readonly remove?: boolean
  readonly subject: string
  readonly caption?: string
  readonly to?: string
}

const sessionFor = (command: Command): Session => sessionOf(command.optsWithGlobals<GlobalOptions>())
const CONVERSATION = ['<conversation>', 'name or id of the conversation'] as const
const MESSAGE = ['<message>', 'the id of the message, or its beginning: famichat tail --ids shows it'] as const

/** Adds the commands. */
export const addSayCommands = (program: Command): void => {
  program.command('reply').summary('answer a message').description('Sends a text as the answer to a message.')
    .argument(...CONVERSATION).argument(...MESSAGE).argument('<text>', 'what to say, in quotes')
    .addHelpText('after', "\nExample:\n  famichat reply Ben 3kTqWm_a 'Yes!'")
    .action(async (conversation: string, message: string, body: string, _options: unknown, command: Command) => {
      await about(sessionFor(command), { conversation, message }, (client, { conversationId }, to) => client.send(conversationId, { type: 'reply', to, body }))
    })
  program.command('react').summary('put an emoji on a message').description('Puts an emoji on a message, or takes it back.')
    .argument(...CONVERSATION).argument(...MESSAGE).argument('<emoji>', 'one emoji')
    .option('--remove', 'take it back')
    .addHelpText('after', '\nExample:\n  famichat react Ben 3kTqWm_a 👍')
    .action(async (conversation: string, message: string, emoji: string, _options: unknown, command: Command) => {
      const isRemoved = command.optsWithGlobals<SayOptions>().remove === true
      await about(sessionFor(command), { conversation, message }, (client, { conversationId }, to) => client.send(conversationId, { type: 'reaction', to, emoji, isRemoved }))
    })
  program.command('edit').summary('change a text you sent').description('Replaces the text of a message of yours. The others see that it was changed.')
    .argument(...CONVERSATION).argument(...MESSAGE).argument('<text>', 'the new text, in quotes')
    .addHelpText('after', "\nExample:\n  famichat edit Ben 3kTqWm_a 'Dinner at eight'")
    .action(async (conversation: string, message: string, body: string, _options: unknown, command: Command) => {
      await about(sessionFor(command), { conversation, message }, (client, { conversationId }, { messageId }) => client.send(conversationId, { type: 'edit', messageId, body }))
    })
  program.command('delete').summary('take a message back').description('Takes a message of yours back: the others\' devices delete it. Who has read it has read it.')
    .argument(...CONVERSATION).argument(...MESSAGE)
    .addHelpText('after', '\nExample:\n  famichat delete Ben 3kTqWm_a')
    .action(async (conversation: string, message: string, _options: unknown, command: Command) => {
      await about(sessionFor(command), { conversation, message }, (client, { conversationId }, { messageId }) => client.send(conversationId, { type: 'delete', messageId }))
    })
  program.command('letter').summary('send a letter with a subject').description('Sends a letter: a subject and a long text, from a file or from what is piped in.')
    .argument('<conversation>', 'name or id of a conversation, or the name of a person').argument('[file]', 'a text file; without it what is piped in')
    .requiredOption('--subject <subject>', 'what it is about')
    .addHelpText('after', "\nExample:\n  famichat letter Ben --subject 'Summer' letter.txt")
    .action(async (conversation: string, file: string | undefined, _options: unknown, command: Command) => {
      await letter(command.optsWithGlobals<SayOptions>(), { conversation, file })
    })
  program.command('attach').summary('send a file').description('Sends a file, up to 100 MiB. What was interrupted goes on where it stopped when you say it again.')
    .argument('<conversation>', 'name or id of a conversation, or the name of a person').argument('<file>', 'the file')
    .option('--caption <text>', 'words beside it')
    .addHelpText('after', '\nExample:\n  famichat attach Ben holiday.jpg')
    .action(async (conversation: string, file: string, _options: unknown, command: Command) => { await attach(command.optsWithGlobals<SayOptions>(), { conversation, file }) })
  program.command('save').summary('save a file you received').description('Saves the file of a message. What was interrupted goes on where it stopped.')
    .argument(...CONVERSATION).argument(...MESSAGE)
    .option('--to <folder>', 'where to put it; default here')
    .addHelpText('after', '\nExample:\n  famichat save Ben 3kTqWm_a --to ~/Pictures')
    .action(async (conversation: string, message: string, _options: unknown, command: Command) => { await save(command.optsWithGlobals<SayOptions>(), { conversation, message }) })
}

const about = (
  session: Session, { conversation, message }: { readonly conversation: string; readonly message: string },
  say: (client: Client, info: ConversationInfo, to: MessageReference) => Promise<{ readonly messageId: string }>,
): Promise<void> => withClient(session, async (client) => {
  await syncAndSay(client, session)
  const info = await client.conversation(conversation)
  const { messageId } = await say(client, info, await findMessage(client, info, message))
  session.output.say(`Sent to ${info.name}.`, { type: 'sent', conversation: info.conversationId, id: messageId })
})

/** @throws ClientError `client.message.unknown` for none or several */
const findMessage = async (client: Client, { conversationId }: ConversationInfo, idOrPrefix: string): Promise<MessageReference> => {
  const found = (await client.messages(conversationId)).filter(({ messageId }) => messageId.startsWith(idOrPrefix))
  const [message] = found
  if (message === undefined || found.length > 1) throw new ClientError('client.message.unknown', { found: found.length })
  return message
}

const letter = (options: SayOptions, { conversation, file }: { conversation: string; file: string | undefined }): Promise<void> => {
  const session = sessionOf(options)
  if (file === undefined && process.stdin.isTTY) throw new UsageError('name a file, or pipe the text in: famichat letter Ben --subject Summer letter.txt')
  const body = readText(file)
  return withClient(session, async (client) => {
    const { conversationId, name } = await findOrMake(client, session, conversation)
    const { messageId } = await client.send(conversationId, { type: 'letter', subject: options.subject, body })
    session.output.say(`Sent to ${name}.`, { type: 'sent', conversation: conversationId, id: messageId })
  })
}

const attach = (options: SayOptions, { conversation, file }: { conversation: string; file: string }): Promise<void> => {
  const session = sessionOf(options)
  return withClient(session, async (client) => {
    const info = await findOrMake(client, session, conversation)
    await sendFileFrom(file, { client, output: session.output, info, caption: options.caption })
  })
}

const save = (options: SayOptions, { conversation, message }: { conversation: string; message: string }): Promise<void> => {
  const session = sessionOf(options)
  return withClient(session, async (client) => {
    await syncAndSay(client, session)
    const info = await client.conversation(conversation)
    await saveFileTo(options.to ?? '.', { client, output: session.output, info, reference: await findMessage(client, info, message) })
  })
}

const readText = (file: string | undefined): string => {
  try {
    return readFileSync(file ?? 0, 'utf8')
  } catch {
    throw new UsageError('the file cannot be read: check its path')
  }
}
