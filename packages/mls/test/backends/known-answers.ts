/**
 * Published answers: FIPS 180-4, RFC 4231, the GCM specification, RFC 8439, RFC 7748, RFC 8032, RFC 6979, RFC 9180.
 */
import { concat, fromHex, Secret, utf8 } from '@famichat/base'
import type { AeadName, CryptoBackend, CurveName, HashName, SignatureName } from '../../dist/crypto/backend.js'
import { Dhkem } from '../../dist/crypto/dhkem.js'
import { ecdsaToDer } from '../../dist/crypto/ecdsa-der.js'
import { claim, claimBytes } from './claim.js'

const secret = (hex: string): Secret => new Secret(fromHex(hex))

const DIGESTS_OF_ABC: Readonly<Record<HashName, string>> = {
  sha256: 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  sha384: 'cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7',
  sha512: 'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f',
}
/** RFC 4231 §4.3: key "Jefe". */
const MACS: Readonly<Record<HashName, string>> = {
  sha256: '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
  sha384: 'af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649',
  sha512: '164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737',
}

/** SHA-2 and HMAC. */
export const hashAnswers = (backend: CryptoBackend): void => {
  for (const name of ['sha256', 'sha384', 'sha512'] as const) {
    const hash = backend.hash(name)
    claimBytes(hash.digest(utf8('abc')), DIGESTS_OF_ABC[name], name)
    claimBytes(hash.hmac(utf8('Jefe'), utf8('what do ya want for nothing?')), MACS[name], `hmac ${name}`)
    claim(hash.digest(new Uint8Array(0)).length === hash.outputLength, `${name} says how long its output is`)
  }
}

const GCM_PLAINTEXT = 'd9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39'
const GCM_AAD = 'feedfacedeadbeeffeedfacedeadbeefabaddad2'
const AEAD_ANSWERS: Readonly<Record<AeadName, Readonly<Record<'key' | 'nonce' | 'aad' | 'plaintext' | 'ciphertext', string>>>> = {
  aes128gcm: {
    key: 'feffe9928665731c6d6a8f9467308308',
    nonce: 'cafebabefacedbaddecaf888',
    aad: GCM_AAD,
    plaintext: GCM_PLAINTEXT,
    ciphertext: '42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e0915bc94fbc3221a5db94fae95ae7121a47',
  },
  aes256gcm: {
    key: 'feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308',
    nonce: 'cafebabefacedbaddecaf888',
    aad: GCM_AAD,
    plaintext: GCM_PLAINTEXT,
    ciphertext: '522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b',
  },
  chacha20poly1305: {
    key: '808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f',
    nonce: '070000004041424344454647',
    aad: '50515253c0c1c2c3c4c5c6c7',
    plaintext: '4c616469657320616e642047656e746c656d656e206f662074686520636c617373206f66202739393a204966204920636f756c64206f6666657220796f75206f6e6c79206f6e652074697020666f7220746865206675747572652c2073756e73637265656e20776f756c642062652069742e',
    ciphertext: 'd31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd0600691',
  },
}

/** AES-GCM (test cases 4 and 16 of the GCM specification), ChaCha20-Poly1305 (RFC 8439 §2.8.2). */
export const aeadAnswers = (backend: CryptoBackend): void => {
  for (const name of ['aes128gcm', 'aes256gcm', 'chacha20poly1305'] as const) {
    const aead = backend.aead(name)
    const given = AEAD_ANSWERS[name]
    const [key, nonce, aad] = [fromHex(given.key), fromHex(given.nonce), fromHex(given.aad)]
    claimBytes(aead.seal(key, nonce, aad, fromHex(given.plaintext)), given.ciphertext, `${name} seals`)
    claimBytes(aead.open(key, nonce, aad, fromHex(given.ciphertext)), given.plaintext, `${name} opens`)
  }
}

type Agreement = readonly [privateKey: string, publicKey: string, otherPrivateKey: string, otherPublicKey: string, shared: string]
const AGREEMENTS: Readonly<Partial<Record<CurveName, Agreement>>> = {
  x25519: [
    '77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a',
    '8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a',
    '5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb',
    'de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f',
    '4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742',
  ],
  x448: [
    '9a8f4925d1519f5775cf46b04b5800d4ee9ee8bae8bc5565d498c28dd9c9baf574a9419744897391006382a6f127ab1d9ac2d8c0a598726b',
    '9b08f7cc31b7e3e67d22d5aea121074a273bd2b83de09c63faa73d2c22c5d9bbc836647241d953d40c5b12da88120d53177f80e532c41fa0',
    '1c306a7ac2a0e2e0990b294470cba339e6453772b075811d8fad0d1d6927c120bb5ee8972b0d3e21374c9c921b09d1b0366f10b65173992d',
    '3eb7a829b0cd20f5bcfc0b599b6feccf6da4627107bdb0d4f345b43027d8b972fc3e34fb4232a13ca706dcb57aec3dae07bdc1c67bf33609',
    '07fff4181ac6cc95ec1c16a94a0f74d12da232ce40a77552281d282bb60c0b56fd2464c335543936521c24403085d59a449a5037514a879d',
  ],
}

/** RFC 7748 §6.1, §6.2. */
export const agreementAnswers = async (backend: CryptoBackend): Promise<void> => {
  for (const [name, answer] of Object.entries(AGREEMENTS)) {
    const curve = backend.curve(name as CurveName)
    const [own, ownPublic, other, otherPublic, shared] = answer
    claimBytes(await curve.publicKeyOf(secret(own)), ownPublic, `${name} public key`)
    claimBytes((await curve.agree(secret(own), fromHex(otherPublic))).expose(), shared, `${name} shared secret`)
    claimBytes((await curve.agree(secret(other), fromHex(ownPublic))).expose(), shared, `${name} shared secret of the other`)
  }
}

