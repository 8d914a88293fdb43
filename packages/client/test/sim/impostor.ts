/**
 * What a malicious server can make by itself: keys of its own under other people's names, and groups with them inside.
 */
import { Group, makeAdd, makeCipherSuite, makeKeyPackage, makeLifetime, decodeKeyPackage, generateSignatureKey, type Signer } from '@famichat/mls'
import { type AccountId, type ConversationId, type DeviceId, encodeDeviceCertificate, idToBytes, makeId } from '@famichat/protocol'
import { makeConversationExtension, makeRules } from '../../dist/conversation/conversation-extension.js'
import { certifyDevice, leafParameters, type Identity } from '../../dist/identity/identity.js'
import { seededBackend } from './process.js'
import { seededBytes } from './scheduler.js'

/** Keys that claim to be somebody's. */
export class Impostor {
  readonly #random
  readonly #suite
  #account: Signer | undefined
  #device: Signer | undefined

  constructor(seed: number) {
    this.#random = seededBytes(seed, 'impostor')
    this.#suite = makeCipherSuite(3, seededBackend, this.#random)
  }

  /** A certificate for a device of an account, by an account key that is not the account's. */
  async certificate(accountId: AccountId, deviceId: DeviceId, nowMs: number): Promise<Uint8Array> {
    const { account, device } = await this.#keys()
    return encodeDeviceCertificate(await certifyDevice(account, { accountId, deviceId, deviceSignatureKey: device.publicKey, listNumber: 1, nowMs }))
  }

  /** A KeyPackage that claims to be a device's. */
  async keyPackage(accountId: AccountId, deviceId: DeviceId, nowMs: number): Promise<Uint8Array> {
    const { device } = await this.#keys()
    const lifetime = makeLifetime(BigInt(Math.floor(nowMs / 1000) - 3600), 30n * 24n * 3600n)
    const leaf = await this.#leaf(accountId, deviceId, nowMs)
    return (await makeKeyPackage(this.#suite, device, { ...leaf, lifetime, isLastResort: false })).message
  }

  /** A Welcome to a group of the impostor's own under the id of a conversation. */
  async welcome({ conversationId, keyPackage, nowMs }: { readonly conversationId: ConversationId; readonly keyPackage: Uint8Array; readonly nowMs: number }): Promise<Uint8Array | undefined> {
    const { device } = await this.#keys()
    const group = await Group.create({
      config: { backend: seededBackend, random: this.#random, clock: { nowMs: () => nowMs }, authentication: { isValid: () => true, isSuccessor: () => true } },
      signer: device, groupId: idToBytes(conversationId),
      leaf: await this.#leaf(makeId<AccountId>(this.#random), makeId<DeviceId>(this.#random), nowMs),
      extensions: [makeConversationExtension(makeRules({ kind: 2, name: 'forged', admins: [] }))],
    })
    const { welcome } = await group.commit({ proposals: [makeAdd(decodeKeyPackage(keyPackage))] })
    group.close()
    return welcome
  }

  async #leaf(accountId: AccountId, deviceId: DeviceId, nowMs: number) {
    const certificateBytes = await this.certificate(accountId, deviceId, nowMs)
    return leafParameters({ certificateBytes } as Identity, this.#random)
  }

  async #keys(): Promise<{ readonly account: Signer; readonly device: Signer }> {
    this.#account ??= (await generateSignatureKey(this.#suite, this.#random)).signer
    this.#device ??= (await generateSignatureKey(this.#suite, this.#random)).signer
    return { account: this.#account, device: this.#device }
  }
}

