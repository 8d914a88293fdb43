/**
 * Whether people are who they seem to be: verify, acknowledge, code.
 */
import type { Command } from 'commander'
import type { Contact } from '@famichat/client'
import { UsageError } from '../failure.js'
import { showQr } from '../qr.js'
import { type GlobalOptions, type Session, sessionOf, syncIfPossible, withClient } from '../session.js'

interface VerifyOptions extends GlobalOptions {
  readonly matches?: boolean
  readonly scan?: string
}

/** Adds the commands. */
export const addContactCommands = (program: Command): void => {
  program.command('verify')
    .summary('compare safety numbers with a person')
    .description('Shows the safety number with a person: 60 digits that you compare in person or on the phone. The same digits on both sides mean that nobody is between you.')
    .argument('[name]', 'the person; without it, lists everybody')
    .option('--matches', 'you have compared the number, and it is the same: remember that')
    .option('--scan <code>', 'compare the code that the other person\'s screen shows, instead of digits')
    .addHelpText('after', "\nExamples:\n  famichat verify                    who is verified?\n  famichat verify Ben                the number to compare\n  famichat verify Ben --matches      it is the same\n  famichat verify --scan 'https://…/v#v1.…'")
    .action(async (name: string | undefined, _options: unknown, command: Command) => { await verify(command.optsWithGlobals<VerifyOptions>(), name) })
  program.command('acknowledge')
    .summary('accept that a person has a new key')
    .description('Accepts the key that the server shows for a person now. Nothing is sent to a verified person whose key changed until you have done this; ask them in another way first.')
    .argument('<name>', 'the person')
    .addHelpText('after', '\nExample:\n  famichat acknowledge Ben')
    .action(async (name: string, _options: unknown, command: Command) => { await acknowledge(sessionOf(command.optsWithGlobals<GlobalOptions>()), name) })
  program.command('code')
    .summary('show the code of a conversation')
    .description('Shows 30 digits that are the same on every device that agrees on everything that happened in a conversation. Read them to each other in one room.')
    .argument('<conversation>', 'its name, the other person, or its id')
    .addHelpText('after', '\nExample:\n  famichat code Garden')
    .action(async (conversation: string, _options: unknown, command: Command) => { await code(sessionOf(command.optsWithGlobals<GlobalOptions>()), conversation) })
}

const SENTENCES = {
  verified: 'verified', unverified: 'not verified', changed: 'THE KEY HAS CHANGED: ask them in another way, then famichat acknowledge',
} as const

const contactJson = ({ accountId, name, state, verifiedAtMs }: Contact) => ({ type: 'contact', account: accountId, name, state, ...(verifiedAtMs === undefined ? {} : { verifiedAtMs }) })

const sayContact = ({ output }: Session, contact: Contact): void => {
  output.say(`${contact.name}: ${SENTENCES[contact.state]}`, contactJson(contact))
}

const verify = (options: VerifyOptions, name: string | undefined): Promise<void> => {
  const session = sessionOf(options)
  const { matches, scan } = options
  if (matches === true && (name === undefined || scan !== undefined)) throw new UsageError('say whose number is the same: famichat verify NAME --matches')
  return withClient(session, async (client) => {
    await syncIfPossible(client, session)
    if (scan !== undefined) {
      sayContact(session, await client.contacts.scan(scan))
      return
    }
    if (name === undefined) {
      for (const contact of await client.contacts.list()) sayContact(session, contact)
      return
    }
    if (matches === true) {
      sayContact(session, await client.contacts.markVerified(name))
      return
    }
    const shown = await client.contacts.safetyNumber(name)
    session.output.say(inLines(shown.number), { ...contactJson(shown), type: 'safety_number', number: shown.number, scan: shown.scan })
    showQr(session.output, shown.scan)
    session.output.note(`${shown.name}: ${SENTENCES[shown.state]}. Compare these digits with what ${shown.name} sees; if they are the same: famichat verify ${shown.name} --matches`)
  })
}

/** Four groups in a line: easier to read to each other. */
const inLines = (number: string): string => number.replace(/((?:\d{5} ){3}\d{5}) /g, '$1\n')

const acknowledge = (session: Session, name: string): Promise<void> =>
  withClient(session, async (client) => {
    const contact = await client.contacts.acknowledge(name)
    await syncIfPossible(client, session)
    session.output.say(`${contact.name} has a new key now and is not verified: compare safety numbers with famichat verify ${contact.name}`, contactJson(contact))
  })

const code = (session: Session, nameOrId: string): Promise<void> =>
  withClient(session, async (client) => {
    await syncIfPossible(client, session)
    const { conversationId, headCode } = await client.conversation(nameOrId)
    session.output.say(headCode, { type: 'head_code', conversation: conversationId, code: headCode })
  })
