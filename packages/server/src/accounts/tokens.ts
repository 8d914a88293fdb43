/**
 * Access tokens: opaque, ten minutes, stored as a hash, given for a challenge signed with the device's key (E17).
 * A challenge carries its own proof that this process made it, so asking for many costs the server no memory.
 */
import { sql } from 'kysely'
import { bytesKey, concat, constantTimeEqual, type RandomBytes } from '@famichat/base'
import { type DeviceId, type IssuedToken, LIFETIMES, LIMITS, ProtocolError, type TokenRequest, tokenRequestTbs } from '@famichat/protocol'
import type { AuthenticatedDevice, Services } from '../services.js'
import { hmacSha256, sha256, verifyEd25519 } from '../signatures.js'
import type { Store } from '../storage/open-database.js'
import { readScope, storedScope } from './token-scopes.js'

const TOKEN_BYTES = 32
const RANDOM_BYTES = 16
const MAC_BYTES = 16

/** Makes and checks the nonces of token requests; each is good once, for a minute, in this process. */
export class ChallengeBook {
  readonly #key: Uint8Array
  readonly #random: RandomBytes
  readonly #used = new Map<string, number>()

  constructor(random: RandomBytes) {
    this.#random = random
    this.#key = random(32)
  }

  /** A fresh nonce: 16 random bytes, the time, and a MAC over both. */
  make(nowMs: number): Uint8Array {
    const time = new Uint8Array(8)
    new DataView(time.buffer).setBigUint64(0, BigInt(nowMs))
    const body = concat(this.#random(RANDOM_BYTES), time)
    return concat(body, this.#mac(body))
  }

  /** True when this process made the nonce less than a minute ago. */
  isFresh(nonce: Uint8Array, nowMs: number): boolean {
    const body = nonce.subarray(0, RANDOM_BYTES + 8)
    if (!constantTimeEqual(this.#mac(body), nonce.subarray(RANDOM_BYTES + 8))) return false
    const madeAtMs = Number(new DataView(body.buffer, body.byteOffset + RANDOM_BYTES, 8).getBigUint64(0))
    return Math.abs(nowMs - madeAtMs) <= LIFETIMES.challengeMs && !this.#used.has(bytesKey(nonce))
  }

  /** Spends a nonce; only for one whose signature was good, so that strangers cannot fill the memory. */
  spend(nonce: Uint8Array, nowMs: number): void {
    for (const [key, spentAtMs] of this.#used) {
      if (nowMs - spentAtMs <= 2 * LIFETIMES.challengeMs) break
      this.#used.delete(key)
    }
    this.#used.set(bytesKey(nonce), nowMs)
  }

  #mac(body: Uint8Array): Uint8Array {
    return hmacSha256(this.#key, body).subarray(0, MAC_BYTES)
  }
}

/** A device that has proved who it is, and may still wait for a guardian. */
export interface RegisteredDevice extends AuthenticatedDevice {
  readonly isPending: boolean
}

/** Gives tokens for a signed challenge. @throws ProtocolError `protocol.auth.refused` for whatever is wrong */
export const issueToken = async (
  services: Services, challenges: ChallengeBook, request: TokenRequest, origins: readonly string[],
): Promise<IssuedToken> => {
  const nowMs = services.clock.nowMs()
  const device = await readLivingDevice(services.database.read, request.deviceId)
  const { nonce, deviceId, scope } = request
  const isProved = device !== undefined && challenges.isFresh(nonce, nowMs) && origins.some((origin) =>
    verifyEd25519(device.signatureKey, tokenRequestTbs({ origin, nonce, deviceId, scope }), request.signature))
  if (!isProved) throw new ProtocolError('protocol.auth.refused')
  challenges.spend(nonce, nowMs)
  const pair = { token: services.random(TOKEN_BYTES), refreshToken: services.random(TOKEN_BYTES) }
  return services.database.write.write((store) => storePair(store, { deviceId, scope: storedScope(scope) }, pair, nowMs))
}

/** Stores a pair of tokens as hashes. @throws ProtocolError `protocol.auth.refused` when the device has been revoked since it was read */
export const storePair = async (
  store: Store, { deviceId, scope }: { readonly deviceId: DeviceId; readonly scope: Uint8Array | null }, pair: { readonly token: Uint8Array; readonly refreshToken: Uint8Array }, nowMs: number,
): Promise<IssuedToken> => {
  if ((await readLivingDevice(store, deviceId)) === undefined) throw new ProtocolError('protocol.auth.refused')
  const [expiresAtMs, refreshExpiresAtMs] = [nowMs + LIFETIMES.tokenMs, nowMs + LIFETIMES.refreshTokenMs]
  for (const table of ['tokens', 'refresh_tokens'] as const) {
    await store.deleteFrom(table).where('device_id', '=', deviceId).where('expires_at_ms', '<=', nowMs).execute()
  }
  // the clock was set back since these were given: they would live again when it comes to their time
  await store.deleteFrom('tokens').where('device_id', '=', deviceId).where('expires_at_ms', '>', expiresAtMs).execute()
  await makeRoom(store, 'tokens', deviceId)
  await makeRoom(store, 'refresh_tokens', deviceId)
  await store.insertInto('tokens').values({ token_hash: sha256(pair.token), device_id: deviceId, expires_at_ms: expiresAtMs, scope }).execute()
  await store.insertInto('refresh_tokens').values({
    token_hash: sha256(pair.refreshToken), device_id: deviceId, expires_at_ms: refreshExpiresAtMs, used_at_ms: null, scope,
  }).execute()
  return { ...pair, expiresAtMs, refreshExpiresAtMs }
}

/** Drops the oldest, so that one more comes to no more than the cap: who signs in without end fills no disk. */
const makeRoom = async (store: Store, table: 'tokens' | 'refresh_tokens', deviceId: DeviceId): Promise<void> => {
  const living = store.selectFrom(table).where('device_id', '=', deviceId)
  // used refresh tokens count apart: they stand for the past, not for what may be done
  const kinds = table === 'tokens' ? [{ among: living, most: LIMITS.tokensPerDevice }]
    : [{ among: living.where(sql<boolean>`used_at_ms is null`), most: LIMITS.tokensPerDevice }, { among: living, most: LIMITS.refreshTokensPerDevice }]
  for (const { among, most } of kinds) {
    const { held } = await among.select((eb) => eb.fn.countAll<number>().as('held')).executeTakeFirstOrThrow()
    if (held < most) continue
    const oldest = await among.select('token_hash').orderBy('expires_at_ms').limit(held - most + 1).execute()
    await store.deleteFrom(table).where('token_hash', 'in', oldest.map(({ token_hash }) => token_hash)).execute()
  }
}

/** Ends all tokens of a device. */
export const dropTokens = async (store: Store, deviceId: DeviceId): Promise<void> => {
  for (const table of ['tokens', 'refresh_tokens'] as const) await store.deleteFrom(table).where('device_id', '=', deviceId).execute()
}

/**
 * The active device that a token belongs to.
 * @throws ProtocolError `protocol.auth.refused` when unknown, expired or revoked | `protocol.device.pending`
 */
export const authenticateToken = async (store: Store, token: Uint8Array, nowMs: number): Promise<AuthenticatedDevice> => {
  const device = await authenticateRegistered(store, token, nowMs)
  if (device.isPending) throw new ProtocolError('protocol.device.pending')
  return device
}

/** The device that a token belongs to, pending or active. @throws ProtocolError `protocol.auth.refused` when unknown, expired or revoked */
export const authenticateRegistered = async (store: Store, token: Uint8Array, nowMs: number): Promise<RegisteredDevice> => {
  const row = await store.selectFrom('tokens').innerJoin('devices', 'devices.device_id', 'tokens.device_id')
    .select(['devices.device_id', 'devices.account_id', 'devices.signature_key', 'devices.approved_at_ms', 'tokens.scope'])
    .where('token_hash', '=', sha256(token)).where('tokens.expires_at_ms', '>', nowMs)
    .where('tokens.expires_at_ms', '<=', nowMs + LIFETIMES.tokenMs)
    .where('devices.revoked_at_ms', 'is', null).executeTakeFirst()
  if (row === undefined) throw new ProtocolError('protocol.auth.refused')
  return { deviceId: row.device_id, accountId: row.account_id, signatureKey: row.signature_key, isPending: row.approved_at_ms === null, scope: readScope(row.scope) }
}

/** A device that is not revoked; it may still be pending. */
export const readLivingDevice = async (store: Store, deviceId: DeviceId): Promise<AuthenticatedDevice | undefined> => {
  const row = await store.selectFrom('devices').select(['account_id', 'signature_key']).where('device_id', '=', deviceId)
    .where('revoked_at_ms', 'is', null).executeTakeFirst()
  return row === undefined ? undefined : { deviceId, accountId: row.account_id, signatureKey: row.signature_key }
}
