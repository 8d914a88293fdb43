/**
 * Node's primitives, writing down every signature that proves good: what a receiver of MLS messages holds in hand.
 */
import type { CryptoBackend } from '@famichat/mls'
import { nodeBackend } from '@famichat/mls/node'
import type { VerifiedSignature } from './signature-judge.js'

/** A backend that appends to `seen`. */
export const recordingBackend = (seen: VerifiedSignature[]): CryptoBackend => ({
  name: nodeBackend.name,
  hash: (name) => nodeBackend.hash(name),
  aead: (name) => nodeBackend.aead(name),
  curve: (name) => nodeBackend.curve(name),
  signature: (name) => {
    const scheme = nodeBackend.signature(name)
    return {
      name,
      generateKeyPair: (random) => scheme.generateKeyPair(random),
      publicKeyOf: (privateKey) => scheme.publicKeyOf(privateKey),
      sign: (privateKey, publicKey, message) => scheme.sign(privateKey, publicKey, message),
      verify: async (publicKey, message, signature) => {
        const isGood = await scheme.verify(publicKey, message, signature)
        if (isGood) seen.push({ publicKey, message, signature })
        return isGood
      },
    }
  },
})
