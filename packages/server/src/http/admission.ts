/**
 * Who may call: rate limit and token before a byte of the body is read, the device's proof of the call after it.
 */
import {
  parseDeviceAuthorization, parseInviteAuthorization, parseRequestProof, ProtocolError, type RouteAuth,
} from '@famichat/protocol'
import { ProofBook } from '../accounts/request-proofs.js'
import { validateInvite } from '../accounts/invites.js'
import { authenticateRegistered, authenticateToken } from '../accounts/tokens.js'
import { TokenBuckets } from '../rate-limits.js'
import type { AuthenticatedDevice, Services } from '../services.js'
import type { Callers } from './handlers.js'

/** Any caller. */
export type Caller = Callers[RouteAuth]

/** Admits or refuses callers. */
export class Admission {
  readonly #services: Services
  readonly #addresses: TokenBuckets
  readonly #devices: TokenBuckets
  readonly #proofs: ProofBook

  constructor(services: Services) {
    this.#services = services
    this.#addresses = new TokenBuckets(services.clock, services.rateLimits.address)
    this.#devices = new TokenBuckets(services.clock, services.rateLimits.device)
    this.#proofs = new ProofBook(services.clock)
  }

  /** The call, body and all, is this device's own. @throws ProtocolError `protocol.auth.refused` */
  prove(device: AuthenticatedDevice, { authorization, proof, ...call }: {
    readonly authorization: string | undefined; readonly proof: string | undefined; readonly method: string; readonly path: string
    readonly body: Uint8Array; readonly origins: readonly string[]
  }): void {
    this.#proofs.spend(device, { ...call, token: parseDeviceAuthorization(authorization), proof: parseRequestProof(proof) })
  }

  /** @throws ProtocolError `protocol.rate.limited` | `protocol.auth.refused` | `protocol.device.pending` | `protocol.invite.*` */
  async admit(auth: RouteAuth, { address, authorization }: { address: string; authorization: string | undefined }): Promise<Caller> {
    if (!this.#addresses.take(address)) throw new ProtocolError('protocol.rate.limited')
    const { database, clock } = this.#services
    switch (auth) {
      case 'none':
        return undefined
      case 'invite': {
        const invite = parseInviteAuthorization(authorization)
        await validateInvite(database.read, invite, clock.nowMs())
        return invite
      }
      case 'registered':
      case 'device': {
        const authenticate = auth === 'device' ? authenticateToken : authenticateRegistered
        const device = await authenticate(database.read, parseDeviceAuthorization(authorization), clock.nowMs())
        if (!this.#devices.take(device.deviceId)) throw new ProtocolError('protocol.rate.limited')
        return device
      }
    }
  }
}
