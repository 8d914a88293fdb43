/**
 * @famichat/mls/experimental: what no standard has fixed yet. Numbers and bytes may change with any version;
 * groups made with it may not be readable by the next one. Nothing of the core depends on it.
 */
import type { CryptoBackend } from './crypto/backend.js'
import { xWing, XWING_KEM_ID } from './crypto/x-wing.js'

/**
 * Experimental, of the private-use range (RFC 9420 §17.1): X-Wing (ML-KEM-768 with X25519), ChaCha20-Poly1305,
 * HKDF-SHA256 and Ed25519. Keeps what is sent today from who records it for a quantum computer of tomorrow;
 * signatures are not post-quantum.
 */
export const EXPERIMENTAL_XWING_SUITE = 0xf001

/** A backend that offers the experimental suites as well; leaves list them by `makeCapabilities(random, { cipherSuites })`. */
export const withExperimentalSuites = (backend: CryptoBackend): CryptoBackend => ({
  ...backend,
  extraSuites: new Map([
    ...(backend.extraSuites ?? []),
    [EXPERIMENTAL_XWING_SUITE, { kem: xWing, kemId: XWING_KEM_ID, hash: 'sha256', aead: 'chacha20poly1305', signature: 'ed25519' }],
  ]),
})
