/**
 * Proofs of calls: a token alone calls nothing (E17). The device signs each call with its time and a nonce; a proof is good
 * once, for a few minutes, and not across a restart, which forgets what was used.
 */
import { bytesKey, type Clock } from '@famichat/base'
import { LIFETIMES, ProtocolError, type RequestProof, requestTbs } from '@famichat/protocol'
import type { AuthenticatedDevice } from '../services.js'
import { verifyEd25519 } from '../signatures.js'

/** A call as it came. */
export interface ProvenCall {
  readonly token: Uint8Array
  readonly method: string
  readonly path: string
  readonly body: Uint8Array
  readonly proof: RequestProof
  /** Origins the device may have signed. */
  readonly origins: readonly string[]
}

/** Judges proofs and remembers those that were used. */
export class ProofBook {
  readonly #clock: Clock
  #startedAtMs: number
  readonly #used = new Map<string, number>()

  constructor(clock: Clock) {
    this.#clock = clock
    this.#startedAtMs = clock.nowMs()
  }

  /** Spends the proof of a call. @throws ProtocolError `protocol.auth.refused` for whatever is wrong */
  spend(device: AuthenticatedDevice, { token, method, path, body, proof, origins }: ProvenCall): void {
    const nowMs = this.#clock.nowMs()
    // the clock was set back: tokens of its former time are refused, and with them all proofs that were used before
    if (nowMs < this.#startedAtMs - LIFETIMES.clockSkewMs) this.#startedAtMs = nowMs
    const { timeMs, nonce, signature } = proof
    // what was used before a restart is not known any more: nothing from before it is taken
    const isTimely = Math.abs(nowMs - timeMs) <= LIFETIMES.clockSkewMs && timeMs >= this.#startedAtMs
    const key = `${device.deviceId} ${bytesKey(nonce)}`
    const isGood = isTimely && !this.#used.has(key) && origins.some((origin) =>
      verifyEd25519(device.signatureKey, requestTbs({ origin, token, method, path, timeMs, nonce, body }), signature))
    if (!isGood) throw new ProtocolError('protocol.auth.refused')
    this.#forget(nowMs)
    this.#used.set(key, nowMs)
  }

  /** In the order they came; a proof that is older than this is refused for its time. */
  #forget(nowMs: number): void {
    for (const [key, spentAtMs] of this.#used) {
      if (Math.abs(nowMs - spentAtMs) <= 2 * LIFETIMES.clockSkewMs) return
      this.#used.delete(key)
    }
  }
}
