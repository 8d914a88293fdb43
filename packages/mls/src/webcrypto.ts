/**
 * @famichat/mls/webcrypto: what a browser gives the engine.
 */
export { makeWebCryptoBackend, type WebCryptoBackendOptions } from './crypto/webcrypto-backend.js'
export {
  generateWebCryptoSigner, signerFromCryptoKeyPair, type WebCryptoSigner, type WebCryptoSignerOptions,
} from './crypto/webcrypto-signer.js'
