/**
 * The sending side of one socket: counts what the network has not taken yet, so that delivery stops reading the log for
 * a slow device instead of piling up copies in memory.
 */
import { encodeServerFrame, PROTOCOL_ERRORS, type ProtocolErrorCode, type ServerFrame, ServerFrameType } from '@famichat/protocol'
import { WebSocket } from 'ws'

/** Above this, delivery pauses; below a quarter of it, delivery goes on. */
const CONGESTED_BYTES = 256 * 1024
/** Above this even answers pile up: the device sends but does not read. */
const OVERFLOW_BYTES = 8 * 1024 * 1024
const CLOSE_GRACE_MS = 2000

/** WebSocket close codes for applications start at 4000; ours add the HTTP status. */
const closeStatus = (code: ProtocolErrorCode): number => 4000 + PROTOCOL_ERRORS[code].status

/** Sends frames on one socket. */
export class Outlet {
  readonly #socket: WebSocket
  readonly #onDrained: () => void
  readonly #stalledMs: number
  readonly #onClosing: (code: ProtocolErrorCode) => void
  #waitingBytes = 0
  #isClosed = false
  #stallTimer: NodeJS.Timeout | undefined

  /**
   * @param onDrained called when a congested socket can take more
   * @param onClosing called once, when this side closes, with the reason
   * @param stalledMs a congested socket that takes nothing for so long is cut off: the device goes on after its cursor when it returns
   */
  constructor(socket: WebSocket, { onDrained, onClosing, stalledMs }: { readonly onDrained: () => void; readonly onClosing: (code: ProtocolErrorCode) => void; readonly stalledMs: number }) {
    this.#onClosing = onClosing
    this.#socket = socket
    this.#onDrained = onDrained
    this.#stalledMs = stalledMs
    socket.once('close', () => { clearTimeout(this.#stallTimer) })
  }

  /** True when delivery should wait for `onDrained`. */
  get isCongested(): boolean {
    return this.#waitingBytes > CONGESTED_BYTES
  }

  /** True once closing began: nothing is sent any more. */
  get isClosed(): boolean {
    return this.#isClosed || this.#socket.readyState !== WebSocket.OPEN
  }

  /** Encodes and sends. */
  send(frame: ServerFrame): void {
    this.sendBytes(encodeServerFrame(frame))
  }

  /** Sends a frame that was encoded once for many. */
  sendBytes(frame: Uint8Array): void {
    if (this.isClosed) return
    this.#waitingBytes += frame.length
    this.#socket.send(frame, () => { this.#sent(frame.length) })
    if (this.#waitingBytes > OVERFLOW_BYTES) this.close('protocol.channel.too_slow')
    else if (this.isCongested) this.#stallTimer ??= setTimeout(() => { this.close('protocol.channel.too_slow') }, this.#stalledMs).unref()
  }

  /** Says why, then closes; cuts the connection if the other side does not answer. */
  close(code: ProtocolErrorCode): void {
    if (this.isClosed) return
    if (this.#waitingBytes <= OVERFLOW_BYTES) this.send({ type: ServerFrameType.closing, code })
    this.#isClosed = true
    this.#onClosing(code)
    this.#socket.close(closeStatus(code), code)
    setTimeout(() => { this.#socket.terminate() }, CLOSE_GRACE_MS).unref()
  }

  #sent(bytes: number): void {
    const wasCongested = this.#waitingBytes > CONGESTED_BYTES / 4
    this.#waitingBytes -= bytes
    if (this.isCongested) {
      this.#stallTimer?.refresh()
    } else {
      clearTimeout(this.#stallTimer)
      this.#stallTimer = undefined
    }
    if (wasCongested && this.#waitingBytes <= CONGESTED_BYTES / 4 && !this.isClosed) this.#onDrained()
  }
}
