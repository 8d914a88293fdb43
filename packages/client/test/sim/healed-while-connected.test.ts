/**
 * S48 in virtual time: a commit that one device alone cannot take, while all of them only stay connected.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { present, toHex } from '@famichat/base'
import type { ConversationId } from '@famichat/client'
import type { Device } from './device.js'
import { Garble, Mischief } from './moves.js'
import { Dice } from './scheduler.js'
import { World } from './world.js'

const HOUR_MS = 3600 * 1000
const HEALED_WITHIN_MS = 30_000
const DEVICES = 5

const viewOf = async (device: Device, id: ConversationId): Promise<string> => {
  const { state, epoch, epochAuthenticator } = await present(device.session, 'it runs').client.info(id)
  return `${state} ${epoch.toString()} ${toHex(epochAuthenticator)}`
}

/** @returns virtual milliseconds from the commit until all agree again, and how many epochs later that is */
const play = async (seed: number): Promise<{ readonly healedMs: number; readonly epochs: bigint }> => {
  const mischief = new Mischief(() => undefined)
  const world = await World.begin({ seed, devices: DEVICES, middleman: mischief, weather: { latencyMs: [1, 400], loss: 0, breaks: 0 } })
  const { scheduler, devices } = world
  const clientOf = (device: Device) => present(device.session, 'it runs').client
  const [first, target] = [present(devices[0], 'the first device'), present(devices.at(-1), 'the last device')]
  let healedMs = Infinity
  let epochs = 0n
  const stop = new AbortController()
  const lives: Promise<void>[] = []
  const story = async (): Promise<void> => {
    for (const device of devices) await world.start(device)
    await clientOf(first).sync()
    const { conversationId: id } = await clientOf(first).createGroup('everybody', world.people.filter((name) => name !== first.person))
    for (let round = 0; round < 2; round++) for (const device of devices) await clientOf(device).sync()
    for (const device of devices) lives.push(clientOf(device).live(stop.signal))
    await scheduler.sleep(10_000)
    const agreed = new Set(await Promise.all(devices.map((device) => viewOf(device, id))))
    assert.equal(agreed.size, 1, 'all are in')
    const { epoch } = await clientOf(first).info(id)

    const garble = new Garble(new Dice(seed, 'garble'), { isForGood: true })
    mischief.begin(target.name, garble)
    // its keys are due
    first.skewMs += 25 * HOUR_MS
    await clientOf(first).sync()
    const beganMs = scheduler.nowMs()
    let wasStuck = false
    while (healedMs === Infinity && scheduler.nowMs() - beganMs <= HEALED_WITHIN_MS) {
      await scheduler.sleep(100)
      wasStuck ||= (await clientOf(target).info(id)).state === 'stuck'
      const views = new Set(await Promise.all(devices.map((device) => viewOf(device, id))))
      if (garble.acts > 0 && wasStuck && views.size === 1) healedMs = scheduler.nowMs() - beganMs
    }
    assert.ok(wasStuck, `seed ${seed.toString()}: the device could not follow`)
    epochs = (await clientOf(first).info(id)).epoch - epoch
    // whoever else was about to help has found it done
    await scheduler.sleep(HEALED_WITHIN_MS)
    assert.equal((await clientOf(first).info(id)).epoch, epoch + epochs)
    stop.abort()
    await Promise.all(lives)
  }
  await world.drive('healing', story(), HOUR_MS)
  for (const device of devices) device.kill()
  await world.host.end()
  assert.deepEqual(world.violations, [])
  return { healedMs, epochs }
}

test('S48: a device that could not take a commit is healed within 30 virtual seconds while all only stay connected, by one commit', async () => {
  for (const seed of [48, 480, 4800]) {
    const { healedMs, epochs } = await play(seed)
    assert.ok(healedMs <= HEALED_WITHIN_MS, `seed ${seed.toString()}: ${healedMs.toString()} ms`)
    assert.equal(epochs, 2n, `seed ${seed.toString()}: the commit that it could not take, and the one that healed it`)
  }
})
