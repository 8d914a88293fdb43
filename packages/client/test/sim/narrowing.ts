/**
 * Narrowed tokens (S24): for a while a device's program asks for tokens that are good for one conversation, or for reading it.
 * Whatever it does meanwhile, nothing of it comes out anywhere else, and nothing of anywhere else comes in.
 */
import { isCodedError } from '@famichat/base'
import type { Client, ConversationInfo } from '@famichat/client'
import type { Device } from './device.js'
import type { Planning } from './plan.js'
import type { World } from './world.js'

/** After this nothing that was sent before is under way any more. */
const QUIET_MS = 60_000
const STEPS = 4

/** S24: the program is closed, started with less, used, and started whole again. */
export const narrow = ({ world, dice }: Planning, target: Device): void => {
  const act = async (): Promise<void> => {
    const active = await world.attempt(target, 'look around', async ({ client }) => (await client.conversations()).filter(({ state }) => state === 'active'))
    if (active === undefined || active.length === 0) return
    const { conversationId } = dice.pick(active)
    const access = dice.pick(['read', 'write'] as const)
    const conversations = [conversationId]
    await restart(world, target, { access, conversations })
    let isWatched = false
    world.watchers.push((header) => {
      if (!isWatched || world.isOver || header.senderDevice !== target.deviceId || (header.conversationId === conversationId && access === 'write')) return
      world.violation(`${target.name} may ${access} one conversation, and writes in ${header.conversationId}`)
    })
    await world.scheduler.sleep(QUIET_MS)
    if (world.isOver || !isNarrowedTo(target, conversations)) return
    isWatched = true
    const before = await world.attempt(target, 'look', positions)
    world.log(`${target.name} may ${access} ${conversationId} only`)
    for (let step = 0; step < STEPS; step++) await use(world, target)
    const after = await world.attempt(target, 'look', positions)
    isWatched = false
    // when faults have stopped meanwhile, it is whole again
    if (before === undefined || after === undefined || !isNarrowedTo(target, conversations)) return
    world.acted('S24')
    for (const id of new Set([...before.keys(), ...after.keys()])) {
      if (id !== conversationId && before.get(id) !== after.get(id)) world.violation(`${target.name} may ${access} one conversation, and hears of ${id}`)
    }
    await restart(world, target, undefined)
  }
  void world.tryIt(target, 'narrow', act())
}

const isNarrowedTo = ({ scope }: Device, conversations: readonly string[]): boolean => scope?.conversations === conversations

const restart = async (world: World, target: Device, scope: Device['scope']): Promise<void> => {
  await world.attempt(target, 'close', ({ client }) => client.close())
  target.kill()
  target.scope = scope
  await world.start(target)
}

/** How far it is in each conversation. */
const positions = async ({ client }: { readonly client: Client }): Promise<ReadonlyMap<string, string>> =>
  new Map((await client.conversations()).map(({ conversationId, state, seq }) => [conversationId, `${state} ${seq.toString()}`]))

/** Somebody else says something everywhere, and the narrowed device tries everything. */
const use = async (world: World, target: Device): Promise<void> => {
  if (world.isOver) return
  const other = world.devices.find(({ person, session }) => person !== target.person && session !== undefined)
  if (other !== undefined) {
    await world.attempt(other, 'say everywhere', async ({ client }) => {
      for (const info of await client.conversations()) if (info.state === 'active') await say(world, client, { info, author: other.name })
    })
  }
  await world.attempt(target, 'sync narrowed', ({ client }) => client.sync())
  await world.attempt(target, 'say everywhere, narrowed', async ({ client }) => {
    for (const info of await client.conversations()) {
      if (info.state !== 'active') continue
      try {
        await say(world, client, { info, author: target.name })
      } catch (error) {
        if (!isCodedError(error, 'client.scope.refused')) throw error
      }
    }
  })
  await world.scheduler.sleep(3_000)
}

const say = (world: World, client: Client, { info: { conversationId }, author }: { readonly info: ConversationInfo; readonly author: string }): Promise<unknown> =>
  client.send(conversationId, world.truth.write({ accountId: client.identity.accountId, conversationId }, author))
