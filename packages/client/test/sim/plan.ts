/**
 * What goes wrong in a run, and when: drawn from the seed, so that every move and every crash point has its turn.
 */
import type { ConversationId } from '@famichat/client'
import { decodeKeyPackageBundle, makeCipherSuite } from '@famichat/mls'
import { Secret } from '@famichat/base'
import { decodeRecord, KeyPackageRecord } from '../../dist/store/records.js'
import { anyAction } from './actions.js'
import type { Device, Session } from './device.js'
import type { DiskImage } from './disk.js'
import { Impostor } from './impostor.js'
import { Drop, Fork, Garble, Lie, type Mischief, type Move, Redirect, Reorder, Repeat, RollBack, TakeAndDeny, Withhold } from './moves.js'
import { narrow } from './narrowing.js'
import { endAccount, loseRevocation } from './outcasts.js'
import { type CrashPoint, seededBackend } from './process.js'
import { Dice, seededBytes } from './scheduler.js'
import { ForgedWelcome, GhostDevice, StaleWelcome, SwapKeyPackages } from './server-keys.js'
import type { World } from './world.js'

/** Every kind of move, by the threat it is. */
export const MOVES = [
  'S1', 'S2', 'S3', 'S3 denied', 'S4', 'S5', 'S6', 'S7', 'S8', 'S9', 'S10', 'S11', 'S12', 'S13', 'S14', 'S16', 'S17', 'S19', 'S48', 'S52', 'S53', 'S54',
  'S13 restored', 'S23', 'S24',
] as const
export type MoveId = (typeof MOVES)[number]

/** Where processes are killed: before and after a turn is written, a call is made, a frame goes out or comes in. */
export const CRASH_POINTS: readonly CrashPoint[] = [
  ...['create', 'intent', 'commit', 'send', 'receive', 'welcome', 'propose', 'renewal', 'reseal', 'leave'].flatMap((turn) => [`${turn}.computed`, `${turn}.written`]),
  'send.accepted', 'commit.accepted', 'disk.before', 'disk.after',
  ...['conversationCreate', 'conversationCommit', 'keyPackageClaim', 'logRead', 'welcomeRead', 'conversationLeave'].flatMap((route) => [`call.${route}.asked`, `call.${route}.answered`]),
  'call.directory.answered', 'call.welcomeList.answered', 'call.tokenIssue.answered',
  'frame.send.sent', 'frame.accepted.came', 'frame.deliver.came', 'frame.acknowledge.sent', 'frame.acknowledgeWelcome.sent', 'frame.authenticate.sent', 'frame.ready.came',
]

/** Moves that go in pairs; the last three came later, and have seeds of their own, so that the others play as they did. */
const PAIRED = MOVES.slice(0, -3)
const ALONE = MOVES.slice(-3)
const CRASHES_PER_RUN = 4
const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS
const MOVES_PER_RUN = 2

/** What a run's plan works with. */
export interface Planning {
  readonly world: World
  readonly mischief: Mischief
  readonly dice: Dice
  /** How long people talk. */
  readonly lengthMs: number
}

/** The moves of a seed: four in five have two, one in ten has one of the later ones, one in ten has none. */
export const movesOf = (seed: number): readonly MoveId[] => {
  if (seed % 10 === 5) return [ALONE[Math.floor(seed / 10) % ALONE.length] ?? 'S23']
  return seed % 5 === 0 ? [] : Array.from({ length: MOVES_PER_RUN }, (_, at) => PAIRED[(seed * MOVES_PER_RUN + at) % PAIRED.length] ?? 'S1')
}

/** The crash points of a seed. */
export const crashPointsOf = (seed: number): readonly CrashPoint[] =>
  Array.from({ length: CRASHES_PER_RUN }, (_, at) => CRASH_POINTS[(seed * CRASHES_PER_RUN + at) % CRASH_POINTS.length] ?? 'disk.after')

/** A few short runs that together make every move and crash at every place. */
export const SAMPLE: readonly { readonly seed: number; readonly devices: number; readonly moves: readonly MoveId[]; readonly crashPoints: readonly CrashPoint[] }[] =
  Array.from({ length: 16 + ALONE.length }, (_, index) => ({
    seed: index + 1,
    devices: 3 + (index % 2),
    moves: index < 16 ? [0, 1].map((at) => PAIRED[(index * 2 + at) % PAIRED.length] ?? 'S1') : ALONE.slice(index - 16, index - 15),
    crashPoints: Array.from({ length: 6 }, (_six, at) => CRASH_POINTS[(index * 6 + at) % CRASH_POINTS.length] ?? 'disk.after'),
  }))

