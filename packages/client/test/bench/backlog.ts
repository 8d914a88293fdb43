/**
 * A device that comes back: many messages over many epochs, taken in one go; and what each measure against slowness is worth.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { decode, encode, Secret, systemRandom } from '@famichat/base'
import type { Client, ConversationId } from '@famichat/client'
import { nodePlatform } from '@famichat/client/node'
import { DEFAULT_CIPHER_SUITE, generateSignatureKey, Group, makeBasicCredential, makeCapabilities, makeCipherSuite } from '@famichat/mls'
import { nobleBackend } from '@famichat/mls/noble'
import { ContentType, Encryption, Envelope, makeId } from '@famichat/protocol'
import { SecretTree } from '../../../mls/dist/schedule/secret-tree.js'
import { toLeafIndex } from '../../../mls/dist/tree/math.js'
import { BenchCommunity } from './community.js'

/** What coming back took. */
export interface Backlog {
  readonly messages: number
  readonly epochs: number
  /** Seconds until everything was decrypted and stored. */
  readonly seconds: number
  /** The longest time the process did nothing else, in milliseconds. */
  readonly longestBlockMs: number
}

/** The same work with a measure and without it. */
export interface OnAndOff {
  readonly measure: string
  readonly on: number
  readonly off: number
  /** Milliseconds per message, or bytes. */
  readonly unit: string
}

export interface BacklogRequest {
  readonly messages: number
  readonly epochs: number
  readonly onProgress: (done: number, total: number, what: string) => void
}

const SAMPLE = 200

/** Ben is away while Ada writes and the members change. */
export const measureBacklog = ({ messages, epochs, onProgress }: BacklogRequest): Promise<{ readonly backlog: Backlog; readonly measures: readonly OnAndOff[] }> =>
  BenchCommunity.with(async (community) => {
    const ada = await community.person()
    const ben = await community.person()
    const cleo = await community.person()
    await ada.sync()
    const { conversationId } = await ada.createGroup('Bench', [ben.identity.accountName, cleo.identity.accountName])
    await ben.sync()
    let written = 0
    for (let epoch = 0; epoch < epochs; epoch++) {
      if (epoch % 2 === 0) await ada.remove(conversationId, cleo.identity.accountName)
      else await ada.add(conversationId, cleo.identity.accountName)
      for (const end = Math.round((messages * (epoch + 1)) / epochs); written < end; written++) await ada.send(conversationId, `message ${written.toString()}`)
      onProgress(written, messages, 'written while Ben is away')
    }
    const delay = monitorEventLoopDelay({ resolution: 1 })
    delay.enable()
    const started = performance.now()
    await ben.sync()
    const seconds = (performance.now() - started) / 1000
    delay.disable()
    await expectAll(ben, conversationId, messages)
    const backlog = { messages, epochs, seconds, longestBlockMs: delay.max / 1e6 }

    return { backlog, measures: await measureOnAndOff(community, { ada, ben, conversationId }) }
  })

interface Pair {
  readonly ada: Client
  readonly ben: Client
  readonly conversationId: ConversationId
}

/** Milliseconds per message with each measure and without it, in the same conversation. */
const measureOnAndOff = async (community: BenchCommunity, pair: Pair): Promise<readonly OnAndOff[]> => {
  const { conversationId } = pair
  let { ada, ben } = pair
  const perMessage = async (work: () => Promise<unknown>): Promise<number> => {
    const from = performance.now()
    await work()
    return (performance.now() - from) / SAMPLE
  }
  const times = async (work: () => Promise<unknown>): Promise<void> => { for (let index = 0; index < SAMPLE; index++) await work() }
  const send = (): Promise<unknown> => ada.send(conversationId, 'x')
  await times(send)
  await ben.sync()

  const kept = await perMessage(() => times(send))
  const together = await perMessage(() => ben.sync())
  const alone = await perMessage(() => times(async () => {
    await send()
    await ben.sync()
  })) - kept
  const reopened = await perMessage(() => times(async () => {
    ada = await community.reopen(ada)
    await send()
  }))
  await ben.sync()
  await times(send)
  ben = await community.reopen(ben, { backend: nobleBackend })
  const noble = await perMessage(() => ben.sync())
  return [
    { measure: 'what waits is taken in batches, one transaction for 64', on: together, off: alone, unit: 'ms' },
    { measure: 'group and keys stay in memory, instead of being read for each message', on: kept, off: reopened, unit: 'ms' },
    { measure: 'cryptography of the platform, instead of plain JavaScript (receiving)', on: together, off: noble, unit: 'ms' },
    await measureDerivation(),
    ...measureSerialization(),
  ]
}

