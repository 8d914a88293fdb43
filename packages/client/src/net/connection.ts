/**
 * A device's connection: HTTP calls, and a channel that is opened when it is needed and opened again when it was lost.
 */
import type { Clock, RandomBytes } from '@famichat/base'
import type { Identity } from '../identity/identity.js'
import { Channel, type DeliveryFrame } from './channel.js'
import { DeviceCalls, type Fetch } from './http.js'
import type { OpenSocket } from './socket.js'

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
  readonly #clock: Clock
  readonly #listener: DeliveryListener
  #channel: Channel | undefined
  #opening: Promise<Channel> | undefined

  constructor({ identity, network, clock, random, listener }: {
    identity: Identity; network: Network; clock: Clock; random: RandomBytes; listener: DeliveryListener
  }) {
    const { origin, signer, deviceId } = identity
    this.calls = new DeviceCalls({ origin, fetch: network.fetch, signer, deviceId, clock, random })
    this.#identity = identity
    this.#network = network
    this.#clock = clock
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

  async #open(): Promise<Channel> {
    const { origin, deviceId, signer } = this.#identity
    const channel = await Channel.open({
      origin, deviceId, signer, clock: this.#clock, openSocket: this.#network.openSocket, token: await this.calls.token(),
      onFrame: (frame) => { this.#listener.onFrame(frame) },
      onClosed: () => { this.#listener.onClosed() },
    })
    this.#channel = channel
    return channel
  }
}
