/**
 * Sockets of Node, by `ws`. Compression is off: it would tell lengths of plaintext.
 */
import { WebSocket } from 'ws'
import { LIMITS } from '@famichat/protocol'
import type { OpenSocket } from '../net/socket.js'

/** Opens a WebSocket. */
export const openNodeSocket: OpenSocket = (url, events) => {
  const socket = new WebSocket(url, { perMessageDeflate: false, maxPayload: LIMITS.frameBytes, handshakeTimeout: 15_000 })
  socket.binaryType = 'nodebuffer'
  const waiting: Uint8Array[] = []
  socket.on('open', () => { for (const bytes of waiting.splice(0)) socket.send(bytes) })
  socket.on('message', (data) => { if (Buffer.isBuffer(data)) events.onMessage(new Uint8Array(data)) })
  // 'close' follows every error
  socket.on('error', () => undefined)
  socket.on('close', () => { events.onClose() })
  return {
    send: (bytes) => {
      if (socket.readyState === WebSocket.CONNECTING) waiting.push(bytes)
      else if (socket.readyState === WebSocket.OPEN) socket.send(bytes)
    },
    close: () => { socket.close() },
  }
}
