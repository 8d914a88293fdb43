/**
 * Sockets of browsers.
 */
import type { OpenSocket } from '../net/socket.js'

/** Opens a WebSocket. */
export const openBrowserSocket: OpenSocket = (url, events) => {
  const socket = new WebSocket(url)
  socket.binaryType = 'arraybuffer'
  const waiting: Uint8Array[] = []
  let isEnded = false
  const end = (): void => {
    if (isEnded) return
    isEnded = true
    events.onClose()
  }
  const post = (bytes: Uint8Array): void => { socket.send(bytes as Uint8Array<ArrayBuffer>) }
  socket.onopen = () => { for (const bytes of waiting.splice(0)) post(bytes) }
  socket.onmessage = ({ data }: MessageEvent<unknown>) => { if (data instanceof ArrayBuffer && !isEnded) events.onMessage(new Uint8Array(data)) }
  // 'close' follows every error
  socket.onclose = end
  return {
    send: (bytes) => {
      if (socket.readyState === WebSocket.CONNECTING) waiting.push(bytes)
      else if (socket.readyState === WebSocket.OPEN) post(bytes)
    },
    close: () => { socket.close() },
  }
}
