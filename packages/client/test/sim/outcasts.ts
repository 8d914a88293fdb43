/**
 * Outcasts: devices that are shut out for good, by an admin who ends an account (S23), or by their own account while the server
 * loses the revocation, for it is put back to the day before (S13). None of them gets anything any more, and none stays in a
 * conversation without a word.
 */
import { isCodedError } from '@famichat/base'
import type { ConversationInfo } from '@famichat/client'
import { ConversationKind, type RouteName } from '@famichat/protocol'
import type { Device } from './device.js'
import { Move } from './moves.js'
import type { Violation, Witness } from './oracles.js'
import type { Planning } from './plan.js'
import type { Dice } from './scheduler.js'
import type { World } from './world.js'

const AGAIN_MS = 5_000

/** S23: an admin ends somebody's account, again and again until the server says that it is ended. */
export const endAccount = ({ world, dice }: Planning): void => {
  // who set the server up is its admin
  const [founder] = world.people
  const person = dice.pick(world.people.filter((name) => name !== founder))
  let isEnded = false
  const end = async (): Promise<void> => {
    const admin = world.devices.find((device) => device.person === founder && device.session !== undefined)
    if (isEnded || admin === undefined) return
    isEnded = await world.attempt(admin, `end ${person}`, async ({ client }) => {
      try {
        await client.community.endAccount(person)
      } catch (error) {
        if (!isCodedError(error, 'client.account.ended')) throw error
      }
      return true
    }) ?? false
    if (!isEnded) return
    world.acted('S23')
    const outcasts = world.devices.filter((device) => device.person === person)
    castOut(world, outcasts)
    await leaveBehind(world, dice, outcasts)
  }
  const tryAgain = (): void => {
    if (world.isOver) return
    void end().then(() => { if (!isEnded) world.scheduler.after(AGAIN_MS, tryAgain) })
  }
  tryAgain()
  world.unfinished.push(end)
}

/** Somebody leaves a conversation with them, perhaps one in which nobody else is left to commit that. */
const leaveBehind = async (world: World, dice: Dice, outcasts: readonly Device[]): Promise<void> => {
  const ids = new Set<string>(outcasts.flatMap(({ deviceId }) => deviceId ?? []))
  const [leaver] = dice.shuffle(world.devices.filter((device) => !outcasts.includes(device) && device.session !== undefined))
  if (leaver === undefined) return
  await world.attempt(leaver, 'leave them behind', async ({ client }) => {
    const [shared] = dice.shuffle((await client.conversations()).filter(({ state, members }) => state === 'active' && members.some(({ deviceIds }) => deviceIds.some((id) => ids.has(id)))))
    if (shared !== undefined) await client.leave(shared.conversationId)
  })
}

/** From now on the honest server takes nothing from them. */
const castOut = (world: World, devices: readonly Device[]): void => {
  for (const device of devices) {
    world.outcasts.add(device)
    if (device.deviceId !== undefined) world.truth.shutOut.add(device.deviceId)
    world.log(`${device.name} is shut out`)
    world.watchers.push(({ senderDevice }) => { if (senderDevice === device.deviceId) world.violation(`${device.name} is shut out, and its message is taken`) })
  }
}

/** The server is put back to an earlier day just after it has taken a revocation, and shown its list; then whoever revoked is away for a while. */
class LoseRevocation extends Move {
  readonly id = 'S13 restored'
  readonly #restore: () => Promise<void>
  readonly #onRestored: () => void
  #step: 'before' | 'revoked' | 'restored' | 'over' = 'before'

  constructor(dice: Dice, { restore, onRestored }: { readonly restore: () => Promise<void>; readonly onRestored: () => void }) {
    super(dice)
    this.#restore = restore
    this.#onRestored = onRestored
  }