/** Plans a seed's crashes. */
export const planCrashes = ({ world, dice, lengthMs }: Planning, points: readonly CrashPoint[]): void => {
  for (const point of points) {
    world.scheduler.after(dice.between(0, lengthMs / 3), () => {
      const isRare = /^(propose|intent|reseal|renewal|leave|call\.conversationLeave)/.test(point)
      world.crashes.arm(point, { skips: isRare ? 0 : dice.below(2) })
      if (isRare) provoke(world, dice, point)
    })
  }
}

/** Some places are seldom come to by chance. */
const provoke = (world: World, dice: Dice, point: CrashPoint): void => {
  if (world.isOver) return
  const [device] = dice.shuffle(world.devices).filter(({ disk, session }) => session !== undefined && disk.list('conversations', { prefix: '' }).length > 0)
  if (device === undefined) {
    world.scheduler.after(2_000, () => { provoke(world, dice, point) })
    return
  }
  const inGroup = (name: string, act: (session: Session, conversationId: ConversationId) => Promise<unknown>): void => {
    void world.attempt(device, name, async (session) => {
      const group = (await session.client.conversations()).find(({ kind, state }) => kind === 2 && state === 'active')
      if (group !== undefined) await act(session, group.conversationId)
    })
  }
  switch (point.startsWith('call.') ? 'leave' : point.split('.')[0]) {
    case 'leave':
      void world.attempt(device, 'leave alone', async ({ client }) => client.leave((await client.createGroup('alone', [])).conversationId))
      return
    case 'propose':
      inGroup('leave', ({ client }, conversationId) => client.leave(conversationId))
      return
    case 'intent':
      inGroup('remove', ({ client }, conversationId) => client.remove(conversationId, dice.pick(world.people.filter((name) => name !== device.person))))
      return
    case 'renewal':
      renew(world, device)
      return
    case 'reseal':
      writeAndMissEpochs(world, device)
      return
    default:
  }
}

/** What is written without a network is out of date when it is back. */
const writeAndMissEpochs = (world: World, device: Device): void => {
  const other = world.devices.find((one) => one !== device && one.session !== undefined)
  if (other === undefined || world.isOver) return
  world.weather.offline.add(device.name)
  void world.attempt(device, 'say offline', async ({ client }) => {
    const conversation = (await client.conversations()).find(({ state }) => state === 'active')
    if (conversation === undefined) return
    const { conversationId } = conversation
    await client.send(conversationId, world.truth.write({ accountId: client.identity.accountId, conversationId }, device.name))
  })
  for (let commits = 1; commits <= 5; commits++) world.scheduler.after(commits * 1_500, () => { renew(world, other) })
  world.scheduler.after(12_000, () => {
    world.weather.offline.delete(device.name)
    void sync(world, device)
  })
}

/** Plans a seed's moves. */
export const planMoves = (planning: Planning, moves: readonly MoveId[]): void => {
  for (const id of moves) planMove(planning, id)
}

const planMove = (planning: Planning, id: MoveId): void => {
  const { world, dice, lengthMs } = planning
  const target = dice.pick(world.devices)
  const tryBegin = (): void => {
    const isIn = target.disk.list('conversations', { prefix: '' }).length > 0
    if (world.isOver) return
    // nothing can be done to a device that has nothing
    if (!isIn || target.session === undefined) {
      world.scheduler.after(2_000, tryBegin)
      return
    }
    world.log(`${id} against ${target.name}`)
    begin(planning, id, target)
  }
  world.scheduler.after(dice.between(2_000, lengthMs / 3), tryBegin)
}

/** Moves of a server that speaks; the rest befalls devices and processes. */
const begin = (planning: Planning, id: MoveId, target: Device): void => {
  const { world, mischief, dice } = planning
  const nowMs = (): number => world.scheduler.nowMs()
  const against = (move: Move): void => { mischief.begin(target.name, move) }
  switch (id) {
    case 'S1': { against(new Reorder(dice)); missSome(world, target); return }
    case 'S2': { against(new Drop(dice)); return }
    case 'S3': { against(new Repeat(dice)); return }
    case 'S3 denied': { against(new TakeAndDeny(dice)); return }
    case 'S4': { against(new Redirect(dice)); talkInTwo(world, target); return }
    case 'S5': { against(new Withhold(dice)); renewOther(world, target); return }
    case 'S6': { beginFork(planning, target); return }
    case 'S7': { against(new SwapKeyPackages(dice, new Impostor(world.seed), nowMs)); createOne(world, target); return }
    case 'S8': { against(new GhostDevice(dice, new Impostor(world.seed), { nowMs, seed: world.seed })); return }
    case 'S9': { against(new Garble(dice, { isForGood: false })); renewOther(world, target); return }
    case 'S10': { against(forgedWelcome(planning, target)); syncAgain(world, target); return }
    case 'S11': { against(new StaleWelcome(dice, world.seed)); welcomeTwice(world, target); return }
    case 'S12': { against(new Lie(dice)); return }
    case 'S13': { against(new RollBack(dice)); syncAgain(world, target); return }
    case 'S14': { race(world, dice); return }
    case 'S16': { killServer(world, dice, 'stored'); return }
    case 'S17': { killServer(world, dice, 'transaction'); return }
    case 'S48': { against(new Garble(dice, { isForGood: true })); renewOther(world, target); return }
    case 'S52': { rollBackProfile(planning, target); return }
    case 'S19':
    case 'S53': { secondProcess(planning, target, id); return }
    case 'S54': { evict(planning, target); return }
    case 'S13 restored': { loseRevocation(planning); return }
    case 'S23': { endAccount(planning); return }
    case 'S24': { narrow(planning, target) }
  }
}

