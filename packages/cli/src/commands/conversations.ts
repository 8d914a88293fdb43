/**
 * Conversations: list, create, add, remove, leave, status.
 */
import { type Command, InvalidArgumentError } from 'commander'
import { type Client, type ConversationInfo } from '@famichat/client'
import { isCodedError, systemClock } from '@famichat/base'
import { UsageError } from '../failure.js'
import { parseMoment } from '../moment.js'
import { conversationJson, conversationLine } from '../output.js'
import { type GlobalOptions, reportProblems, type Session, sessionOf, syncAndSay, syncIfPossible, withClient } from '../session.js'

const sessionFor = (command: Command): Session => sessionOf(command.optsWithGlobals<GlobalOptions>())

const ROLES = [
  ['appoint', 'appointed', 'let a member decide on members', 'Makes a member of a group an admin: they add and remove people too.'],
  ['dismiss', 'dismissed', 'take that from them again', 'Takes it from an admin of a group to decide on members. One stays.'],
] as const

const untilOption = (text: string): number => {
  const moment = parseMoment(text, systemClock.nowMs())
  if (moment === undefined) throw new InvalidArgumentError('write it as "Sunday 18:00", "tomorrow 9:00", "18:00" or 2026-12-24T18:00')
  return moment
}

/** Adds the commands. */
export const addConversationCommands = (program: Command): void => {
  program.command('conversations')
    .summary('list your conversations')
    .description('Lists your conversations: id, kind, name, members.')
    .addHelpText('after', '\nExample:\n  famichat conversations --json')
    .action(async (_options: unknown, command: Command) => { await list(sessionFor(command)) })
  program.command('status')
    .summary('who you are, and how your conversations stand')
    .description('Shows who you are and, for each conversation, its epoch and epoch authenticator: equal on all devices that agree.')
    .addHelpText('after', '\nExample:\n  famichat status --json')
    .action(async (_options: unknown, command: Command) => { await status(sessionFor(command)) })
  const create = program.command('create').summary('make a conversation').description('Makes a conversation.')
    .addHelpText('after', "\nExamples:\n  famichat create group Garden Ben Cleo\n  famichat create direct Ben")
  create.command('group')
    .description('Makes a group with a name and members.')
    .argument('<name>', 'the name of the group; the server does not see it')
    .argument('[members...]', 'names of people in the community')
    .action(async (name: string, members: string[], _options: unknown, command: Command) => {
      // the server sees no name, so nothing else refuses one
      if (name.trim() === '') throw new UsageError('give the group a name')
      await change(sessionFor(command), 'created', (client) => client.createGroup(name, members))
    })
  create.command('family')
    .description('Makes the conversation of your family, or finds it. It follows the household: who joins the family comes in, who leaves it goes.')
    .action(async (_options: unknown, command: Command) => {
      await change(sessionFor(command), 'created', (client) => client.membership.createFamily())
    })
  create.command('direct')
    .description('Makes the direct conversation with a person, or finds it.')
    .argument('<member>', 'the name of a person in the community')
    .action(async (member: string, _options: unknown, command: Command) => {
      await change(sessionFor(command), 'created', (client) => client.createDirect(member))
    })
  program.command('add')
    .summary('add a person to a group')
    .description('Adds a person, with all devices, to a group, for good or as a guest. They read what is sent from then on.')
    .argument('<conversation>', 'name or id of the conversation')
    .argument('<member>', 'the name of a person in the community')
    .option('--until <time>', 'a guest: until then, as "Sunday 18:00", "tomorrow 9:00", "18:00" or 2026-12-24T18:00', untilOption)
    .addHelpText('after', "\nExamples:\n  famichat add Garden Dora\n  famichat add Garden Sitter --until 'Sunday 18:00'")
    .action(async (conversation: string, member: string, { until }: { readonly until?: number }, command: Command) => {
      await change(sessionFor(command), 'added', async (client) =>
        client.add((await client.conversation(conversation)).conversationId, member, until === undefined ? {} : { untilMs: until }))
    })
  for (const [name, done, summary, description] of ROLES) {
    program.command(name)
      .summary(summary)
      .description(description)
      .argument('<conversation>', 'name or id of the conversation')
      .argument('<member>', 'the name of a member')
      .addHelpText('after', `\nExample:\n  famichat ${name} Garden Dora`)
      .action(async (conversation: string, member: string, _options: unknown, command: Command) => {
        await change(sessionFor(command), done, async (client) => client.membership[name]((await client.conversation(conversation)).conversationId, member))
      })
  }
  program.command('back')
    .summary('come back into a conversation')
    .description('Asks to come back into a conversation that let this device go, because it gave no sign for long or against the rules. It takes effect when another member is online; every sync asks too.')
    .argument('<conversation>', 'name or id of the conversation')
    .addHelpText('after', '\nExample:\n  famichat back Garden')
    .action(async (conversation: string, _options: unknown, command: Command) => {
      await change(sessionFor(command), 'asked', async (client) => client.membership.comeBack((await client.conversation(conversation)).conversationId))
    })
  program.command('remove')
    .summary('remove a person from a group')
    .description('Removes a person, with all devices, from a group. What is sent from then on they cannot read.')
    .argument('<conversation>', 'name or id of the conversation')
    .argument('<member>', 'the name of a member')
    .addHelpText('after', '\nExample:\n  famichat remove Garden Dora')
    .action(async (conversation: string, member: string, _options: unknown, command: Command) => {
      await change(sessionFor(command), 'removed', async (client) => client.remove((await client.conversation(conversation)).conversationId, member))
    })
  program.command('leave')
    .summary('leave a conversation')
    .description('Leaves a conversation. It takes effect when another member is online, or at once where nobody is left who could be.')
    .argument('<conversation>', 'name or id of the conversation')
    .addHelpText('after', '\nExample:\n  famichat leave Garden')
    .action(async (conversation: string, _options: unknown, command: Command) => {
      await change(sessionFor(command), 'left', async (client) => {
        const { conversationId } = await client.conversation(conversation)
        await client.leave(conversationId)
        return client.info(conversationId)
      })
    })
}

