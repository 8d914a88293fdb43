/**
 * Signatures to be verified together (RFC 9420 §5.1.2): all leaves of a tree, all KeyPackages of a commit.
 * Layer: validate.
 */
import { verifyAll, type VerifyJob } from '../crypto/batch.js'
import type { CipherSuite } from '../crypto/cipher-suite.js'
import { signContentOf } from '../crypto/labels.js'
import { MlsError, type MlsErrorCode } from '../errors.js'

/** Something signed, and the refusal when the signature is not genuine. */
export interface SignedThing {
  readonly publicKey: Uint8Array
  readonly label: string
  readonly content: Uint8Array
  readonly signature: Uint8Array
  readonly code: MlsErrorCode
}

/** Collects signatures; nothing that was added may be trusted before `verify` returns. */
export class SignatureBatch {
  readonly #jobs: (VerifyJob & Pick<SignedThing, 'code'>)[] = []

  add({ publicKey, label, content, signature, code }: SignedThing): void {
    this.#jobs.push({ publicKey, message: signContentOf(label, content), signature, code })
  }

  /** @throws MlsError with the code of the first signature that is not genuine */
  async verify(suite: CipherSuite): Promise<void> {
    const genuine = await verifyAll(suite, this.#jobs)
    const forged = this.#jobs.find((_, index) => genuine[index] !== true)
    if (forged !== undefined) throw new MlsError(forged.code)
  }
}
