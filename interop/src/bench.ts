/**
 * The same work by every implementation, through the same interface: `npm run bench -- mls` calls this for its peers.
 * Prints one JSON line per measured piece of work.
 */
import { parseArgs } from 'node:util'
import { present, systemRandom, utf8 } from '@famichat/base'
import { FamichatClient } from './famichat-client.js'
import { type Client, type Kind, KINDS, type Member, type Surroundings } from './member.js'
import { identityOf } from './openmls-client.js'
import { OpenMlsPool } from './openmls-pool.js'
import { TsMlsClient } from './ts-mls-client.js'

const SUITE = 1
const CALLS = 50
const RUNS = 5
const GROUP_ID = utf8('bench group')
const MESSAGE = new Uint8Array(100).fill(0x61)
/**
 * Commits by members spread over the group before a tree counts as warm: as many as there are leaves, at most this. In a large
 * group fewer, for everybody alike: at 1,000 ts-mls takes more than a second for each member and commit.
 */
const WARMING_COMMITS = { small: 32, large: 6 } as const
const LARGE = 200

const surroundings: Surroundings = {
  suiteId: SUITE, groupId: GROUP_ID, publicHandshakes: false, extensionTypes: [], psk: () => new Uint8Array(32), random: systemRandom,
}
const pool = new OpenMlsPool()

const makeClient = (kind: Kind): Promise<Client> => {
  switch (kind) {
    case 'famichat': return FamichatClient.create(identityOf(pool.nextNumber()), surroundings)
    case 'ts-mls': return TsMlsClient.create(identityOf(pool.nextNumber()), surroundings)
    case 'openmls': return pool.lend(SUITE)
  }
}

const microseconds = async (work: () => Promise<unknown>): Promise<number> => {
  const started = process.hrtime.bigint()
  await work()
  return Number(process.hrtime.bigint() - started) / 1000
}

const median = (samples: readonly number[]): number => present([...samples].sort((a, b) => a - b)[Math.floor(samples.length / 2)], 'there are samples')

/** All work at one size, in the order a group lives through it. */
const benchKind = async (kind: Kind, members: number, report: (work: string, time: number) => void): Promise<void> => {
  const founder = await (await makeClient(kind)).found({ groupId: GROUP_ID, extensions: [] })
  const clients: Client[] = []
  const keyPackages: Uint8Array[] = []
  for (let added = 1; added < members; added++) {
    const client = await makeClient(kind)
    clients.push(client)
    keyPackages.push(await client.keyPackage())
  }
  let welcome: Uint8Array | undefined
  report('add everyone at once', await microseconds(async () => {
    const plan = { changes: keyPackages.map((keyPackage) => ({ kind: 'add', keyPackage }) as const), withPath: true }
    welcome = (await founder.commit(plan)).welcome
  }))
  await founder.merge()
  // the last joins for the measure; some more to warm the tree with
  const spread = warmers(clients)
  const seats: Member[] = [founder]
  for (const client of spread.slice(0, -1)) seats.push(await client.join(present(welcome, 'a Welcome'), GROUP_ID))
  report('join', await microseconds(async () => seats.push(await present(spread.at(-1), 'a joiner').join(present(welcome, 'a Welcome'), GROUP_ID))))
  const last = present(seats.at(-1), 'the last joined')
  await benchMessages(founder, last, report)
  await benchCommit('first commit on a blank tree', last, seats, report)
  for (const seat of seats) await commitBy(seat, seats)
  await benchCommit('self-update, warm: create', founder, seats, report, 'self-update, warm: process')
  for (const seat of seats) await seat.leave()
  for (const client of clients) client.release()
}

const warmers = (clients: readonly Client[]): readonly Client[] => {
  const commits = clients.length < LARGE ? WARMING_COMMITS.small : WARMING_COMMITS.large
  const step = Math.max(1, Math.floor(clients.length / commits))
  const spread = clients.filter((_, index) => index % step === 0)
  const last = present(clients.at(-1), 'somebody was added')
  return spread.includes(last) ? spread : [...spread, last]
}

const benchMessages = async (alice: Member, bob: Member, report: (work: string, time: number) => void): Promise<void> => {
  const sends: number[] = []
  const opens: number[] = []
  for (let run = 0; run < RUNS; run++) {
    const messages: Uint8Array[] = []
    sends.push(await microseconds(async () => { for (let call = 0; call < CALLS; call++) messages.push(await alice.protect(MESSAGE)) }) / CALLS)
    opens.push(await microseconds(async () => { for (const message of messages) await bob.open(message) }) / CALLS)
  }
  report('send 100 bytes', median(sends))
  report('receive 100 bytes', median(opens))
}

const commitBy = async (committer: Member, seats: readonly Member[]): Promise<{ readonly create: number; readonly process: number }> => {
  let commit = new Uint8Array(0)
  const create = await microseconds(async () => { commit = Uint8Array.from((await committer.commit({ changes: [], withPath: true })).commit) })
  await committer.merge()
  const times: number[] = []
  for (const seat of seats) if (seat !== committer) times.push(await microseconds(() => seat.receive(commit)))
  return { create, process: median(times) }
}

const benchCommit = async (
  work: string, committer: Member, seats: readonly Member[], report: (work: string, time: number) => void, processing?: string,
): Promise<void> => {
  const { create, process } = await commitBy(committer, seats)
  report(work, create)
  if (processing !== undefined) report(processing, process)
}

// compiled code and loaded modules are not what is measured
for (const kind of KINDS) await benchKind(kind, 4, () => undefined).catch(() => undefined)
const { values } = parseArgs({ options: { sizes: { type: 'string', default: '2,10,100' } } })
for (const members of values.sizes.split(',').map(Number)) {
  for (const kind of KINDS) {
    const line = (content: object): void => { process.stdout.write(`${JSON.stringify({ peer: kind, members, ...content })}\n`) }
    try {
      await benchKind(kind, members, (work, time) => { line({ work, microseconds: time }) })
    } catch (error) {
      line({ failed: error instanceof Error ? error.message : String(error) })
    }
  }
}
