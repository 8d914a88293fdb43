/**
 * How people and devices come in: join, invite, link.
 */
import { createInterface } from 'node:readline/promises'
import { type Command, Option } from 'commander'
import { isCodedError } from '@famichat/base'
import { type Client, type InvitedAs, validateJoinLink } from '@famichat/client'
import { UsageError } from '../failure.js'
import { ProgressBar } from '../progress-bar.js'
import { showQr } from '../qr.js'
import { type GlobalOptions, type Session, sessionOf, syncAndSay, withClient, withNewClient } from '../session.js'

interface JoinOptions extends GlobalOptions {
  readonly name?: string
  readonly family?: string
}

interface InviteOptions extends GlobalOptions {
  readonly as: InvitedAs
}

const PLACES: readonly InvitedAs[] = ['adult', 'guardian', 'child', 'family']

/** Adds the commands. */
export const addJoinCommands = (program: Command): void => {
  program.command('join')
    .summary('make an account, or become a further device')
    .description('Makes an account with an invite or set-up link, or becomes a further device with a device link.')
    .argument('<link>', 'the whole link, in quotes: the part after the # matters')
    .option('--name <name>', 'your name in the community; a further device has its account\'s')
    .option('--family <name>', 'the name of your family, where the link makes a new one (default: your own name)')
    .addHelpText('after', "\nExample:\n  famichat join 'https://chat.example/i#v1.…' --name Ada")
    .action(async (link: string, _options: unknown, command: Command) => { await join(link, command.optsWithGlobals<JoinOptions>()) })
  program.command('invite')
    .summary('print a link for one more person')
    .description('Prints a link that lets one person in. It works once and lasts 72 hours.')
    .addOption(new Option('--as <place>', 'into your family as adult, guardian or child; or at the head of a family of their own').choices(PLACES).default('adult'))
    .addHelpText('after', '\nExamples:\n  famichat invite\n  famichat invite --as child     a guardian then lets the child\'s device in\n  famichat invite --as family    for the neighbours')
    .action(async (_options: unknown, command: Command) => { await invite(command.optsWithGlobals<InviteOptions>()) })
  program.command('link')
    .summary('print a link for a further device of yours, and wait for it')
    .description('Prints a link for a further device of yours and waits until that device has joined with it.')
    .addHelpText('after', "\nExample:\n  famichat link                        here, then on the other device:\n  famichat join 'https://…/l#v1.…'")
    .action(async (_options: unknown, command: Command) => { await link(sessionOf(command.optsWithGlobals<GlobalOptions>())) })
}

const join = async (joinLink: string, options: JoinOptions): Promise<void> => {
  const session = sessionOf(options)
  const name = validateJoinLink(joinLink) === 'device' ? undefined : options.name ?? await askName()
  await withNewClient(session, { link: joinLink, name, familyName: options.family }, async (client) => {
    const { accountName, accountId, deviceId, origin } = client.identity
    if (await client.community.isPending()) {
      session.output.say(`Welcome, ${accountName}. A guardian of your family has to let this device in: famichat approve ${deviceId.slice(0, 8)}`,
        { type: 'joined_community', name: accountName, account: accountId, device: deviceId, server: origin, isPending: true })
      return
    }
    await syncAndSay(client, session)
    if (await client.transfers.isAwaited()) await receiveHistory(client, session)
    session.output.say(`Welcome, ${accountName}. This profile is now a device of yours at ${origin}.`,
      { type: 'joined_community', name: accountName, account: accountId, device: deviceId, server: origin })
  })
}

/** What was said before, from the other device; without it the device works all the same, and it comes later. */
const receiveHistory = async (client: Client, { output }: Session): Promise<void> => {
  output.note('Fetching what was said so far from your other device …')
  const bar = new ProgressBar(output)
  try {
    await client.transfers.receive({ onProgress: (progress) => { bar.show(progress) } })
  } catch (error) {
    if (!isCodedError(error)) throw error
    output.note(`famichat: ${error.message}`)
  } finally {
    bar.end()
  }
}

const askName = async (): Promise<string> => {
  if (!process.stdin.isTTY) throw new UsageError('say who you are: famichat join LINK --name NAME')
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return await terminal.question('Your name: ')
  } finally {
    terminal.close()
  }
}

const invite = (options: InviteOptions): Promise<void> => {
  const session = sessionOf(options)
  return withClient(session, async (client) => {
    const { link: inviteLink, expiresAtMs } = await client.invite(options.as)
    session.output.say(inviteLink, { type: 'invite', link: inviteLink, expiresAtMs })
    showQr(session.output, inviteLink)
    session.output.note('This link lets one person in, once, within 72 hours.')
    if (options.as === 'child') session.output.note('After the child has joined, let the device in with: famichat approve')
  })
}

const link = (session: Session): Promise<void> =>
  withClient(session, async (client) => {
    const offering = await client.offerLink()
    session.output.say(offering.link, { type: 'link', link: offering.link, expiresAtMs: offering.expiresAtMs })
    showQr(session.output, offering.link)
    session.output.note('Give this link to your other device within 10 minutes; this command waits for it.')
    const bar = new ProgressBar(session.output)
    const deviceId = await offering.complete({ onProgress: (progress) => { bar.show(progress) } }).finally(() => { bar.end() })
    session.output.say(`The device ${deviceId.slice(0, 8)} is linked and in all your conversations.`, { type: 'linked', device: deviceId })
  })
