/**
 * Looks at every ciphertext that leaves a device, as the server sees it, and opens the sender data with that device's own
 * secrets: one (group, epoch, leaf, generation) must never encrypt two different things.
 */
import { createHash } from 'node:crypto'
import { isCodedError, type Secret, toHex } from '@famichat/base'
import { makeCipherSuite } from '@famichat/mls'
import { ClientFrameType, type ConversationId, decodeRequest, type MessageId } from '@famichat/protocol'
import { resolveConfig } from '../../../mls/dist/group/config.js'
import { restoreState } from '../../../mls/dist/group/restore.js'
import { openSenderData } from '../../../mls/dist/framing/private-message.js'
import { decodeMessage, type PrivateMessage } from '../../../mls/dist/wire/message.js'
import { ContentType, WireFormat } from '../../../mls/dist/wire/registries.js'
import { decodeMessageHead } from '../../dist/conversation/message-document.js'
import type { Disk } from './disk.js'
import { seededBackend } from './process.js'
import { seededBytes } from './scheduler.js'
import type { WireTap } from './virtual-network.js'

const CONFIG = resolveConfig({ backend: seededBackend, authentication: { isValid: () => true, isSuccessor: () => true } })
const SUITE = makeCipherSuite(3, seededBackend, seededBytes(0, 'wire watch'))

/** Remembers what was encrypted under which key. */
export class WireWatch {
  /** Ciphertexts that were opened. */
  opened = 0
  readonly #secrets = new Map<string, Secret>()
  readonly #known = new Map<string, { readonly hash: string; readonly device: string; readonly messageId: MessageId }>()
  readonly #onReuse: (what: string) => void

  constructor(onReuse: (what: string) => void) {
    this.#onReuse = onReuse
  }

  /** Looks at what a device sends. */
  look(device: string, disk: Disk, sent: Parameters<WireTap>[1]): void {
    if ('frame' in sent) {
      if (sent.frame.type === ClientFrameType.send) this.#take(device, disk, sent.frame)
    } else if (sent.route === 'conversationCommit') {
      const { commit, ...submission } = decodeRequest('conversationCommit', sent.body.slice())
      this.#take(device, disk, { ...submission, message: commit })
    }
  }

  /** A device's files were put back: what it had sent and the server never took, nobody can tell it of (SECURITY.md). */
  putBack(device: string, isTaken: (messageId: MessageId) => boolean): void {
    for (const [place, sent] of this.#known) if (sent.device === device && !isTaken(sent.messageId)) this.#known.delete(place)
  }

  #take(
    device: string, disk: Disk, { conversationId, messageId, message }: { readonly conversationId: ConversationId; readonly messageId: MessageId; readonly message: Uint8Array },
  ): void {
    const decoded = decodeMessage(message.slice())
    if (decoded.wireFormat !== WireFormat.privateMessage) {
      this.#onReuse(`${device} sends what is no PrivateMessage`)
      return
    }
    const { privateMessage } = decoded
    const secret = this.#secretFor(device, disk, { conversationId, privateMessage })
    // sent so late that the device itself has forgotten that epoch
    if (secret === undefined) return
    const { leafIndex, generation } = openSenderData(SUITE, privateMessage, secret.secret)
    const ratchet = privateMessage.contentType === ContentType.application ? 'application' : 'handshake'
    const place = `${secret.group} leaf ${leafIndex.toString()} ${ratchet} generation ${generation.toString()}`
    const hash = createHash('sha256').update(message).digest('hex')
    const known = this.#known.get(place)
    if (known !== undefined && known.hash !== hash) this.#onReuse(`${device} encrypts two things under one key: ${place}`)
    this.#known.set(place, { hash, device, messageId })
    this.opened++
  }

  #secretFor(
    device: string, disk: Disk, { conversationId, privateMessage }: { readonly conversationId: ConversationId; readonly privateMessage: PrivateMessage },
  ): { readonly group: string; readonly secret: Secret } | undefined {
    const { epoch } = privateMessage
    const group = `${conversationId} epoch ${epoch.toString()} of ${branchOf(privateMessage) ?? device}`
    const known = this.#secrets.get(group)
    if (known !== undefined) return { group, secret: known }
    const prefix = `${conversationId}/`
    const rows = disk.list('groupRows', { prefix }).map(({ key, value }) => ({ key: key.slice(prefix.length), value }))
    const state = restoreState(CONFIG, rows)
    const secret = state.epoch.context.epoch === epoch ? state.epoch.secrets.senderDataSecret : state.past.find((past) => past.epoch === epoch)?.senderDataSecret
    if (secret === undefined) return undefined
    this.#secrets.set(group, secret)
    return { group, secret }
  }
}

/** Two courses of one group can have the same epoch number, with other keys. Proposals do not say which. */
const branchOf = ({ authenticatedData }: PrivateMessage): string | undefined => {
  try {
    return toHex(decodeMessageHead(authenticatedData).transcriptPrefix)
  } catch (error) {
    if (!isCodedError(error)) throw error
    return undefined
  }
}
