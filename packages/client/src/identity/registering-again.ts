/**
 * A device that the server has forgotten: it came after the backup that the server was restored from. Its account's list has it, so it
 * registers again by its certificate alone, and asks the members of the account's conversations to let it in afresh.
 */
import { isCodedError } from '@famichat/base'
import { deviceRegistrationTbs, idToBytes, listedDevices } from '@famichat/protocol'
import { callRoute, type DeviceCalls } from '../net/http.js'
import type { Surroundings } from '../platform.js'
import { ConversationState } from '../store/records.js'
import type { Workspace } from '../conversation/workspace.js'
import { readDeviceList } from './device-lists.js'
import { makeFirstStock } from './key-packages.js'
import { lastVersion } from './list-versions.js'

/** @returns false when the server knows the device and has shut it out, or has another list of the account than this device */
export const registerAgain = async (surroundings: Surroundings, workspace: Workspace, calls: DeviceCalls): Promise<boolean> => {
  const { store, network, suite, random, clock } = surroundings
  const { identity } = workspace.context
  const { origin, accountId, deviceId, certificateBytes: certificate } = identity
  const state = await readDeviceList(store, accountId)
  const deviceList = state && await lastVersion(store, state)
  if (deviceList === undefined || !listedDevices(state).some((device) => device.deviceId === deviceId)) return false
  // those that the server had may have been given out
  const { messages, changes } = await makeFirstStock({ store, suite, identity, clock, random })
  await store.exclusive(() => store.write(changes))
  const registrationSignature = await identity.signer.sign(deviceRegistrationTbs({ origin, admission: idToBytes(accountId), certificate }))
  try {
    await callRoute({ origin, fetch: network.fetch }, 'deviceRecover', { certificate, deviceList, registrationSignature, keyPackages: { keyPackages: messages } })
  } catch (error) {
    if (!isCodedError(error) || !error.code.startsWith('protocol.')) throw error
    return false
  }
  // a server that knew the device all along still has it in its conversations: nothing is to be mended there
  const { conversations } = await calls.call('conversationList', {})
  const present = new Set(conversations.filter(({ untilSeq }) => untilSeq === undefined).map((summary) => summary.conversationId))
  for (const { conversationId, record } of await workspace.list()) {
    if (record.state !== ConversationState.active || present.has(conversationId)) continue
    // as far as the server knows this device was never there; what waits is encrypted anew once it is
    await workspace.turn('rollback', conversationId, (turn) => {
      turn.update({ state: ConversationState.ended, isAway: true, isRolledBack: true })
      return Promise.resolve()
    })
  }
  return true
}
