/**
 * A command's session: which profile, which form of output, and the open client.
 */
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { type ArchiveSummary, Client, ClientError, type ClientScope, explain, type PointListener, type Problem } from '@famichat/client'
import { nodePlatform, openSqliteStore, profileExists } from '@famichat/client/node'
import { isCodedError } from '@famichat/base'
import { UsageError } from './failure.js'
import { Output } from './output.js'

/** Options that every command takes. */
export interface GlobalOptions {
  readonly profile?: string
  readonly json?: boolean
  /** Conversations that the command is limited to. */
  readonly scope?: readonly string[]
  readonly readOnly?: boolean
}

/** Where a command runs. */
export interface Session {
  readonly output: Output
  /** The profile folder. */
  readonly folder: string
  readonly scope?: ClientScope
}

/** Reads the options that every command takes. */
export const sessionOf = ({ profile, json, scope, readOnly }: GlobalOptions): Session => {
  const folder = profile ?? process.env.FAMICHAT_PROFILE ?? join(homedir(), '.famichat')
  if (scope === undefined && readOnly === true) throw new UsageError('say what is to be read only: --scope CONVERSATION --read-only')
  const narrowed = scope === undefined ? {} : { scope: { access: readOnly === true ? 'read' as const : 'write' as const, conversations: scope } }
  return { output: new Output({ isJson: json === true }), folder: resolve(folder), ...narrowed }
}

/** Ends the process at the point that FAMICHAT_CRASH_AT names (`send.written`, `send.written:2` for the second time). */
const crashAt = (): PointListener | undefined => {
  const wanted = process.env.FAMICHAT_CRASH_AT
  if (wanted === undefined || wanted === '') return undefined
  const [name, times = '1'] = wanted.split(':')
  let left = Number(times)
  return (point) => {
    if (point === name && --left === 0) process.kill(process.pid, 'SIGKILL')
  }
}

const optionsFor = ({ folder, scope }: Session) => {
  const onPoint = crashAt()
  const store = openSqliteStore({ folder, keyHex: process.env.FAMICHAT_PROFILE_KEY })
  return { ...nodePlatform, store, ...(onPoint === undefined ? {} : { onPoint }), ...(scope === undefined ? {} : { scope }) }
}

/** Runs `work` with the profile's client. @throws ClientError `client.profile.missing` | … */
export const withClient = async <T>(session: Session, work: (client: Client) => Promise<T>): Promise<T> => {
  if (!profileExists(session.folder)) throw new ClientError('client.profile.missing')
  const options = optionsFor(session)
  return using(options, () => Client.open(options), work)
}

/** Runs `work` with the client of a profile that joins. */
export const withNewClient = async <T>(
  session: Session,
  { link, name, familyName }: { readonly link: string; readonly name: string | undefined; readonly familyName: string | undefined }, work: (client: Client) => Promise<T>,
): Promise<T> => {
  const options = optionsFor(session)
  return using(options, () => Client.join(options, link, name, familyName), work)
}

/**
 * Runs `work` with the client of a profile that an archive is restored into: a new device in a new profile, else what is missing.
 * @param work gets what was taken into a profile that had an account already
 */
export const withRestoredClient = async <T>(
  session: Session, archive: Parameters<typeof Client.restore>[1], work: (client: Client, taken: ArchiveSummary | undefined) => Promise<T>,
): Promise<T> => {
  if (profileExists(session.folder) && await hasAccount(session)) return withClient(session, async (client) => work(client, await client.archive.take(archive.source, archive.opener)))
  const options = optionsFor(session)
  return using(options, () => Client.restore(options, archive), (client) => work(client, undefined))
}

const hasAccount = async (session: Session): Promise<boolean> => {
  try {
    return await withClient(session, () => Promise.resolve(true))
  } catch (error) {
    if (isCodedError(error, 'client.profile.missing')) return false
    throw error
  }
}

/** Syncs; without a server the command goes on with what is here, and says so. @returns false when offline */
export const syncIfPossible = async (client: Client, session: Session): Promise<boolean> => {
  const { output } = session
  try {
    await syncAndSay(client, session)
    return true
  } catch (error) {
    if (!isCodedError(error, 'client.server.unreachable')) throw error
    output.note(`famichat: ${error.message.replace(` (${error.code})`, '')}; showing what is on this device`)
    const waiting = (await Promise.all((await client.conversations()).map(({ conversationId }) => client.waiting(conversationId)))).flat().length
    if (waiting > 0) output.note(`${waiting === 1 ? 'one message waits' : `${waiting} messages wait`} here to be sent`)
    return false
  }
}

/** Brings everything up to date, and says what did not go well. */
export const syncAndSay = async (client: Client, { output }: Session): Promise<void> => {
  await reportProblems(client, await client.sync(), output)
}

type Names = Pick<Client, 'nameOf' | 'conversations'>

/** Says what did not go well in a sync. */
export const reportProblems = async (client: Names, problems: readonly Problem[], output: Output): Promise<void> => {
  for (const problem of problems) {
    const { conversationId, accountId, deviceId, conversations, code } = problem
    output.warn(await problemLine(client, problem), { type: 'problem', code, conversation: conversationId, account: accountId, device: deviceId, conversations })
  }
}

/** Which conversation, person or device it is about, in how many conversations, and what it is, with its code. */
const problemLine = async (client: Names, problem: Problem): Promise<string> => {
  const { conversations, code } = problem
  const { cause, remedy } = code.startsWith('client.') ? explain(code)
    : { cause: code.startsWith('protocol.') ? 'the server refused something' : 'it cannot be taken', remedy: '' }
  const where = conversations === undefined ? '' : `, in ${conversations.in} of ${conversations.of} conversations with them`
  return `${await subjectOf(client, problem)}${where}: ${cause}${remedy === '' ? '' : `; ${remedy}`} (${code})`
}

const subjectOf = async (client: Names, { conversationId, accountId, deviceId }: Problem): Promise<string> => {
  const person = accountId === undefined ? undefined : await client.nameOf(accountId)
  if (deviceId !== undefined) return `device ${deviceId.slice(0, 8)}${person === undefined ? '' : ` of ${person}`}`
  if (person !== undefined) return person
  if (conversationId === undefined) return 'an invitation'
  const known = (await client.conversations()).find((each) => each.conversationId === conversationId)
  return `conversation ${known === undefined ? conversationId.slice(0, 8) : `${known.name} (${conversationId.slice(0, 8)})`}`
}

const using = async <T>(
  { store }: ReturnType<typeof optionsFor>, open: () => Promise<Client>, work: (client: Client) => Promise<T>,
): Promise<T> => {
  let client: Client
  try {
    client = await open()
  } catch (error) {
    await store.close()
    throw error
  }
  try {
    return await work(client)
  } finally {
    await client.close()
  }
}
