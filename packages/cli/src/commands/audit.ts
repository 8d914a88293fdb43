/**
 * famichat audit: what was done in the community, for its admins.
 */
import type { AuditAct, AuditLine } from '@famichat/client'
import type { Command } from 'commander'
import { UsageError } from '../failure.js'
import { type GlobalOptions, type Session, sessionOf, withClient } from '../session.js'

/** Adds the command. */
export const addAuditCommand = (program: Command): void => {
  program.command('audit')
    .summary('show what was done in the community')
    .description('Shows who let whom in, shut out devices, changed roles: newest first, for admins of the community. The server keeps random ids only; names are the ones this device knows.')
    .option('--limit <number>', 'how many to show', '50')
    .addHelpText('after', '\nExamples:\n  famichat audit\n  famichat audit --limit 500 --json')
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions & { readonly limit: string }>()
      await audit(sessionOf(options), limitOf(options.limit))
    })
}

const WORDS: Readonly<Record<AuditAct, string>> = {
  accountJoined: 'joined', deviceRegistered: 'added a device of', deviceApproved: 'let in a device of', deviceRevoked: 'shut out a device of',
  inviteMade: 'made an invite', inviteRevoked: 'took back an invite', roleChanged: 'changed the roles of', familyMade: 'made a family',
  passkeyAdded: 'added a passkey', passkeyRemoved: 'removed a passkey', passkeyUsed: 'signed in with a passkey', accountEnded: 'ended the account of',
}

const audit = (session: Session, limit: number): Promise<void> =>
  withClient(session, async (client) => {
    for (const line of (await client.community.audit()).slice(0, limit)) session.output.say(sentenceOf(line), { type: 'audit', ...line })
  })

const sentenceOf = ({ atMs, act, actor, actorId, subject, subjectName }: AuditLine): string => {
  const when = new Date(atMs).toISOString().slice(0, 19).replace('T', ' ')
  const who = actor ?? actorId?.slice(0, 8) ?? 'the server'
  const whom = act === 'accountJoined' ? '' : ` ${subjectName ?? ''}`.trimEnd()
  return `${when}  ${who} ${WORDS[act]}${whom}  (${subject.slice(0, 8)})`
}

const limitOf = (text: string): number => {
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new UsageError('a limit is a number from 1 to 9999')
  return Number(text)
}
