/**
 * How a refusal travels over HTTP: JSON `{ code, text, winner? }`, nothing about the server's inside.
 */
import type { EpochWinner } from './channel-frames.js'
import { knownProtocolErrorCode, PROTOCOL_ERRORS, ProtocolError, type ProtocolErrorCode } from './protocol-error.js'

/** The JSON of a refusal; `epoch` in decimal. */
export interface ErrorBody {
  readonly code: ProtocolErrorCode
  readonly text: string
  readonly winner?: { readonly seq: number; readonly epoch: string }
}

/** Makes the body of a refusal. */
export const makeErrorBody = (code: ProtocolErrorCode, winner?: EpochWinner): ErrorBody => ({
  code,
  text: PROTOCOL_ERRORS[code].text,
  ...(winner === undefined ? {} : { winner: { seq: winner.seq, epoch: winner.epoch.toString() } }),
})

/** The error of a lost epoch, with its winner in the detail (`seq`, `epoch`). */
export const makeEpochConflict = (winner: EpochWinner): ProtocolError =>
  new ProtocolError('protocol.epoch.conflict', { seq: winner.seq, epoch: winner.epoch })

/** The winner in an error of a lost epoch. */
export const epochWinnerOf = (error: ProtocolError): EpochWinner | undefined => {
  const { seq, epoch } = error.detail
  return typeof seq === 'number' && typeof epoch === 'bigint' ? { seq, epoch } : undefined
}

/** Reads what a server sent with a status of 400 or more; never throws, the error is what it returns. */
export const parseErrorBody = (json: unknown): ProtocolError => {
  if (typeof json !== 'object' || json === null || !('code' in json) || typeof json.code !== 'string') {
    return new ProtocolError('protocol.response.malformed')
  }
  const winner = 'winner' in json ? parseWinner(json.winner) : undefined
  return winner === undefined ? new ProtocolError(knownProtocolErrorCode(json.code)) : makeEpochConflict(winner)
}

const parseWinner = (winner: unknown): EpochWinner | undefined => {
  if (typeof winner !== 'object' || winner === null || !('seq' in winner) || !('epoch' in winner)) return undefined
  const { seq, epoch } = winner
  if (typeof seq !== 'number' || !Number.isSafeInteger(seq)) return undefined
  if (typeof epoch !== 'string' || !/^[0-9]{1,20}$/.test(epoch)) return undefined
  return { seq, epoch: BigInt(epoch) }
}
