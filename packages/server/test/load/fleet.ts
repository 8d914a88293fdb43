/**
 * A community of any size, written straight into a new database: registering thousands of devices over HTTP would take
 * longer than what is to be measured. Keys are real: every device signs its challenge.
 */
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { fromBase64url, present, type RandomBytes, systemClock } from '@famichat/base'
import {
  type AccountId, ConversationKind, type ConversationId, type DeviceId, type FamilyId, LIFETIMES, LIMITS, makeId,
} from '@famichat/protocol'
import { openDatabase, type Store } from '../../dist/storage/open-database.js'

/** A device that may open channels. */
export interface FleetDevice {
  readonly deviceId: DeviceId
  readonly key: KeyObject
  readonly token: Uint8Array
}

/** Who is there. */
export interface Fleet {
  readonly devices: readonly FleetDevice[]
  readonly conversations: readonly ConversationId[]
}

/** How large; conversation `i` has the devices that `conversations[i]` lists. */
export interface FleetPlan {
  readonly dataDir: string
  readonly random: RandomBytes
  readonly devices: number
  readonly conversations: readonly (readonly number[])[]
}

const DEVICES_PER_ACCOUNT = 10
/** The server takes no token that lives longer; a scenario takes minutes. */
const TOKEN_MS = LIFETIMES.tokenMs

/** Makes the database. No server may be running on it. */
export const makeFleet = async ({ dataDir, random, devices: count, conversations: plan }: FleetPlan): Promise<Fleet> => {
  const database = await openDatabase({ dataDir, keys: {}, random })
  const nowMs = systemClock.nowMs()
  try {
    return await database.write.write(async (store) => {
      const devices: FleetDevice[] = []
      const family_id = makeId<FamilyId>(random)
      await store.insertInto('families').values({ family_id, name: 'fleet', created_at_ms: nowMs }).execute()
      for (let account = 0; devices.length < count; account++) {
        const account_id = makeId<AccountId>(random)
        const name = `account ${account.toString()}`
        await store.insertInto('accounts').values({
          account_id, family_id, family_role: 1, name, account_key: random(32), role: 1, created_at_ms: nowMs,
        }).execute()
        for (let i = 0; i < DEVICES_PER_ACCOUNT && devices.length < count; i++) devices.push(await insertDevice(store, { account_id, nowMs, random }))
      }
      const conversations: ConversationId[] = []
      for (const members of plan) conversations.push(await insertConversation(store, { members: members.map((at) => present(devices[at], 'a planned device')), nowMs, random }))
      return { devices, conversations }
    })
  } finally {
    await database.close()
  }
}

interface Making {
  readonly nowMs: number
  readonly random: RandomBytes
}

const insertDevice = async (store: Store, { account_id, nowMs, random }: Making & { readonly account_id: AccountId }): Promise<FleetDevice> => {
  const pem = generateKeyPairSync('ed25519', { privateKeyEncoding: { format: 'pem', type: 'pkcs8' }, publicKeyEncoding: { format: 'pem', type: 'spki' } })
  const key = createPrivateKey(pem.privateKey)
  const device = { deviceId: makeId<DeviceId>(random), key, token: random(32) }
  await store.insertInto('devices').values({
    device_id: device.deviceId, account_id, certificate: random(200),
    signature_key: fromBase64url(createPublicKey(key).export({ format: 'jwk' }).x ?? ''),
    created_at_ms: nowMs, approved_at_ms: nowMs, revoked_at_ms: null,
  }).execute()
  const token_hash = createHash('sha256').update(device.token).digest()
  await store.insertInto('tokens').values({ token_hash, device_id: device.deviceId, expires_at_ms: nowMs + TOKEN_MS }).execute()
  return device
}

const insertConversation = async (store: Store, { members, nowMs, random }: Making & { readonly members: readonly FleetDevice[] }): Promise<ConversationId> => {
  const conversation_id = makeId<ConversationId>(random)
  const creator = present(members[0], 'a conversation has members').deviceId
  if (members.length > LIMITS.devicesPerConversation) throw new RangeError('too many devices for a conversation')
  await store.insertInto('conversations').values({
    conversation_id, kind: ConversationKind.group, epoch: 0, last_seq: 0, creator, created_at_ms: nowMs,
  }).execute()
  await store.insertInto('memberships').values(members.map(({ deviceId }) => ({ conversation_id, device_id: deviceId, from_seq: 1, until_seq: null }))).execute()
  return conversation_id
}