const sync = (world: World, device: Device): Promise<unknown> => world.attempt(device, 'sync', async ({ client }) => {
  for (const { code } of await client.sync()) world.heard(device, code)
})

/** The target's keys are due, and somebody else's too: two commits end the same epoch, in two courses of things. */
const beginFork = ({ world, mischief, dice }: Planning, target: Device): void => {
  const fork = new Fork(dice, { nowMs: () => world.scheduler.nowMs(), deviceId: () => target.session?.client.identity.deviceId })
  mischief.begin(target.name, fork)
  renew(world, target)
  renewOther(world, target)
}

/** Somebody says things to the target in two conversations. */
const talkInTwo = (world: World, target: Device): void => {
  const other = world.devices.find(({ person, session }) => person !== target.person && session !== undefined)
  if (other === undefined) return
  void world.attempt(other, 'talk in two', async ({ client }) => {
    await client.sync()
    await client.createDirect(target.person)
    for (let round = 0; round < 3; round++) {
      for (const { conversationId, state } of await client.conversations()) {
        if (state === 'active') await client.send(conversationId, world.truth.write({ accountId: client.identity.accountId, conversationId }, other.name))
      }
      await world.scheduler.sleep(3_000)
      await sync(world, target)
    }
  })
}

/** A Welcome comes, and some time later the device looks for others. */
const welcomeTwice = (world: World, target: Device): void => {
  const other = world.devices.find(({ person, session }) => person !== target.person && session !== undefined)
  if (other === undefined) return
  void world.attempt(other, 'create', async ({ client }) => {
    await client.sync()
    await client.createGroup('with a Welcome', [target.person])
  })
  syncAgain(world, target)
}

const createOne = (world: World, device: Device): void => {
  void world.attempt(device, 'create', async ({ client }) => {
    await client.sync()
    await client.createGroup('one more', world.people.filter((name) => name !== device.person).slice(0, 1))
  })
}

const renew = (world: World, device: Device): void => {
  device.skewMs += 25 * HOUR_MS
  void sync(world, device)
}

/** A commit comes, of somebody else. */
const renewOther = (world: World, target: Device): void => {
  const other = world.devices.find((device) => device !== target && device.session !== undefined)
  if (other !== undefined) renew(world, other)
}

const syncAgain = (world: World, target: Device): void => {
  for (const delayMs of [500, 6_000, 15_000, 30_000]) world.scheduler.after(delayMs, () => { void sync(world, target) })
}

/** Somebody says a few things in a row, which the target then reads together. */
const missSome = (world: World, target: Device): void => {
  const other = world.devices.find(({ person, session }) => person !== target.person && session !== undefined)
  if (other === undefined) return
  void world.attempt(other, 'say some', async ({ client }) => {
    await client.sync()
    for (const { conversationId, state } of await client.conversations()) {
      if (state !== 'active') continue
      for (let said = 0; said < 4; said++) await client.send(conversationId, world.truth.write({ accountId: client.identity.accountId, conversationId }, other.name))
    }
  })
  syncAgain(world, target)
}

/** Everybody's keys are due at once. */
const race = (world: World, dice: Dice): void => {
  for (const device of world.devices) world.scheduler.after(dice.below(50), () => { renew(world, device) })
  world.acted('S14')
}

/** Ends the server's process with its next write. */
const killServer = (world: World, dice: Dice, moment: 'stored' | 'transaction'): void => {
  if (!world.host.isUp || world.isOver) return
  world.host.killAtNextWrite(moment, () => {
    world.log(`the server is killed: ${moment}`)
    world.acted(moment === 'stored' ? 'S16' : 'S17')
    world.scheduler.after(dice.between(500, 10_000), () => { void world.restartServer() })
  })
}

