/**
 * Transfers of what was said between devices of one account, as the rest of the client sees them: most devices never have one, so what
 * makes and takes them is loaded when there is one.
 */
import type { DeviceId } from '@famichat/protocol'
import type { TransferOptions, TransferProgress } from '../conversation/files.js'
import type { HistoryTransfer, HistoryTransferContext } from './history-transfer.js'
import { IN_KEY } from './transfer-notes.js'

/** What was said before this device was linked, and what goes to devices that this one links. */
export class Transfers {
  readonly #context: HistoryTransferContext
  #loading: Promise<HistoryTransfer> | undefined

  constructor(context: HistoryTransferContext) {
    this.#context = context
  }

  /** Hears how far a transfer to a device is. */
  async listen(deviceId: DeviceId, onProgress: (progress: TransferProgress) => void): Promise<void> {
    (await this.#loaded()).listen(deviceId, onProgress)
  }

  /** True while this device waits for what was said before it was linked. */
  async isAwaited(): Promise<boolean> {
    return await this.#context.workspace.context.store.get('transfers', IN_KEY) !== undefined
  }

  /** Waits for what was said before this device was linked, and takes it. @throws ClientError `client.archive.damaged` | `client.history.not_sent` | `client.server.unreachable` */
  async receive(options: TransferOptions = {}): Promise<void> {
    await (await this.#loaded()).receive(options)
  }

  /** Does what can be done now: goes on with what was cut off, takes what is there. */
  async settle(): Promise<void> {
    const some = await this.#context.workspace.context.store.list('transfers', { prefix: '', limit: 1 })
    if (some.length > 0) await (await this.#loaded()).settle()
  }

  #loaded(): Promise<HistoryTransfer> {
    this.#loading ??= import('./history-transfer.js').then((module) => new module.HistoryTransfer(this.#context))
    return this.#loading
  }
}
