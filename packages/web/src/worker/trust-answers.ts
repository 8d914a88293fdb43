/**
 * Answers about who people are and how nothing is lost: safety numbers, recovery words, archives, and what a child's
 * grown-ups can do.
 */
import type { ArchiveSource, Client } from '@famichat/client'
import type { Answers } from './session.js'

type TrustAnswers = Pick<Answers, 'contacts' | 'safetyNumber' | 'markVerified' | 'scanCode' | 'acknowledge' | 'recovery' | 'recoveryWords' | 'recoveryPlaces' | 'rehearse' | 'makeArchive' | 'care' | 'bellKey' | 'ring'>

/** The answers of an open client. */
export const makeTrustAnswers = (client: () => Client): TrustAnswers => ({
  contacts: () => client().contacts.list(),
  safetyNumber: (name) => client().contacts.safetyNumber(name),
  markVerified: (name) => client().contacts.markVerified(name),
  scanCode: (scanned) => client().contacts.scan(scanned),
  acknowledge: (name) => client().contacts.acknowledge(name),
  recovery: () => client().recovery.status(),
  recoveryWords: () => client().recovery.phrase(),
  recoveryPlaces: () => Promise.resolve(client().recovery.places()),
  rehearse: (words) => client().recovery.rehearse(words),
  makeArchive: async (passkey) => {
    const pieces: BlobPart[] = []
    for await (const piece of client().archive.create(passkey === undefined ? {} : { passkey })) pieces.push(piece as Uint8Array<ArrayBuffer>)
    return new Blob(pieces, { type: 'application/octet-stream' })
  },
  bellKey: () => client().push.serverKey(),
  ring: (endpoint) => (endpoint === undefined ? client().push.unsubscribe() : client().push.subscribe(endpoint)),
  care: (accountId) => client().community.transparency(accountId),
})

/** An archive in a file that somebody chose; read anew each time. */
export const sourceOfBlob = (blob: Blob): ArchiveSource => () => piecesOf(blob)

const READ_BYTES = 1 << 16

async function* piecesOf(blob: Blob): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < blob.size; at += READ_BYTES) yield new Uint8Array(await blob.slice(at, at + READ_BYTES).arrayBuffer())
}