  override instead(): undefined {
    if (this.#step !== 'restored') return
    this.#step = 'over'
    this.#onRestored()
  }

  override async answer(route: RouteName): Promise<undefined> {
    if (this.#step === 'before' && route === 'deviceRevoke') this.#step = 'revoked'
    else if (this.#step === 'revoked' && route === 'deviceListRead') {
      await this.#restore()
      this.#step = this.act('restored')
    }
  }
}

/** S13: a device is revoked by another one of its account, and the server forgets it; nothing else happens in between. */
export const loseRevocation = ({ world, mischief, dice }: Planning): void => {
  const pairs = world.devices.flatMap((device) => world.devices.filter(({ name, person }) => person === device.person && name !== device.name).map((sibling) => ({ device, sibling })))
    .filter(({ device, sibling }) => device.session !== undefined && sibling.deviceId !== undefined)
  const [pair] = dice.shuffle(pairs)
  if (pair === undefined || !world.host.isUp) return
  const { device, sibling: { deviceId } } = pair
  if (deviceId === undefined) return
  const { cutOff } = world.weather
  for (const { name } of world.devices) if (name !== device.name) cutOff.add(name)
  const act = async (): Promise<void> => {
    const image = await world.backUpServer()
    const move = new LoseRevocation(dice, {
      restore: async () => {
        await world.backUpServer(image)
        cutOff.clear()
      },
      onRestored: () => {
        device.kill()
        world.scheduler.after(dice.between(AGAIN_MS, 40_000), () => { void world.start(device) })
      },
    })
    mischief.begin(device.name, move)
    await world.attempt(device, 'revoke', ({ client }) => client.revokeDevice(deviceId))
    // when it did not come to that: others are there again, and nothing may be taken back from them
    move.isActive = false
    cutOff.clear()
  }
  void world.tryIt(device, 'lose a revocation', act())
  world.unfinished.push(async () => {
    const own = await world.attempt(device, 'look for devices', ({ client }) => client.devices())
    if (own?.some((known) => known.deviceId === deviceId && known.isRevoked) === true) castOut(world, [pair.sibling])
  })
}

/** Whoever is shut out hears so, and is in no conversation from which somebody here may remove it; where nobody may, that is said. */
export const judgeOutcasts = async (witnesses: readonly Witness[], world: World, violation: Violation): Promise<void> => {
  for (const outcast of world.outcasts) await judgeReturn(outcast, world, violation)
  for (const [conversationId] of world.truth.logs) {
    const views: { witness: Witness; info: ConversationInfo }[] = []
    // who is on the way out changes nothing any more
    const leaving = new Set<string>()
    for (const witness of witnesses) {
      const info = (await witness.client.conversations()).find((known) => known.conversationId === conversationId)
      if (info?.state === 'active') views.push({ witness, info })
      if (info?.state === 'leaving') leaving.add(witness.device.person)
    }
    const staying = views.filter(({ witness }) => !leaving.has(witness.device.person))
    for (const outcast of world.outcasts) {
      for (const { witness: { device }, info } of views) {
        if (!info.members.some(({ deviceIds }) => deviceIds.some((id) => id === outcast.deviceId))) continue
        const mayBeRemoved = staying.some(({ witness, info: { isAdmin, kind } }) => kind === ConversationKind.direct || isAdmin || witness.device.person === outcast.person)
        const isSaid = info.waitingDevices > 0 || world.said.get(device.name)?.has('client.device.unlisted') === true
        if (mayBeRemoved || !isSaid) violation(`${outcast.name} is shut out, and for ${device.name} still in ${conversationId}${isSaid ? '' : ', without a word'}`)
      }
    }
  }
}

const judgeReturn = async (outcast: Device, world: World, violation: Violation): Promise<void> => {
  await world.attempt(outcast, 'come back', async ({ client }) => {
    try {
      await client.sync()
      violation(`${outcast.name} is shut out, and comes back`)
    } catch (error) {
      if (!isCodedError(error)) throw error
      if (error.code !== 'client.device.revoked') violation(`${outcast.name} is shut out, and hears ${error.code}`)
    }
  })
}
