/**
 * LabeledExtract and LabeledExpand (RFC 9180 §4).
 * Layer: crypto.
 */
import { concat, EMPTY, utf8 } from '@famichat/base'
import type { Hash } from './backend.js'
import { hkdfExpand, hkdfExtract } from './kdf.js'

const VERSION = utf8('HPKE-v1')

/** The labelled KDF of one suite_id. */
export class LabeledKdf {
  readonly hash: Hash
  readonly #suiteId: Uint8Array
  readonly #prefixes = new Map<string, Uint8Array>()

  constructor(hash: Hash, suiteId: Uint8Array) {
    this.hash = hash
    this.#suiteId = suiteId
  }

  /** LabeledExtract(salt, label, ikm). */
  extract(salt: Uint8Array | undefined, label: string, ikm: Uint8Array): Uint8Array {
    const labeled = concat(this.#prefix(label), ikm)
    const prk = hkdfExtract(this.hash, salt ?? EMPTY, labeled)
    labeled.fill(0)
    return prk
  }

  /** LabeledExpand(prk, label, info, length). */
  expand(prk: Uint8Array, label: string, info: Uint8Array, length: number): Uint8Array {
    return hkdfExpand(this.hash, prk, this.labeledInfo(label, info, length), length)
  }

  /** labeled_info of LabeledExpand, as {@link hkdfExpand} takes it: its last byte is free. */
  labeledInfo(label: string, info: Uint8Array, length: number): Uint8Array {
    const prefix = this.#prefix(label)
    const labeled = new Uint8Array(2 + prefix.length + info.length + 1)
    labeled[0] = length >>> 8
    labeled[1] = length & 0xff
    labeled.set(prefix, 2)
    labeled.set(info, 2 + prefix.length)
    return labeled
  }

  /** "HPKE-v1" || suite_id || label. */
  #prefix(label: string): Uint8Array {
    let prefix = this.#prefixes.get(label)
    if (prefix === undefined) {
      prefix = concat(VERSION, this.#suiteId, utf8(label))
      this.#prefixes.set(label, prefix)
    }
    return prefix
  }
}