/** The device's files are put back to what they were. */
const rollBackProfile = ({ world, dice }: Planning, target: Device): void => {
  const image: DiskImage = target.disk.image()
  world.scheduler.after(dice.between(5_000, 40_000), () => {
    if (target.isLost || world.isOver) return
    world.log(`${target.name} is put back to an older copy`)
    const taken = new Set([...world.truth.logs.values()].flatMap((log) => log.map(({ messageId }) => messageId)))
    world.wire.putBack(target.name, (messageId) => taken.has(messageId))
    world.acted('S52')
    world.hurt.add(target.name)
    target.kill()
    target.disk.restore(image)
    world.screens.get(target)?.forget()
    if (dice.chance(0.5)) {
      world.weather.offline.add(target.name)
      world.scheduler.after(dice.between(5_000, 30_000), () => { world.weather.offline.delete(target.name) })
    }
    void world.start(target)
  })
}

/** A second tab: another process of the same profile does things beside the first. S19: the same at the same time. */
const secondProcess = ({ world, dice }: Planning, target: Device, id: MoveId): void => {
  const own = new Dice(world.seed, `second process of ${target.name}`)
  void world.attemptBeside(target, async ({ client, process }) => {
    world.acted(id)
    for (let step = 0; step < 6; step++) {
      await world.scheduler.sleep(own.between(50, id === 'S19' ? 100 : 8_000))
      if (process.isDead) return
      const { name, act } = anyAction(own)
      const acting = { client, dice: own, truth: world.truth, author: `${target.name}'s second`, people: world.people }
      await world.tryIt(target, `second ${name}`, act(acting))
      if (id === 'S19') void world.attempt(target, name, (session) => act({ ...acting, client: session.client, author: target.name }))
    }
    await world.tryIt(target, 'second look', world.screens.get(target)?.look(client) ?? Promise.resolve())
    if (dice.chance(0.5)) process.kill()
    else await client.close()
  })
}

/** The device's storage is gone: its program says so, and makes no new identity by itself. */
const evict = ({ world }: Planning, target: Device): void => {
  if (world.devices.filter(({ isLost }) => !isLost).length < 3) return
  world.acted('S54')
  target.kill()
  target.disk.restore(new Map())
  world.lost(target)
}

const forgedWelcome = ({ world, dice }: Planning, target: Device): ForgedWelcome => {
  const suite = makeCipherSuite(3, seededBackend, seededBytes(world.seed, 'reading KeyPackages'))
  return new ForgedWelcome(dice, new Impostor(world.seed), {
    nowMs: () => world.scheduler.nowMs(), seed: world.seed,
    conversationId: () => target.disk.list('conversations', { prefix: '' })[0]?.key as ConversationId | undefined,
    keyPackage: () => {
      const [stored] = target.disk.list('keyPackages', { prefix: '' })
      const record = stored && decodeRecord(KeyPackageRecord, stored.value)
      return Promise.resolve(record && decodeKeyPackageBundle(suite, new Secret(record.bundle)).message)
    },
    onInvented: (conversationId) => { world.invented.add(conversationId) },
  })
}

/** Bad luck: what befalls everybody now and then. */
export const planWeather = ({ world, dice, lengthMs }: Planning): void => {
  const { scheduler, weather } = world
  const during = (run: () => void): void => { scheduler.after(dice.between(1_000, lengthMs), () => { if (!world.isOver) run() }) }
  if (dice.chance(0.4)) during(() => { killServer(world, dice, dice.pick(['stored', 'transaction'])) })
  for (const device of world.devices) {
    if (dice.chance(0.3)) {
      during(() => {
        world.log(`${device.name} is offline`)
        weather.offline.add(device.name)
        scheduler.after(dice.between(1_000, 60_000), () => { weather.offline.delete(device.name) })
      })
    }
    if (dice.chance(0.2)) {
      during(() => {
        device.skewMs = dice.pick([-DAY_MS, DAY_MS, -HOUR_MS, HOUR_MS, 3 * MINUTE_MS])
        world.log(`${device.name}'s clock jumps by ${device.skewMs.toString()} ms`)
      })
    }
    if (dice.chance(0.1)) {
      during(() => {
        world.log(`${device.name}'s disk is full`)
        device.disk.isFull = true
        scheduler.after(dice.between(1_000, 20_000), () => { device.disk.isFull = false })
      })
    }
  }
  if (dice.chance(0.2)) during(() => { world.serverSkewMs = dice.pick([-DAY_MS, DAY_MS, HOUR_MS]) })
}
