/**
 * One run: people talk while things break, then the faults stop, everybody syncs, and the oracles look.
 */
import { toHex } from '@famichat/base'
import type { ConversationId } from '@famichat/client'
import { anyAction } from './actions.js'
import { watchForCode } from './code-watch.js'
import type { Device } from './device.js'
import type { DiskDefect } from './disk.js'
import { Mischief } from './moves.js'
import { judgeOutcasts } from './outcasts.js'
import { crashPointsOf, type MoveId, movesOf, planCrashes, planMoves, planWeather } from './plan.js'
import { judgeAgreement, judgeDelivery, judgeOutbox, type Witness } from './oracles.js'
import { Dice } from './scheduler.js'
import { World } from './world.js'

/** How to run. */
export interface RunOptions {
  readonly seed: number
  readonly defect?: ((device: string) => DiskDefect | undefined) | undefined
  readonly print?: ((line: string) => void) | undefined
  readonly devices?: number
  /** Instead of the seed's own. */
  readonly moves?: readonly MoveId[]
  readonly crashPoints?: readonly string[]
}

/** What came of a run. */
export interface RunResult {
  readonly seed: number
  readonly violations: readonly string[]
  /** Equal for equal runs. */
  readonly digest: string
  readonly story: readonly string[]
  readonly devices: number
  readonly entries: number
  readonly ciphertexts: number
  readonly virtualMs: number
  readonly visited: ReadonlyMap<string, number>
  readonly killed: ReadonlyMap<string, number>
  readonly met: ReadonlyMap<string, number>
  /** Moves that did something. */
  readonly moves: ReadonlyMap<string, number>
}

const HOUR_MS = 3600 * 1000
const ACTIONS = 8
const SIZES = [2, 3, 3, 4, 4, 5, 5, 6, 7, 8]
const ROUNDS = 10
/** What a device says that was told another course of things, or a shorter one. */
const SAID_OF_FORKS = ['client.server.rolled_back', 'client.log.forked', 'client.conversation.stuck', 'stuck']

/** Plays one seed. */
export const run = async (options: RunOptions): Promise<RunResult> => {
  const dice = new Dice(options.seed, 'plan')
  const mischief: Mischief = new Mischief((device, move) => {
    world.acted(move.id)
    if (move.hurts) world.hurt.add(device)
  })
  const world: World = await World.begin({
    seed: options.seed, devices: options.devices ?? dice.pick(SIZES), defect: options.defect, print: options.print, middleman: mischief,
    weather: { latencyMs: [1, dice.pick([5, 60, 400])], loss: dice.pick([0, 0.02, 0.1, 0.2]), breaks: dice.pick([0, 0.002, 0.02]) },
  })
  const beganMs = world.scheduler.nowMs()
  const stopWatching = watchForCode((what) => { world.violation(what) })
  await world.drive('start', Promise.all(world.devices.map((device) => world.start(device))), HOUR_MS)
  await world.drive('first words', beginTalking(world), HOUR_MS)
  const planning = { world, mischief, dice, lengthMs: ACTIONS * 10_000 }
  planWeather(planning)
  planMoves(planning, options.moves ?? movesOf(options.seed))
  planCrashes(planning, options.crashPoints ?? crashPointsOf(options.seed))
  await world.drive('main part', Promise.all(world.devices.map((device) => live(world, device))), 48 * HOUR_MS)
  await world.drive('end', finish(world, mischief), 100 * HOUR_MS)
  stopWatching()
  const virtualMs = world.scheduler.nowMs() - beganMs
  for (const device of world.devices) device.kill()
  await world.host.end()
  return {
    seed: options.seed, violations: world.violations, digest: world.trace.digest(), story: world.trace.tail, devices: world.devices.length,
    entries: world.truth.entries, ciphertexts: world.wire.opened, virtualMs, visited: world.crashes.visited, killed: world.crashes.killed, met: world.met,
    moves: world.moves,
  }
}

