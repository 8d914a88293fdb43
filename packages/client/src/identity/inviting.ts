/**
 * Inviting: the inviter's side of an invite link. The link's secret never reaches the server; who used the invite is known by it.
 */
import { formatInviteLink, type InviteId, INVITE_SECRET_BYTES, inviteProofInput, LIFETIMES, makeId } from '@famichat/protocol'
import type { WorkspaceContext } from '../conversation/workspace.js'
import type { Engine } from '../engine.js'
import type { DeviceCalls } from '../net/http.js'
import { InviteSide, InviteState } from '../store/records.js'
import type { Change } from '../store/store.js'
import { inviteFor, type InvitedAs } from './community.js'
import { type DeviceLists, readDeviceList } from './device-lists.js'
import { deviceNameChange, openDeviceName } from './device-names.js'
import { accountFingerprint } from './identity.js'
import { inviteChange, isJoiner, readInvites } from './invite-secrets.js'

/** Makes an invite. @throws ProtocolError `protocol.access.refused` for a place this account may not give */
export const makeInvite = async (
  { workspace: { context: { random, suite, identity, store, clock } }, connection }: Engine, invitedAs: InvitedAs,
): Promise<{ readonly link: string; readonly expiresAtMs: number }> => {
  const { origin, certificate } = identity
  const inviteId = makeId<InviteId>(random)
  const secret = random(INVITE_SECRET_BYTES)
  const proof = suite.hash.digest(inviteProofInput(inviteId, secret))
  const { expiresAtMs } = await connection.calls.call('inviteCreate', { inviteId, proofHash: suite.hash.digest(proof), invited: inviteFor(invitedAs) })
  const record = { secret, side: InviteSide.made, state: InviteState.open, peer: undefined, madeAtMs: clock.nowMs() }
  await store.exclusive(() => store.write([inviteChange({ inviteId, record })]))
  return { link: formatInviteLink({ origin, inviteId, secret, inviterFingerprint: accountFingerprint(suite, certificate.accountKey) }), expiresAtMs }
}

/** How long an invite that nobody used is remembered. */
const FORGET_AFTER_MS = 10 * LIFETIMES.inviteMs

/**
 * Looks at who used the invites of this device: an account that cannot show the link's secret is an impostor, and nothing is
 * said to it.
 */
export const checkInvites = async (
  { store, suite, clock }: WorkspaceContext, { calls, lists }: { readonly calls: DeviceCalls; readonly lists: DeviceLists },
): Promise<void> => {
  const open = (await readInvites(store)).filter(({ record: { side, state } }) => side === InviteSide.made && state === InviteState.open)
  if (open.length === 0) return
  const { invites } = await calls.call('inviteList', {})
  const changes: Change[] = []
  for (const invite of open) {
    const used = invites.find(({ inviteId }) => inviteId === invite.inviteId)
    const isOld = clock.nowMs() - invite.record.madeAtMs > FORGET_AFTER_MS
    if (used?.usedBy === undefined) {
      if (isOld) changes.push({ table: 'invites', key: invite.inviteId, value: undefined })
      continue
    }
    await lists.ensure([used.usedBy])
    const list = await readDeviceList(store, used.usedBy)
    if (list === undefined) continue
    const state = isJoiner(suite, invite, used.joinerProof, list) ? InviteState.bound : InviteState.swapped
    changes.push(inviteChange({ inviteId: invite.inviteId, record: { ...invite.record, state, peer: used.usedBy } }))
    const [first] = list.devices
    const name = used.sealedDeviceName && openDeviceName(suite, { inviteId: invite.inviteId, secret: invite.record.secret }, used.sealedDeviceName)
    if (first !== undefined && name !== undefined) changes.push(deviceNameChange({ deviceId: first.deviceId, name, namedAtMs: clock.nowMs() }))
  }
  if (changes.length > 0) await store.exclusive(() => store.write(changes))
}
