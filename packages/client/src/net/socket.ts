/**
 * A WebSocket as the client needs it: the platform's own in browsers, `ws` in Node.
 */

/** What happens on a socket. */
export interface SocketEvents {
  onMessage(bytes: Uint8Array): void
  /** Closed or never opened; nothing follows. */
  onClose(): void
}

/** An open or opening socket. */
export interface Socket {
  send(bytes: Uint8Array): void
  close(): void
}

/** Opens a socket; what goes wrong comes as `onClose`. */
export type OpenSocket = (url: string, events: SocketEvents) => Socket