/** A conversation of everybody, which the rest happens in. */
const beginTalking = async (world: World): Promise<void> => {
  const [first] = world.devices
  for (let tries = 0; first !== undefined && tries < 5; tries++) {
    const begun = await world.attempt(first, 'begin', async ({ client }) => {
      await client.sync()
      return client.createGroup('everybody', world.people.filter((name) => name !== client.identity.accountName))
    })
    if (begun !== undefined) return
  }
}

/** One device's day. */
const live = async (world: World, device: Device): Promise<void> => {
  const dice = new Dice(world.seed, `life of ${device.name}`)
  for (let step = 0; step < ACTIONS; step++) {
    await world.scheduler.sleep(dice.between(50, 20_000))
    if (device.session === undefined) continue
    if (dice.chance(0.12)) {
      void beLive(world, device, dice.between(5_000, 60_000))
      continue
    }
    if (dice.chance(0.01)) {
      // long enough for what only time brings
      await beLive(world, device, dice.between(2 * HOUR_MS, 5 * HOUR_MS))
      continue
    }
    if (dice.chance(0.05)) {
      await world.attempt(device, 'close', ({ client }) => client.close())
      device.kill()
      await world.start(device)
      continue
    }
    const { name, act } = anyAction(dice)
    await world.attempt(device, name, ({ client }) => act({
      client, dice, truth: world.truth, author: device.name, people: world.people, onProblem: (code) => { world.heard(device, code) },
    }))
    await world.attempt(device, 'look', async ({ client }) => world.screens.get(device)?.look(client))
  }
}

/** Stays connected for a while; other things can be done beside it. */
const beLive = (world: World, device: Device, forMs: number): Promise<unknown> => {
  const stop = new AbortController()
  world.scheduler.after(forMs, () => { stop.abort() })
  return world.attempt(device, 'live', ({ client }) => client.live(stop.signal))
}

/** Faults stop; everybody comes back and syncs until nothing changes, says a last word, and syncs again. */
const finish = async (world: World, mischief: Mischief): Promise<void> => {
  world.crashes.disarm()
  world.isOver = true
  mischief.stop()
  world.host.spare()
  Object.assign(world.weather, { loss: 0, breaks: 0 })
  world.weather.offline.clear()
  world.weather.cutOff.clear()
  world.log('faults stop')
  await world.restartServer()
  const remaining = world.devices.filter((device) => !device.isLost)
  for (const device of remaining) {
    device.disk.isFull = false
    device.scope = undefined
    await world.attempt(device, 'close', ({ client }) => client.close())
    device.kill()
    await world.start(device)
  }
  for (const act of world.unfinished) await act()
  const present = remaining.filter((device) => !world.outcasts.has(device))
  await settle(world, present, { isLast: false })
  for (const device of present) {
    await world.attempt(device, 'last words', async ({ client }) => {
      for (const { conversationId, state } of await client.conversations()) {
        if (state === 'active' && !world.invented.has(conversationId)) await client.send(conversationId, world.truth.write({ accountId: client.identity.accountId, conversationId }, device.name))
      }
    })
  }
  // somebody's keys are due: whoever is in another course of things hears of it with the commit
  const renewing = present.find(({ name }) => !world.hurt.has(name)) ?? present[0]
  if (renewing !== undefined) renewing.skewMs += 25 * HOUR_MS
  await settle(world, present, { isLast: true })
  const witnesses = present.flatMap((device): Witness[] => (device.session === undefined ? [] : [{ device, client: device.session.client, isHurt: world.hurt.has(device.name), isForked: mischief.hasForked(device.name) }]))
  const violation = (what: string): void => { world.violation(what) }
  for (const { device, client } of witnesses) await world.screens.get(device)?.look(client)
  const judging = { violation, hasSaid: (name: string) => SAID_OF_FORKS.some((code) => world.said.get(name)?.has(code) === true) }
  await judgeAgreement(witnesses, world.truth, judging)
  await judgeDelivery(witnesses, world.truth, judging)
  await judgeOutcasts(witnesses, world, violation)
  for (const witness of witnesses) await judgeOutbox(witness, violation, async (id) => witness.isHurt && isBeyondHelp(world, present, id))
  if (world.violations.length > 0) await tell(world, witnesses)
}

