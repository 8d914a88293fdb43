/**
 * Silence: devices that give no sign of life are named in time, and let go by who decides on members (E20). Nobody is let go
 * for good: the device comes back when it asks.
 */
import type { ConversationId } from '@famichat/protocol'
import { IntentKind } from '../store/records.js'
import { devicesOf, putIntent, readIntents } from './intents.js'
import { membersOf, type PlacedDevice } from './members.js'
import { isAdmin, viewOf } from './policy.js'
import { isSameHour, Presence, silenceOf, type TwoClocks } from './presence.js'
import { activePart } from './standing.js'
import { noteAt } from './taking.js'
import { readUndo } from './undo.js'
import type { Workspace } from './workspace.js'

/** When the members of an epoch were looked at last. */
const looked = new WeakMap<readonly PlacedDevice[], TwoClocks>()

/** Looks at who has been silent for how long, once an hour; says it, and wants out who has to go. */
export const watchSilence = async (workspace: Workspace, conversationId: ConversationId): Promise<void> => {
  const seen = await workspace.turn('silence', conversationId, async (turn) => {
    const { store, clock, identity } = workspace.context
    const part = activePart(turn)
    if (part === undefined) return undefined
    const { group, record } = part
    const nowMs = clock.nowMs()
    const clocks = { nowMs, serverMs: record.latestServerMs }
    const before = looked.get(membersOf(group))
    if (before !== undefined && isSameHour(before, clocks)) return undefined
    const presence = new Presence(store, conversationId, nowMs)
    const view = viewOf(group, readUndo(record))
    const going = new Set(devicesOf(await readIntents(store, conversationId), IntentKind.evict).map(({ deviceId }) => deviceId))
    for (const { accountId, deviceId } of view.members) {
      if (deviceId === identity.deviceId || going.has(deviceId)) continue
      const known = await presence.read(deviceId)
      const silence = silenceOf(known, clocks)
      if (silence.kind === 'unknown') await presence.see(deviceId, clocks.serverMs)
      if (silence.kind === 'warn') {
        await presence.warn(deviceId, clocks)
        noteAt({ turn, conversationId }, { seq: record.cursor, code: 'client.device.idle', accountId, deviceId, atMs: nowMs, epoch: group.epoch, count: silence.days })
      }
      if (silence.kind === 'evict' && (isAdmin(view, identity.accountId) || accountId === identity.accountId)) {
        putIntent(workspace, conversationId, turn, { kind: IntentKind.evict, devices: [{ accountId, deviceId }], atMs: known?.seenServerMs ?? nowMs })
      }
    }
    presence.writeTo(turn)
    return { members: view.members, clocks }
  })
  // not before it is written
  if (seen !== undefined) looked.set(seen.members, seen.clocks)
}
