/**
 * Verifiers: welcome, passive-client-*: sessions recorded by other implementations.
 */
import { bytesKey, decode, equal, Secret } from '@famichat/base'
import { makeSigner } from '../../dist/crypto/signer.js'
import { decryptWithLabel } from '../../dist/crypto/labels.js'
import { Group } from '../../dist/group/group.js'
import { verifyGroupInfo } from '../../dist/group/group-info.js'
import { bundleOf } from '../../dist/group/key-package-bundle.js'
import { confirmationTag, deriveEpoch, deriveWelcomeSecret, welcomeKeyAndNonce } from '../../dist/schedule/key-schedule.js'
import { derivePskSecret } from '../../dist/schedule/psk.js'
import { GroupContext, GroupInfo, GroupSecrets } from '../../dist/wire/group-info.js'
import { encode } from '@famichat/base'
import type { KeyPackage } from '../../dist/wire/key-package.js'
import { decodeMessage } from '../../dist/wire/message.js'
import { WireFormat } from '../../dist/wire/registries.js'
import { bytes, type Case, expect, list, objects, optionalBytes, suiteOf, vectorBackend } from './vector-file.js'

const keyPackageAt = (given: Case): KeyPackage => {
  const message = decodeMessage(bytes(given, 'key_package'))
  if (message.wireFormat !== WireFormat.keyPackage) throw new TypeError('a KeyPackage is expected')
  return message.keyPackage
}

export const welcome = async (given: Case): Promise<void> => {
  const suite = suiteOf(given)
  const message = decodeMessage(bytes(given, 'welcome'))
  if (message.wireFormat !== WireFormat.welcome) throw new TypeError('a Welcome is expected')
  const { secrets, encryptedGroupInfo } = message.welcome
  const keyPackage = keyPackageAt(given)
  const initPrivateKey = new Secret(bytes(given, 'init_priv'))
  const { ref } = bundleOf(suite, keyPackage, { initPrivateKey, encryptionPrivateKey: new Secret(new Uint8Array(1)) })
  const entry = secrets.find(({ newMember }) => equal(newMember, ref))
  if (entry === undefined) throw new TypeError('the Welcome names the KeyPackage')
  const recipient = { publicKey: keyPackage.initKey, privateKey: initPrivateKey }
  const plaintext = await decryptWithLabel(suite, recipient, 'Welcome', { context: encryptedGroupInfo, sealed: entry.encryptedGroupSecrets })
  const groupSecrets = decode(GroupSecrets, plaintext.expose())
  const joined = { joinerSecret: groupSecrets.joinerSecret, pskSecret: derivePskSecret(suite, []) }
  const { key, nonce } = welcomeKeyAndNonce(suite, deriveWelcomeSecret(suite, joined))
  const groupInfo = decode(GroupInfo, suite.aead.open(key.expose(), nonce.expose(), new Uint8Array(0), encryptedGroupInfo))
  await verifyGroupInfo(suite, groupInfo, bytes(given, 'signer_pub'))
  const epoch = deriveEpoch(suite, joined, encode(GroupContext, groupInfo.groupContext))
  const tag = confirmationTag(suite, epoch.secrets.confirmationKey, groupInfo.groupContext.confirmedTranscriptHash)
  expect(equal(tag, groupInfo.confirmationTag), 'confirmation_tag')
}

export const passiveClient = async (given: Case): Promise<void> => {
  const suite = suiteOf(given)
  const keyPackage = keyPackageAt(given)
  const signer = await makeSigner(suite, new Secret(bytes(given, 'signature_priv')))
  expect(equal(signer.publicKey, keyPackage.leafNode.signatureKey), 'signature_priv belongs to the KeyPackage')
  const psks = new Map(objects(given, 'external_psks').map((psk) => [bytesKey(bytes(psk, 'psk_id')), bytes(psk, 'psk')]))
  const ratchetTree = optionalBytes(given, 'ratchet_tree')
  const { group } = await Group.join({
    config: {
      backend: vectorBackend(),
      authentication: { isValid: () => true, isSuccessor: () => true },
      psks: { external: (id) => { const psk = psks.get(bytesKey(id)); return psk && new Secret(psk.slice()) } },
      // recordings are older than any lifetime, and use every framing
      policy: { checkLifetimes: false, maxLifetimeSeconds: undefined, acceptPublicHandshakes: true, acceptExternalCommits: true, acceptNewMemberProposals: true },
    },
    signer,
    welcome: bytes(given, 'welcome'),
    keyPackages: [bundleOf(suite, keyPackage, {
      initPrivateKey: new Secret(bytes(given, 'init_priv')), encryptionPrivateKey: new Secret(bytes(given, 'encryption_priv')),
    })],
    ...(ratchetTree === undefined ? {} : { ratchetTree }),
  })
  expect(equal(group.epochAuthenticator, bytes(given, 'initial_epoch_authenticator')), 'initial_epoch_authenticator')
  for (const [index, epoch] of objects(given, 'epochs').entries()) {
    for (const [at] of list(epoch, 'proposals').entries()) await group.process(bytes({ proposal: list(epoch, 'proposals')[at] }, 'proposal'))
    const processed = await group.process(bytes(epoch, 'commit'))
    if (processed.kind !== 'commit') throw new TypeError('a commit is expected')
    group.merge(processed.staged)
    expect(equal(group.epochAuthenticator, bytes(epoch, 'epoch_authenticator')), `epoch_authenticator of epoch ${index.toString()}`)
  }
}
