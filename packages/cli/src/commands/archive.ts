/**
 * What a person would miss if a device were lost: archive create, verify, restore; recovery phrase, check, use.
 */
import { createReadStream } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import type { Command } from 'commander'
import { type ArchiveOpener, type ArchiveSource, type ArchiveSummary, type PhraseWord, verifyArchive } from '@famichat/client'
import { nodePlatform } from '@famichat/client/node'
import { Asking } from '../ask.js'
import { UsageError } from '../failure.js'
import { type GlobalOptions, type Session, sessionOf, syncAndSay, syncIfPossible, withClient, withRestoredClient } from '../session.js'

interface OpeningOptions extends GlobalOptions {
  readonly phrase?: boolean
  readonly server?: string
}

/** Adds the commands. */
export const addArchiveCommands = (program: Command): void => {
  const archive = program.command('archive').summary('keep what you would miss if this device were lost')
    .description('An archive is a file with your messages, people and verifications, encrypted under a passphrase or your recovery phrase. It holds no files that were sent, and no keys to what is said later.')
  archive.command('create')
    .summary('write an archive')
    .description('Writes an archive of this device. Your recovery phrase opens it too, if you have one.')
    .argument('<file>', 'the file to write; it must not be there yet')
    .addHelpText('after', '\nExample:\n  famichat archive create ada.archive')
    .action(async (file: string, _options: unknown, command: Command) => { await create(sessionOf(command.optsWithGlobals<GlobalOptions>()), file) })
  opening(archive.command('verify'))
    .summary('make sure that an archive can be read')
    .description('Decrypts an archive to its last byte and says what is in it. Needs no server and no profile.')
    .addHelpText('after', '\nExample:\n  famichat archive verify ada.archive')
    .action(async (file: string, _options: unknown, command: Command) => { await verify(command.optsWithGlobals<OpeningOptions>(), file) })
  opening(archive.command('restore'))
    .summary('bring a lost device\'s messages back')
    .description('In a new profile: makes this a new device of your account, with everything in the archive. In a profile of the same account: adds what is missing.')
    .option('--server <url>', 'the address of the server, if it has moved since')
    .addHelpText('after', '\nExample:\n  famichat archive restore ada.archive')
    .action(async (file: string, _options: unknown, command: Command) => { await restore(command.optsWithGlobals<OpeningOptions>(), file) })

  const recovery = program.command('recovery').summary('the twelve words that open your archives')
  recovery.command('phrase')
    .summary('show your recovery phrase')
    .description('Shows twelve words, made when you ask first. Write them on paper: they open every archive made from now on, in anybody\'s hands.')
    .addHelpText('after', '\nExample:\n  famichat recovery phrase')
    .action(async (_options: unknown, command: Command) => { await phrase(sessionOf(command.optsWithGlobals<GlobalOptions>())) })
  recovery.command('check')
    .summary('see whether you still have your words')
    .description('Asks for three of your twelve words. Do this a week after writing them down, and once a year.')
    .addHelpText('after', '\nExample:\n  famichat recovery check')
    .action(async (_options: unknown, command: Command) => { await check(sessionOf(command.optsWithGlobals<GlobalOptions>())) })
  recovery.command('use')
    .summary('bring a lost device\'s messages back with your words')
    .description('Like "archive restore --phrase".')
    .argument('<file>', 'the archive')
    .option('--server <url>', 'the address of the server, if it has moved since')
    .addHelpText('after', '\nExample:\n  famichat recovery use ada.archive')
    .action(async (file: string, _options: unknown, command: Command) => { await restore({ ...command.optsWithGlobals<OpeningOptions>(), phrase: true }, file) })
}

const opening = (command: Command): Command =>
  command.argument('<file>', 'the archive').option('--phrase', 'open it with your recovery phrase instead of a passphrase')

const create = (session: Session, file: string): Promise<void> =>
  withClient(session, async (client) => {
    await syncIfPossible(client, session)
    const { hasPhrase } = await client.recovery.status()
    const passphrase = await asking((ask) => newPassphrase(ask, { isNeeded: !hasPhrase }))
    const partial = `${file}.part`
    await refuseExisting(file)
    const handle = await open(partial, 'w', 0o600).catch(() => { throw new UsageError('the file cannot be written: check its path') })
    let bytes = 0
    try {
      for await (const piece of client.archive.create(passphrase === '' ? {} : { passphrase })) {
        await handle.write(piece)
        bytes += piece.length
      }
      await handle.sync()
      await handle.close()
    } catch (error) {
      await handle.close()
      await rm(partial, { force: true })
      throw error
    }
    await rename(partial, file)
    session.output.say(`Written to ${file}. Keep it away from this device, and try it with: famichat archive verify ${file}`, { type: 'archive', file, bytes })
  })

