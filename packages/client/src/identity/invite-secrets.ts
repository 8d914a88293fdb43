/**
 * The secret of an invite link, which only inviter and joiner have (E14): by it the inviter knows whom it adds, and the first
 * conversation of the two is locked with it, so that a server that swaps keys on either side gets neither in nor unnoticed.
 */
import { concat, constantTimeEqual, equal, Secret, utf8 } from '@famichat/base'
import { type CipherSuite, type Group, makeExternalPsk, type Proposal, ProposalType, type PskSource } from '@famichat/mls'
import { type AccountId, type DeviceListState, idToBytes, type InviteId, listedDevices } from '@famichat/protocol'
import { decodeRecord, encodeRecord, InviteRecord, InviteSide, InviteState } from '../store/records.js'
import type { Change, Store } from '../store/store.js'
import { readDeviceList } from './device-lists.js'
import { certificateOf } from './trust.js'

/** An invite that this device made or came by. */
export interface StoredInvite {
  readonly inviteId: InviteId
  readonly record: InviteRecord
}

const PSK_ID_LABEL = utf8('Famichat 1.0 Invite ')

/** What the joiner's client shows the inviter through the server: this device list, and no other, used the invite. */
export const joinerProof = ({ hash }: CipherSuite, { inviteId, secret }: { readonly inviteId: InviteId; readonly secret: Uint8Array }, list: DeviceListState): Uint8Array =>
  hash.hmac(secret, concat(utf8('Famichat 1.0 InviteJoiner'), idToBytes(inviteId), list.hashes[0] ?? new Uint8Array(32)))

/** True when the account with this list used the invite. */
export const isJoiner = (suite: CipherSuite, { inviteId, record: { secret } }: StoredInvite, proof: Uint8Array | undefined, list: DeviceListState): boolean =>
  proof !== undefined && constantTimeEqual(joinerProof(suite, { inviteId, secret }, list), proof)

/** All that are kept. */
export const readInvites = async (store: Pick<Store, 'list'>): Promise<readonly StoredInvite[]> =>
  (await store.list('invites', { prefix: '' })).map(({ key, value }) => ({ inviteId: key as InviteId, record: decodeRecord(InviteRecord, value) }))

/** Keeps what is known of an invite. */
export const inviteChange = ({ inviteId, record }: StoredInvite): Change => ({ table: 'invites', key: inviteId, value: encodeRecord(InviteRecord, record) })

/** The accounts that used an invite of this device in the place of whom it was for. */
export const readImpostors = async (store: Pick<Store, 'list'>): Promise<ReadonlySet<AccountId>> =>
  new Set((await readInvites(store)).flatMap(({ record: { state, peer } }) => (state === InviteState.swapped && peer !== undefined ? [peer] : [])))

const pskIdOf = (inviteId: InviteId): Uint8Array => concat(PSK_ID_LABEL, idToBytes(inviteId))

/** The keys of invites as the engine asks for them (RFC 9420 §8.4); says which were used. Each locks one conversation of either side. */
export class InvitePsks implements PskSource {
  readonly #store: Pick<Store, 'list'>
  readonly #suite: CipherSuite
  readonly #used = new Map<InviteId, InviteRecord>()

  constructor(store: Pick<Store, 'list'>, suite: CipherSuite) {
    this.#store = store
    this.#suite = suite
  }

  async external(pskId: Uint8Array): Promise<Secret | undefined> {
    const found = (await readInvites(this.#store)).find(({ inviteId }) => equal(pskIdOf(inviteId), pskId))
    if (found === undefined) return undefined
    this.#used.set(found.inviteId, found.record)
    return new Secret(this.#suite.hash.hmac(found.record.secret, concat(utf8('Famichat 1.0 InvitePsk'), idToBytes(found.inviteId))))
  }

  /** A conversation of the other side was locked with the invites that were used since the last call: that was what they were for. */
  takeOpened(): readonly Change[] {
    return this.#take(() => undefined)
  }

  /**
   * This device has locked a conversation with them. They lock no other of its own, and open one of the other side's: the Welcome may
   * never have been taken there.
   */
  takeSpent(): readonly Change[] {
    return this.#take((record) => encodeRecord(InviteRecord, { ...record, state: InviteState.spent }))
  }

  #take(after: (record: InviteRecord) => Uint8Array | undefined): readonly Change[] {
    const changes = [...this.#used].map(([inviteId, record]): Change => ({ table: 'invites', key: inviteId, value: after(record) }))
    this.#used.clear()
    return changes
  }

  /** What used them was refused: they are as before. */
  forget(): void {
    this.#used.clear()
  }
}

/**
 * When this device is alone in a group and one of those that come in shares an invite with it, that one device comes first, and
 * the commit is locked with the invite's secret; the others, who do not know it, come with the next commit.
 */
export const bindFirst = async (store: Store, group: Group, proposals: readonly Proposal[]): Promise<readonly Proposal[]> => {
  if (group.members.length !== 1) return proposals
  const invites = (await readInvites(store)).filter(({ record: { state } }) => state === InviteState.bound)
  if (invites.length === 0) return proposals
  for (const proposal of proposals) {
    if (proposal.proposalType !== ProposalType.add) continue
    const { accountId, deviceId } = certificateOf(proposal.keyPackage.leafNode.credential)
    const invite = invites.find(({ record: { peer } }) => peer === accountId)
    if (invite === undefined || holderOf(invite.record, await readDeviceList(store, accountId)) !== deviceId) continue
    return [proposal, makeExternalPsk(group.cipherSuite, pskIdOf(invite.inviteId))]
  }
  return proposals
}

/** The device that has the secret: the joiner's first; the inviter's, if it never had another. */
const holderOf = ({ side }: InviteRecord, list: DeviceListState | undefined): string | undefined => {
  const [first] = list?.devices ?? []
  const isKnown = side === InviteSide.made || list?.devices.length === 1
  return isKnown && listedDevices(list).some(({ deviceId }) => deviceId === first?.deviceId) ? first?.deviceId : undefined
}