const list = (session: Session): Promise<void> =>
  withClient(session, async (client) => {
    await syncIfPossible(client, session)
    const infos = await client.conversations()
    for (const info of infos) session.output.say(conversationLine(info), conversationJson(info))
    if (infos.length === 0) session.output.note('You have no conversations yet: famichat send NAME TEXT starts one.')
  })

const status = (session: Session): Promise<void> =>
  withClient(session, async (client) => {
    const { output } = session
    let online = true
    let problems: Awaited<ReturnType<Client['sync']>> = []
    try {
      problems = await client.sync()
    } catch (error) {
      if (!isCodedError(error, 'client.server.unreachable')) throw error
      online = false
    }
    const infos = await client.conversations()
    const { accountName, accountId, deviceId, origin } = client.identity
    const lines = infos.map((info) => `${conversationLine(info)}\n    epoch ${info.epoch.toString()}  ${conversationJson(info).epochAuthenticator}`)
    output.say(
      [`${accountName} (device ${deviceId.slice(0, 8)}) at ${origin}, ${online ? 'online' : 'the server does not answer'}`, ...lines].join('\n'),
      { type: 'status', name: accountName, account: accountId, device: deviceId, server: origin, online, conversations: infos.map(conversationJson), problems },
    )
    await reportProblems(client, problems, output)
  })

const change = (session: Session, done: string, work: (client: Client) => Promise<ConversationInfo>): Promise<void> =>
  withClient(session, async (client) => {
    await syncAndSay(client, session)
    const info = await work(client)
    session.output.say(conversationLine(info), { type: done, ...conversationJson(info) })
  })