const refuseExisting = async (file: string): Promise<void> => {
  const existing = await open(file, 'r').catch(() => undefined)
  await existing?.close()
  if (existing !== undefined) throw new UsageError(`${file} is there already: choose another name`)
}

/** Asked twice on a terminal: what is mistyped once opens nothing. */
const newPassphrase = async (ask: Asking, { isNeeded }: { readonly isNeeded: boolean }): Promise<string> => {
  const passphrase = await ask.secret(isNeeded ? 'A passphrase for the archive: ' : 'A passphrase for the archive (empty: only your recovery phrase): ')
  if (ask.isTerminal && passphrase !== '' && passphrase !== await ask.secret('The same again: ')) throw new UsageError('the two are not the same: start again')
  return passphrase
}

const verify = async (options: OpeningOptions, file: string): Promise<void> => {
  const { output } = sessionOf(options)
  const source = await sourceOf(file)
  const summary = await verifyArchive(nodePlatform, source, await asking((ask) => openerFor(ask, options)))
  output.say(`This archive is whole: ${described(summary)}.${summary.hasAccountKey ? '' : ' It makes no new device by itself: link one, then restore the archive into it.'}`, archiveJson('archive_whole', summary))
}

const restore = async (options: OpeningOptions, file: string): Promise<void> => {
  const session = sessionOf(options)
  const source = await sourceOf(file)
  const opener = await asking((ask) => openerFor(ask, options))
  const archive = { source, opener, ...(options.server === undefined ? {} : { origin: options.server }) }
  await withRestoredClient(session, archive, async (client, summary) => {
    await syncAndSay(client, session)
    const { accountName, deviceId } = client.identity
    const next = 'Conversations go on once another member is online. Shut lost devices out with: famichat revoke'
    session.output.say(`Welcome back, ${accountName}: ${summary === undefined ? 'this is a new device of yours' : described(summary)}. ${next}`, { type: 'restored', name: accountName, device: deviceId })
  })
}

const described = ({ accountName, conversations, messages, people, createdAtMs }: ArchiveSummary): string =>
  `${String(messages)} messages in ${String(conversations)} conversations and ${String(people)} people of ${accountName}, as of ${new Date(createdAtMs).toISOString().slice(0, 10)}`

const archiveJson = (type: string, { accountId, accountName, createdAtMs, hasAccountKey, people, conversations, messages }: ArchiveSummary) =>
  ({ type, account: accountId, name: accountName, createdAtMs, hasAccountKey, people, conversations, messages })

const openerFor = async (ask: Asking, { phrase: byPhrase }: OpeningOptions): Promise<ArchiveOpener> => byPhrase === true
  ? { type: 'phrase', phrase: await ask.secret('Your twelve words: ') }
  : { type: 'passphrase', passphrase: await ask.secret('The archive\'s passphrase: ') }

const sourceOf = async (file: string): Promise<ArchiveSource> => {
  const handle = await open(file, 'r').catch(() => { throw new UsageError('the file cannot be read: check its path') })
  await handle.close()
  return () => createReadStream(file)
}

const phrase = (session: Session): Promise<void> =>
  withClient(session, async (client) => {
    const words = await client.recovery.phrase()
    session.output.say(words.map((word, at) => `${String(at + 1).padStart(2)}  ${word}`).join('\n'), { type: 'recovery_phrase', words })
    session.output.note('Write these twelve words on paper, in this order, and keep the paper where you keep your passport. They open your archives in anybody\'s hands.')
  })

const check = (session: Session): Promise<void> =>
  withClient(session, async (client) => {
    const words: PhraseWord[] = []
    await asking(async (ask) => {
      for (const place of client.recovery.places()) {
        if (!ask.isTerminal) session.output.say(`word ${String(place)}`, { type: 'asks_word', place })
        words.push({ place, word: await ask.line(`Word ${String(place)}: `) })
      }
    })
    await client.recovery.rehearse(words)
    session.output.say('These are your words.', { type: 'recovery_checked' })
  })

const asking = async <T>(work: (ask: Asking) => Promise<T>): Promise<T> => {
  const ask = new Asking()
  try {
    return await work(ask)
  } finally {
    ask.close()
  }
}
