/**
 * Push: a device that is not connected is rung when something waits for it. The ring is empty; what waits is fetched by the
 * device itself, when somebody opens it.
 */
import type { Engine } from './engine.js'

/** Turns the bell on and off. */
export class Push {
  readonly #engine: Engine

  constructor(engine: Engine) {
    this.#engine = engine
  }

  /** The server's public key, with which a browser subscribes (`applicationServerKey`). */
  async serverKey(): Promise<Uint8Array> {
    return (await this.#engine.connection.calls.call('pushKey', {})).publicKey.slice()
  }

  /** Lets the server ring this device at an address of its browser's maker. @throws ProtocolError `protocol.push.refused` */
  async subscribe(endpoint: string): Promise<void> {
    await this.#engine.connection.calls.call('pushSubscribe', { endpoint })
  }

  /** This device is not rung any more. */
  async unsubscribe(): Promise<void> {
    await this.#engine.connection.calls.call('pushUnsubscribe', {})
  }
}
