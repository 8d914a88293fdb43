/**
 * Refresh tokens (E17): each gives the next pair of tokens once. Used again, it was copied: all tokens of the device die and
 * its channels end. Only within ten seconds the same pair is given again, for the answer may have been lost.
 */
import { concat, type RandomBytes, utf8 } from '@famichat/base'
import { type DeviceId, type IssuedToken, LIFETIMES, ProtocolError, type RefreshRequest, tokenRefreshTbs } from '@famichat/protocol'
import type { Services } from '../services.js'
import { hmacSha256, sha256, verifyEd25519 } from '../signatures.js'
import type { Store } from '../storage/open-database.js'
import { dropTokens, readLivingDevice, storePair } from './tokens.js'

/** What a refresh token gives is worked out from it, under a key of this process: the same again, and stored by nobody. */
export class RefreshBook {
  readonly #key: Uint8Array

  constructor(random: RandomBytes) {
    this.#key = random(32)
  }

  /** The pair that follows. */
  next(refreshToken: Uint8Array): { readonly token: Uint8Array; readonly refreshToken: Uint8Array } {
    const derive = (what: string): Uint8Array => hmacSha256(this.#key, concat(utf8(what), refreshToken))
    return { token: derive('access token'), refreshToken: derive('refresh token') }
  }
}

/** Gives the next pair. @throws ProtocolError `protocol.auth.refused` for whatever is wrong */
export const refreshToken = async (
  services: Services, book: RefreshBook, request: RefreshRequest, origins: readonly string[],
): Promise<IssuedToken> => {
  const { deviceId, signature } = request
  const device = await readLivingDevice(services.database.read, deviceId)
  const isProved = device !== undefined && origins.some((origin) =>
    verifyEd25519(device.signatureKey, tokenRefreshTbs({ origin, refreshToken: request.refreshToken, deviceId }), signature))
  if (!isProved) throw new ProtocolError('protocol.auth.refused')
  const nowMs = services.clock.nowMs()
  const issued = await services.database.write.write(async (store, afterCommit) => {
    const outcome = await turnOver(store, book, { deviceId, token: request.refreshToken, nowMs })
    if (outcome === 'reused') afterCommit(() => { services.events.signedOut(deviceId) })
    return outcome
  })
  // thrown only now: what was done about a copied token must stay
  if (issued === 'unknown' || issued === 'reused') throw new ProtocolError('protocol.auth.refused')
  return issued
}

const turnOver = async (
  store: Store, book: RefreshBook, { deviceId, token, nowMs }: { readonly deviceId: DeviceId; readonly token: Uint8Array; readonly nowMs: number },
): Promise<IssuedToken | 'unknown' | 'reused'> => {
  const row = await store.selectFrom('refresh_tokens').selectAll().where('token_hash', '=', sha256(token))
    .where('device_id', '=', deviceId).where('expires_at_ms', '>', nowMs).executeTakeFirst()
  if (row === undefined) return 'unknown'
  const pair = book.next(token)
  if (row.used_at_ms === null) {
    await store.updateTable('refresh_tokens').set({ used_at_ms: nowMs }).where('token_hash', '=', row.token_hash).execute()
    return storePair(store, { deviceId, scope: row.scope }, pair, nowMs)
  }
  const given = await store.selectFrom('tokens').innerJoin('refresh_tokens', 'refresh_tokens.device_id', 'tokens.device_id')
    .select(['tokens.expires_at_ms', 'refresh_tokens.expires_at_ms as refresh_expires_at_ms'])
    .where('tokens.token_hash', '=', sha256(pair.token)).where('refresh_tokens.token_hash', '=', sha256(pair.refreshToken)).executeTakeFirst()
  if (nowMs - row.used_at_ms <= LIFETIMES.refreshGraceMs && given !== undefined) {
    return { ...pair, expiresAtMs: given.expires_at_ms, refreshExpiresAtMs: given.refresh_expires_at_ms }
  }
  await dropTokens(store, deviceId)
  return 'reused'
}