/** For whoever looks for the cause: every conversation as the honest server has it, and as each device shows it. */
const tell = async (world: World, witnesses: readonly Witness[]): Promise<void> => {
  for (const [conversationId, log] of world.truth.logs) {
    const nameOf = (deviceId: string): string => witnesses.find(({ client }) => client.identity.deviceId === deviceId)?.device.name ?? deviceId
    world.log(`${conversationId} has ${log.map(({ seq, contentType, epoch, senderDevice }) => `${seq.toString()}:${nameOf(senderDevice)}/${contentType.toString()}/${epoch.toString()}`).join(' ')}`)
    for (const { device, client } of witnesses) {
      const info = (await client.conversations()).find((conversation) => conversation.conversationId === conversationId)
      const events = await client.history(conversationId)
      world.log(`  ${device.name} ${info?.state ?? 'without it'} epoch ${info?.epoch.toString() ?? ''} seq ${info?.seq.toString() ?? ''}: ${events.map((event) => `${event.seq.toString()}:${event.kind}${'errorCode' in event ? `/${event.errorCode}` : event.kind === 'message' ? `/${nameOf(event.deviceId)}` : ''}`).join(' ')}`)
    }
  }
}

/** Syncs everybody until that changes nothing; then nobody may have a problem left, but for those who were told another course of things. */
const settle = async (world: World, devices: readonly Device[], { isLast }: { readonly isLast: boolean }): Promise<void> => {
  let before = `${world.truth.entries.toString()} ${await stateOf(devices)}`
  for (let round = 0; round < ROUNDS; round++) {
    const problems: string[] = []
    for (const device of devices) {
      const found = await world.attempt(device, 'sync', ({ client }) => client.sync())
      for (const problem of found ?? [{ code: 'failed', conversationId: undefined }]) {
        world.heard(device, problem.code)
        const isKnown = world.hurt.has(device.name)
          && (SAID_OF_FORKS.includes(problem.code) || isOutOf(world, device, problem) || await isBeyondHelp(world, devices, problem.conversationId))
        if (isLast && !isKnown && !world.invented.has(problem.conversationId ?? '')) problems.push(`${device.name} ${problem.code}`)
      }
    }
    const now = `${world.truth.entries.toString()} ${await stateOf(devices)}`
    if (now === before) {
      for (const problem of problems) world.violation(`in the end: ${problem}`)
      return
    }
    before = now
  }
  world.violation('it does not come to rest')
}

/** True where a device was put out that cannot read that it was: it was told another course of things, and says that it is stuck. */
const isOutOf = (world: World, { session }: Device, { conversationId, code }: { readonly conversationId?: ConversationId | undefined; readonly code: string }): boolean =>
  code === 'protocol.access.refused' && session !== undefined && conversationId !== undefined && !world.truth.isIn(conversationId, session.client.identity.deviceId)

/** True for a conversation in which no device is left that could let the others in again: it has to be made anew. */
const isBeyondHelp = async (world: World, devices: readonly Device[], conversationId: ConversationId | undefined): Promise<boolean> => {
  if (conversationId === undefined) return false
  for (const { name, session } of devices) {
    const known = (await session?.client.conversations())?.find((conversation) => conversation.conversationId === conversationId)
    if (known?.state === 'active' && !world.hurt.has(name)) return false
  }
  return true
}

const stateOf = async (devices: readonly Device[]): Promise<string> => {
  const states: string[] = []
  for (const { session } of devices) {
    for (const { epoch, epochAuthenticator, seq, state } of await session?.client.conversations() ?? []) {
      states.push(`${state} ${epoch.toString()} ${seq.toString()} ${toHex(epochAuthenticator)}`)
    }
  }
  return states.join(';')
}
