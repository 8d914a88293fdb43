/**
 * Honest encoded structures of every kind, made from seeded groups: what decoders are given and what mutations start from.
 */
import { type Codec, encode, utf8 } from '@famichat/base'
import { makeAdd, makeExternalPsk, makeGroupContextExtensions, makeRemove } from '@famichat/mls'
import { toLeafIndex } from '../../dist/tree/math.js'
import { Extensions } from '../../dist/wire/extension.js'
import { GroupContext, GroupInfo, Welcome } from '../../dist/wire/group-info.js'
import { KeyPackage } from '../../dist/wire/key-package.js'
import { LeafNode, RatchetTreeNodes } from '../../dist/wire/leaf-node.js'
import { decodeMessage, PrivateMessage, PublicMessage } from '../../dist/wire/message.js'
import { Commit, PreSharedKeyID, Proposal } from '../../dist/wire/proposal.js'
import { WireFormat } from '../../dist/wire/registries.js'
import { commitAll, groupOf, keyPackageOf, makePerson, type Seat } from '../builders.js'
import { forgeProposal, forgeUpdate, insiderOf } from './forge.js'
import { forgeCommit } from './forge-commit.js'

/** One structure: how to read it, and honest bytes of it. */
export interface Sample {
  readonly name: string
  readonly codec: Codec<unknown>
  readonly bytes: Uint8Array
}

export interface Corpus {
  /** MLSMessages of every wire format and content type, by name. */
  readonly messages: ReadonlyMap<string, Uint8Array>
  readonly samples: readonly Sample[]
}

/** A sample from a value. */
const sample = <T>(name: string, codec: Codec<T>, value: T): Sample => ({ name, codec, bytes: encode(codec, value) })

/** Builds the corpus from a group of four. */
export const makeCorpus = async (): Promise<Corpus> => {
  const seats = await groupOf(4, { policy: { acceptPublicHandshakes: true } })
  const [alice, bob] = seats as [Seat, Seat]
  for (const seat of seats) await commitAll(seat, seats.filter((other) => other !== seat))
  const zoe = await makePerson('zoe')
  const { keyPackage, message: keyPackageMessage } = await keyPackageOf(zoe)
  const insider = insiderOf(alice)
  const open = { wireFormat: WireFormat.publicMessage }
  const psk = makeExternalPsk(alice.person.suite, utf8('id'))
  const proposals: readonly Proposal[] = [makeAdd(keyPackage), makeRemove(toLeafIndex(2)), psk, makeGroupContextExtensions([]), await forgeUpdate(insider)]
  const { commit, welcome } = await bob.group.commit({ proposals: [makeAdd(keyPackage), makeRemove(toLeafIndex(2))] })
  const messages = new Map<string, Uint8Array>([
    ['key package', keyPackageMessage],
    ['private commit', commit],
    ['welcome', welcome ?? new Uint8Array(0)],
    ['public commit', (await forgeCommit(insider, { ...open, proposals: [makeRemove(toLeafIndex(2))] })).message],
    ['private application', await alice.group.protect(utf8('hello'), { authenticatedData: utf8('aad') })],
    ['group info', await alice.group.groupInfo({ withTree: true, withExternalPub: true })],
  ])
  for (const [at, proposal] of proposals.entries()) messages.set(`public proposal ${at.toString()}`, (await forgeProposal(insider, proposal, open)).message)
  const samples: Sample[] = [
    sample('KeyPackage', KeyPackage, keyPackage),
    sample('LeafNode', LeafNode, keyPackage.leafNode),
    sample('RatchetTreeNodes', RatchetTreeNodes, insider.epoch.tree.toNodes()),
    sample('GroupContext', GroupContext, insider.epoch.context),
    sample('Extensions', Extensions, [{ extensionType: 0xf0f0, extensionData: utf8('x') }, { extensionType: 3, extensionData: Uint8Array.of(0, 0, 0) }]),
    ...proposals.map((proposal, at) => sample(`Proposal ${at.toString()}`, Proposal, proposal)),
  ]
  if (psk.proposalType === 4) samples.push(sample('PreSharedKeyID', PreSharedKeyID, psk.psk))
  for (const [name, bytes] of messages) {
    const body = decodeMessage(bytes)
    if (body.wireFormat === WireFormat.welcome) samples.push(sample('Welcome', Welcome, body.welcome))
    if (body.wireFormat === WireFormat.groupInfo) samples.push(sample('GroupInfo', GroupInfo, body.groupInfo))
    if (body.wireFormat === WireFormat.privateMessage) samples.push(sample(`PrivateMessage ${name}`, PrivateMessage, body.privateMessage))
    if (body.wireFormat === WireFormat.publicMessage) {
      samples.push(sample(`PublicMessage ${name}`, PublicMessage, body.publicMessage))
      const { content } = body.publicMessage.content
      if (content.contentType === 3) samples.push(sample('Commit', Commit, content.commit))
    }
  }
  return { messages, samples }
}
