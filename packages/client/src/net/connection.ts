/**
 * A device's connection: HTTP calls, and a channel that is opened when it is needed and opened again when it was lost.
 */
import { type Clock, isCodedError, type RandomBytes } from '@famichat/base'
import type { Identity } from '../identity/identity.js'
import { Channel, type DeliveryFrame } from './channel.js'
import { DeviceCalls, type Fetch } from './http.js'
import type { OpenSocket } from './socket.js'
import type { Timer } from './timer.js'

/** What of the network a platform provides. */
export interface Network {
  readonly fetch: Fetch
  readonly openSocket: OpenSocket
}

/** Who hears what the server delivers. */
export interface DeliveryListener {
  onFrame(frame: DeliveryFrame): void
  onClosed(): void
}

/** Opens channels and makes calls for one device. */
export class Connection {
  readonly calls: DeviceCalls
  readonly #identity: Identity
  readonly #network: Network
  readonly #timer: Timer
  readonly #listener: DeliveryListener
  #channel: Channel | undefined
  #opening: Promise<Channel> | undefined

  constructor({ identity, network, clock, random, timer, listener }: {
    identity: Identity; network: Network; clock: Clock; random: RandomBytes; timer: Timer; listener: DeliveryListener
  }) {
    const { origin, signer, deviceId } = identity
    this.calls = new DeviceCalls({ origin, fetch: network.fetch, signer, deviceId, clock, random })
    this.#identity = identity
    this.#network = network
    this.#timer = timer
    this.#listener = listener
  }

  /** The channel, if it is open. */
  get openChannel(): Channel | undefined {
    return this.#channel?.isOpen === true ? this.#channel : undefined
  }

  /** An open channel. @throws ProtocolError | ClientError `client.server.unreachable` | `client.channel.closed` */
  channel(): Promise<Channel> {
    const open = this.openChannel
    if (open !== undefined) return Promise.resolve(open)
    this.#opening ??= this.#open().finally(() => { this.#opening = undefined })
    return this.#opening
  }

  close(): void {
    this.#channel?.close()
    this.#channel = undefined
  }

  /** A token that has died is replaced once, as for calls: after a jump of a clock nobody here knows that it did. */
  async #open(): Promise<Channel> {
    try {
      return await this.#openWith(await this.calls.token())
    } catch (error) {
      if (!isCodedError(error, 'protocol.auth.refused')) throw error
      this.calls.forgetTokens()
      return this.#openWith(await this.calls.token())
    }
  }

  async #openWith(token: Uint8Array): Promise<Channel> {
    const { origin, deviceId, signer } = this.#identity
    const channel = await Channel.open({
      origin, deviceId, signer, openSocket: this.#network.openSocket, timer: this.#timer, token,
      onFrame: (frame) => { this.#listener.onFrame(frame) },
      onClosed: () => { this.#listener.onClosed() },
    })
    this.#channel = channel
    return channel
  }
}
