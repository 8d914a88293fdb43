/**
 * An account without a server: its key, the versions of its device list, and certificates as honest and dishonest people make them.
 */
import { systemRandom } from '@famichat/base'
import { DEFAULT_CIPHER_SUITE, generateSignatureKey, makeBasicCredential, makeCipherSuite, type Signer } from '@famichat/mls'
import { nodeBackend } from '@famichat/mls/node'
import {
  type AccountId, type DeviceId, type DeviceListState, encodeDeviceCertificate, firstDeviceList, followDeviceList, type ListedDevice, makeId, nextDeviceList,
} from '@famichat/protocol'
import { deviceListChecks } from '../../dist/identity/device-lists.js'
import { certifyDevice, signDeviceList } from '../../dist/identity/identity.js'

export const suite = makeCipherSuite(DEFAULT_CIPHER_SUITE, nodeBackend, systemRandom)

/** What every leaf claims. */
export interface Claim {
  readonly credential: ReturnType<typeof makeBasicCredential>
  readonly signatureKey: Uint8Array
}

export class TestAccount {
  readonly accountId: AccountId
  readonly signer: Signer
  /** Every version, the first one first. */
  readonly lists: Uint8Array[] = []
  state: DeviceListState | undefined

  private constructor(accountId: AccountId, signer: Signer) {
    this.accountId = accountId
    this.signer = signer
  }

  /** With one device on its list. */
  static async make(accountId = makeId<AccountId>(systemRandom)): Promise<{ readonly account: TestAccount; readonly device: ListedDevice }> {
    const account = new TestAccount(accountId, (await generateSignatureKey(suite)).signer)
    const device = await makeListed()
    await account.take(await signDeviceList(account.signer, firstDeviceList({ accountId, accountKey: account.signer.publicKey }, device, 1)))
    return { account, device }
  }

  /** The next version, signed and not taken. */
  next(change: { readonly add: ListedDevice } | { readonly remove: DeviceId }, createdAtMs = 2): Promise<Uint8Array> {
    if (this.state === undefined) throw new Error('it has a first version')
    return signDeviceList(this.signer, nextDeviceList(this.state, change, createdAtMs))
  }

  async take(list: Uint8Array): Promise<void> {
    this.state = await followDeviceList(this.state, list, deviceListChecks(suite))
    this.lists.push(list)
  }

  /** The certificate of a device. */
  async certificate(device: ListedDevice, listNumber: number): Promise<Uint8Array> {
    return encodeDeviceCertificate(await certifyDevice(this.signer, { accountId: this.accountId, ...device, listNumber, nowMs: 1 }))
  }

  async claim(device: ListedDevice, listNumber: number): Promise<Claim> {
    return { credential: makeBasicCredential(await this.certificate(device, listNumber)), signatureKey: device.deviceSignatureKey }
  }
}

/** A device's id and key. */
export const makeListed = async (): Promise<ListedDevice> =>
  ({ deviceId: makeId<DeviceId>(systemRandom), deviceSignatureKey: (await generateSignatureKey(suite)).signer.publicKey })