interface Signed {
  readonly name: SignatureName
  readonly privateKey: string
  readonly publicKey: string
  readonly message: string
  readonly signature: string
}
const SIGNATURES: readonly Signed[] = [
  {
    name: 'ed25519',
    privateKey: '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
    publicKey: 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    message: '',
    signature: 'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  },
  {
    name: 'ed25519',
    privateKey: '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
    publicKey: '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    message: '72',
    signature: '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  },
  {
    name: 'ed448',
    privateKey: '6c82a562cb808d10d632be89c8513ebf6c929f34ddfa8c9f63c9960ef6e348a3528c8a3fcc2f044e39a3fc5b94492f8f032e7549a20098f95b',
    publicKey: '5fd7449b59b461fd2ce787ec616ad46a1da1342485a70e1f8a0ea75d80e96778edf124769b46c7061bd6783df1e50f6cd1fa1abeafe8256180',
    message: '',
    signature: '533a37f6bbe457251f023c0d88f976ae2dfb504a843e34d2074fd823d41a591f2b233f034f628281f2fd7a22ddd47d7828c59bd0a21bfd3980ff0d2028d4b18a9df63e006c5d1c2d345b925d8dc00b4104852db99ac5c7cdda8530a113a0f4dbb61149f05a7363268c71d95808ff2e652600',
  },
]

/** RFC 8032 §7.1, §7.4: the same key and message give the same signature. */
export const edwardsAnswers = async (backend: CryptoBackend): Promise<void> => {
  for (const { name, privateKey, publicKey, message, signature } of SIGNATURES) {
    const scheme = backend.signature(name)
    claimBytes(await scheme.publicKeyOf(secret(privateKey)), publicKey, `${name} public key`)
    claimBytes(await scheme.sign(secret(privateKey), fromHex(publicKey), fromHex(message)), signature, `${name} signature`)
    claim(await scheme.verify(fromHex(publicKey), fromHex(message), fromHex(signature)), `${name} verifies`)
  }
}

/** RFC 6979 §A.2.5, P-256 with SHA-256, message "sample". */
export const ecdsaAnswers = async (backend: CryptoBackend): Promise<void> => {
  const scheme = backend.signature('p256')
  const publicKey = fromHex('0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb67903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299')
  const r = 'efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716'
  const s = 'f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8'
  claimBytes(await scheme.publicKeyOf(secret('c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721')), publicKey, 'P-256 public key')
  claim(await scheme.verify(publicKey, utf8('sample'), ecdsaToDer(fromHex(r + s))), 'P-256 verifies')
}

/** The KEM halves of RFC 9180 §A.1.1 (X25519) and §A.3.1 (P-256). */
const KEM_ANSWERS = [
  {
    curve: 'x25519',
    ephemeral: '52c4a758a802cd8b936eceea314432798d5baf2d7e9235dc084ab1b9cfa2f736',
    kemOutput: '37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431',
    recipientIkm: '6db9df30aa07dd42ee5e8181afdb977e538f5e1fec8a06223f33f7013e525037',
    recipientPrivateKey: '4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8',
    recipientPublicKey: '3948cfe0ad1ddb695d780e59077195da6c56506b027329794ab02bca80815c4d',
    sharedSecret: 'fe0e18c9f024ce43799ae393c7e8fe8fce9d218875e8227b0187c04e7d2ea1fc',
  },
  {
    curve: 'p256',
    // on NIST curves the ephemeral key is derived from its seed
    ephemeral: '4270e54ffd08d79d5928020af4686d8f6b7d35dbe470265f1f5aa22816ce860e',
    kemOutput: '04a92719c6195d5085104f469a8b9814d5838ff72b60501e2c4466e5e67b325ac98536d7b61a1af4b78e5b7f951c0900be863c403ce65c9bfcb9382657222d18c4',
    recipientIkm: '668b37171f1072f3cf12ea8a236a45df23fc13b82af3609ad1e354f6ef817550',
    recipientPrivateKey: 'f3ce7fdae57e1a310d87f1ebbde6f328be0a99cdbcadf4d6589cf29de4b8ffd2',
    recipientPublicKey: '04fe8c19ce0905191ebc298a9245792531f26f0cece2460639e8bc39cb7f706a826a779b4cf969b8a0e539c7f62fb3d30ad6aa8f80e30f1d128aafd68a2ce72ea0',
    sharedSecret: 'c0d26aeab536609a572b07695d933b589dcf363ff9d93c93adea537aeabb8cb8',
  },
] as const

/** RFC 9180 over this backend. */
export const kemAnswers = async (backend: CryptoBackend): Promise<void> => {
  for (const answer of KEM_ANSWERS) {
    const kem = new Dhkem(backend.curve(answer.curve), backend.hash('sha256'))
    const recipient = await kem.deriveKeyPair(secret(answer.recipientIkm))
    claimBytes(recipient.publicKey, answer.recipientPublicKey, `${answer.curve} DeriveKeyPair`)
    claimBytes(recipient.privateKey.expose(), answer.recipientPrivateKey, `${answer.curve} DeriveKeyPair, private`)
    const { kemOutput, sharedSecret } = await kem.encapsulate(recipient.publicKey, () => fromHex(answer.ephemeral))
    claimBytes(concat(kemOutput, sharedSecret.expose()), answer.kemOutput + answer.sharedSecret, `${answer.curve} Encap`)
    claimBytes((await kem.decapsulate(kemOutput, recipient)).expose(), answer.sharedSecret, `${answer.curve} Decap`)
  }
}
