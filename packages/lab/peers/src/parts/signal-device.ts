/**
 * A device that speaks Signal's pairwise protocol: PQXDH, then the Double Ratchet with its post-quantum companion.
 * The stores are plain maps, as an application keeps them; identities are trusted on first use, by name, as Signal does.
 */
import {
  CiphertextMessageType, IdentityChange, IdentityKeyPair, IdentityKeyStore, KEMKeyPair, KyberPreKeyRecord, KyberPreKeyStore, PreKeyBundle,
  PreKeyRecord, PreKeySignalMessage, PreKeyStore, PrivateKey, processPreKeyBundle, ProtocolAddress, type PublicKey, SenderKeyRecord, SenderKeyStore,
  SessionRecord, SessionStore, signalDecrypt, signalDecryptPreKey, signalEncrypt, SignalMessage, SignedPreKeyRecord, SignedPreKeyStore,
} from '@signalapp/libsignal-client'

/** Owned bytes, as libsignal wants them. */
export type Bytes = Uint8Array<ArrayBuffer>

const DEVICE = 1
/** In front of messages of a session that was not answered yet. */
const FIRST_MESSAGE: number = CiphertextMessageType.PreKey
const SIGNED_PREKEY = 1
const KYBER_PREKEY = 1
/** One-time prekeys a person publishes; who comes after these gets a bundle without one, which the protocol allows. */
const ONE_TIME_PREKEYS = 4

class Sessions extends SessionStore {
  readonly records = new Map<string, SessionRecord>()
  saveSession(address: ProtocolAddress, record: SessionRecord): Promise<void> {
    this.records.set(address.name(), record)
    return Promise.resolve()
  }
  getSession(address: ProtocolAddress): Promise<SessionRecord | null> {
    return Promise.resolve(this.records.get(address.name()) ?? null)
  }
  getExistingSessions(addresses: ProtocolAddress[]): Promise<SessionRecord[]> {
    return Promise.resolve(addresses.flatMap((address) => this.records.get(address.name()) ?? []))
  }
}

class Identities extends IdentityKeyStore {
  readonly known = new Map<string, PublicKey>()
  readonly own: IdentityKeyPair
  constructor(own: IdentityKeyPair) {
    super()
    this.own = own
  }
  getIdentityKey(): Promise<PrivateKey> { return Promise.resolve(this.own.privateKey) }
  override getIdentityKeyPair(): Promise<IdentityKeyPair> { return Promise.resolve(this.own) }
  getLocalRegistrationId(): Promise<number> { return Promise.resolve(1) }
  saveIdentity(address: ProtocolAddress, key: PublicKey): Promise<IdentityChange> {
    const before = this.known.get(address.name())
    this.known.set(address.name(), key)
    return Promise.resolve(before === undefined || before.equals(key) ? IdentityChange.NewOrUnchanged : IdentityChange.ReplacedExisting)
  }
  isTrustedIdentity(address: ProtocolAddress, key: PublicKey): Promise<boolean> {
    return Promise.resolve(this.known.get(address.name())?.equals(key) ?? true)
  }
  getIdentity(address: ProtocolAddress): Promise<PublicKey | null> {
    return Promise.resolve(this.known.get(address.name()) ?? null)
  }
}

class PreKeys extends PreKeyStore {
  readonly records = new Map<number, PreKeyRecord>()
  savePreKey(id: number, record: PreKeyRecord): Promise<void> { this.records.set(id, record); return Promise.resolve() }
  getPreKey(id: number): Promise<PreKeyRecord> {
    const record = this.records.get(id)
    return record === undefined ? Promise.reject(new Error('this one-time prekey was used before')) : Promise.resolve(record)
  }
  removePreKey(id: number): Promise<void> { this.records.delete(id); return Promise.resolve() }
}

class SignedPreKeys extends SignedPreKeyStore {
  readonly record: SignedPreKeyRecord
  constructor(record: SignedPreKeyRecord) { super(); this.record = record }
  saveSignedPreKey(): Promise<void> { return Promise.resolve() }
  getSignedPreKey(): Promise<SignedPreKeyRecord> { return Promise.resolve(this.record) }
}

class KyberPreKeys extends KyberPreKeyStore {
  readonly record: KyberPreKeyRecord
  constructor(record: KyberPreKeyRecord) { super(); this.record = record }
  saveKyberPreKey(): Promise<void> { return Promise.resolve() }
  getKyberPreKey(): Promise<KyberPreKeyRecord> { return Promise.resolve(this.record) }
  markKyberPreKeyUsed(): Promise<void> { return Promise.resolve() }
}

class SenderKeys extends SenderKeyStore {
  readonly records = new Map<string, SenderKeyRecord>()
  saveSenderKey(sender: ProtocolAddress, distributionId: string, record: SenderKeyRecord): Promise<void> {
    this.records.set(`${sender.name()} ${distributionId}`, record)
    return Promise.resolve()
  }
  getSenderKey(sender: ProtocolAddress, distributionId: string): Promise<SenderKeyRecord | null> {
    return Promise.resolve(this.records.get(`${sender.name()} ${distributionId}`) ?? null)
  }
}

