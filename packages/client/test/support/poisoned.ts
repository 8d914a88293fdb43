/**
 * A third attack tool: a backend whose commits some members cannot take (RFC 9420 §16.12).
 */
import { bytesKey } from '@famichat/base'
import type { CryptoBackend } from '@famichat/mls'
import { nodeBackend } from '@famichat/mls/node'

/** Seals to some keys in a way that nobody opens; everything else is as it should be. */
export const poisoned = (keys: readonly Uint8Array[]): CryptoBackend => {
  const victims = new Set(keys.map(bytesKey))
  const curve = (name: Parameters<CryptoBackend['curve']>[0]): ReturnType<CryptoBackend['curve']> => {
    const honest = nodeBackend.curve(name)
    return {
      name, privateKeyLength: honest.privateKeyLength, publicKeyLength: honest.publicKeyLength,
      publicKeyOf: (privateKey) => honest.publicKeyOf(privateKey),
      // with itself instead of with them: the receiver computes another secret
      agree: async (privateKey, publicKey) => honest.agree(privateKey, victims.has(bytesKey(publicKey)) ? await honest.publicKeyOf(privateKey) : publicKey),
    }
  }
  return { name: 'poisoned', curve, hash: (name) => nodeBackend.hash(name), aead: (name) => nodeBackend.aead(name), signature: (name) => nodeBackend.signature(name) }
}
