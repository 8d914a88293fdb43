/**
 * Transcript hashes (RFC 9420 §8.2): the running hash over all commits.
 * Layer: schedule. Pure.
 */
import { concat, encode, struct } from '@famichat/base'
import type { CipherSuite } from '../crypto/cipher-suite.js'
import { hashBytes, keyBytes, type WireFormat } from '../wire/registries.js'
import { uint16Bytes } from '../crypto/dhkem.js'

const Signature = struct({ signature: keyBytes })
const InterimTranscriptHashInput = struct({ confirmationTag: hashBytes })

/** What of a commit goes into the confirmed transcript hash. */
export interface CommittedContent {
  readonly wireFormat: WireFormat
  /** The encoded FramedContent. */
  readonly content: Uint8Array
  readonly signature: Uint8Array
}

/** confirmed_transcript_hash of the new epoch (§8.2). */
export const confirmedTranscriptHash = (suite: CipherSuite, interimBefore: Uint8Array, commit: CommittedContent): Uint8Array =>
  suite.hash.digest(concat(
    interimBefore, uint16Bytes(commit.wireFormat), commit.content, encode(Signature, { signature: commit.signature }),
  ))

/** interim_transcript_hash of the new epoch (§8.2). */
export const interimTranscriptHash = (suite: CipherSuite, confirmed: Uint8Array, confirmationTag: Uint8Array): Uint8Array =>
  suite.hash.digest(concat(confirmed, encode(InterimTranscriptHashInput, { confirmationTag })))