/**
 * What deriving the next message's key ahead of time could save at most, of one encryption: the part that is the derivation. The
 * engine derives a key when it is needed; a key that waits in memory would be one more secret to lose, for this.
 */
const measureDerivation = async (): Promise<OnAndOff> => {
  const suite = makeCipherSuite(DEFAULT_CIPHER_SUITE, nodePlatform.backend, systemRandom)
  const { signer } = await generateSignatureKey(suite)
  const group = await Group.create({
    config: { backend: nodePlatform.backend, authentication: { isValid: () => true, isSuccessor: () => true } }, signer, groupId: systemRandom(16),
    leaf: { credential: makeBasicCredential(systemRandom(16)), capabilities: makeCapabilities(systemRandom) },
  })
  const tree = SecretTree.fromEncryptionSecret(suite, new Secret(systemRandom(suite.hashLength)), DERIVATION_LEAVES)
  const message = systemRandom(512)
  const rounds = 2000
  const timed = async (work: () => unknown): Promise<number> => {
    for (let round = 0; round < rounds; round++) await work()
    const from = performance.now()
    for (let round = 0; round < rounds; round++) await work()
    return (1000 * (performance.now() - from)) / rounds
  }
  const encryption = await timed(() => group.protect(message))
  const derivation = await timed(() => tree.takeSendingKey(toLeafIndex(0), ContentType.application))
  group.close()
  return { measure: 'not built: the next message\'s key derived ahead, at most (one encryption by the engine)', on: encryption - derivation, off: encryption, unit: 'µs' }
}

const DERIVATION_LEAVES = 512

/** One message as it travels: binary structs against JSON with base64. */
const measureSerialization = (): readonly OnAndOff[] => {
  const header: Envelope['header'] = {
    conversationId: makeId(systemRandom), seq: 1_000_000, senderDevice: makeId(systemRandom), messageId: makeId(systemRandom),
    epoch: 50n, contentType: ContentType.application, encryption: Encryption.mls10, createdAtMs: 1_800_000_000_000,
  }
  const envelope: Envelope = { header, message: systemRandom(512) }
  const json = (): string => JSON.stringify({ header: { ...header, epoch: Number(header.epoch) }, message: Buffer.from(envelope.message).toString('base64') })
  const timed = (work: () => unknown): number => {
    for (let index = 0; index < 2000; index++) work()
    const from = performance.now()
    for (let index = 0; index < 20_000; index++) work()
    return (performance.now() - from) / 20
  }
  return [
    { measure: 'binary frames, instead of JSON with base64: a message of 512 bytes', on: encode(Envelope, envelope).length, off: json().length, unit: 'bytes' },
    {
      measure: '… written and read', unit: 'µs',
      on: timed(() => decode(Envelope, encode(Envelope, envelope))),
      off: timed(() => Buffer.from((JSON.parse(json()) as { readonly message: string }).message, 'base64')),
    },
  ]
}

const expectAll = async (client: Client, conversationId: ConversationId, messages: number): Promise<void> => {
  const shown = (await client.history(conversationId)).filter(({ kind }) => kind === 'message').length
  if (shown !== messages) throw new Error(`${shown.toString()} of ${messages.toString()} messages are shown`)
}