/** The address of a person's only device. */
export const addressOf = (name: string): ProtocolAddress => ProtocolAddress.new(name, DEVICE)

export class SignalDevice {
  readonly name: string
  readonly address: ProtocolAddress
  readonly sessions = new Sessions()
  readonly senderKeys = new SenderKeys()
  readonly identities: Identities
  readonly #preKeys = new PreKeys()
  readonly #signedPreKeys: SignedPreKeys
  readonly #kyberPreKeys: KyberPreKeys
  #nextPreKey = 1

  private constructor(name: string, keys: { readonly identity: IdentityKeyPair; readonly signed: SignedPreKeyRecord; readonly kyber: KyberPreKeyRecord }) {
    this.name = name
    this.address = addressOf(name)
    this.identities = new Identities(keys.identity)
    this.#signedPreKeys = new SignedPreKeys(keys.signed)
    this.#kyberPreKeys = new KyberPreKeys(keys.kyber)
  }

  /** A device with fresh keys. */
  static create(name: string): SignalDevice {
    const identity = IdentityKeyPair.generate()
    const signedKey = PrivateKey.generate()
    const kemPair = KEMKeyPair.generate()
    const signed = SignedPreKeyRecord.new(SIGNED_PREKEY, 0, signedKey.getPublicKey(), signedKey, identity.privateKey.sign(signedKey.getPublicKey().serialize()))
    const kyber = KyberPreKeyRecord.new(KYBER_PREKEY, 0, kemPair, identity.privateKey.sign(kemPair.getPublicKey().serialize()))
    const device = new SignalDevice(name, { identity, signed, kyber })
    for (let id = 1; id <= ONE_TIME_PREKEYS; id++) {
      const key = PrivateKey.generate()
      device.#preKeys.records.set(id, PreKeyRecord.new(id, key.getPublicKey(), key))
    }
    return device
  }

  /** What the server gives to somebody who begins a session with this device. */
  takeBundle(): PreKeyBundle {
    const id = this.#nextPreKey <= ONE_TIME_PREKEYS ? this.#nextPreKey++ : undefined
    const oneTime = id === undefined ? undefined : this.#preKeys.records.get(id)
    const signed = this.#signedPreKeys.record
    const kyber = this.#kyberPreKeys.record
    return PreKeyBundle.new(
      1, DEVICE, oneTime?.id() ?? null, oneTime?.publicKey() ?? null, signed.id(), signed.publicKey(), signed.signature(),
      this.identities.own.publicKey, kyber.id(), kyber.publicKey(), kyber.signature(),
    )
  }

  /** Begins a session. @throws what libsignal throws for an identity that is not trusted */
  begin(name: string, bundle: PreKeyBundle): Promise<void> {
    return processPreKeyBundle(bundle, addressOf(name), this.address, this.sessions, this.identities)
  }

  /** The message's type in one byte, and the message. */
  async encrypt(name: string, text: Uint8Array): Promise<Uint8Array> {
    const message = await signalEncrypt(Uint8Array.from(text), addressOf(name), this.address, this.sessions, this.identities)
    return Uint8Array.from([message.type(), ...message.serialize()])
  }

  /** Opens what {@link encrypt} of another device made. @throws what libsignal throws */
  decrypt(name: string, bytes: Uint8Array): Promise<Uint8Array> {
    const body = Uint8Array.from(bytes.subarray(1))
    const from = addressOf(name)
    return bytes[0] === FIRST_MESSAGE
      ? signalDecryptPreKey(PreKeySignalMessage.deserialize(body), from, this.address, this.sessions, this.identities, this.#preKeys, this.#signedPreKeys, this.#kyberPreKeys)
      : signalDecrypt(SignalMessage.deserialize(body), from, this.address, this.sessions, this.identities)
  }

  /** Bytes of sessions, known identities and sender keys. */
  stateBytes(): number {
    const sizes = [
      ...[...this.sessions.records.values()].map((record) => record.serialize().length),
      ...[...this.senderKeys.records.values()].map((record) => record.serialize().length),
      ...[...this.identities.known.values()].map((key) => key.serialize().length),
    ]
    return sizes.reduce((sum, size) => sum + size, 0)
  }

  /** A copy of everything the device holds. */
  copy(): SignalDevice {
    const copy = new SignalDevice(this.name, { identity: this.identities.own, signed: this.#signedPreKeys.record, kyber: this.#kyberPreKeys.record })
    for (const [name, record] of this.sessions.records) copy.sessions.records.set(name, SessionRecord.deserialize(record.serialize()))
    for (const [name, record] of this.senderKeys.records) copy.senderKeys.records.set(name, SenderKeyRecord.deserialize(record.serialize()))
    for (const [name, key] of this.identities.known) copy.identities.known.set(name, key)
    for (const [id, record] of this.#preKeys.records) copy.#preKeys.records.set(id, record)
    return copy
  }
}
