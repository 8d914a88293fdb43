/**
 * Device lists as a client follows them: what a server can show, and what becomes of it. No server runs here: it is the enemy.
 */
import { deepEqual, equal, rejects } from 'node:assert/strict'
import { test } from 'node:test'
import { present, toHex } from '@famichat/base'
import {
  type AccountId, decodeDeviceList, type DeviceId, type DeviceList, deviceListTbs, encodeDeviceList, FamilyRole, firstDeviceList, followDeviceList,
  idFromBytes, listedDevices, type ListedDevice,
} from '@famichat/protocol'
import { takeRecords } from '../dist/archive/archive-contents.js'
import { ArchiveRecordKind } from '../dist/archive/archive-records.js'
import { compareHead, DeviceLists, deviceListChecks, deviceListHeadOf, readDeviceList } from '../dist/identity/device-lists.js'
import { type DirectoryAccount, People } from '../dist/identity/directory.js'
import { Trust } from '../dist/identity/trust.js'
import { unlistedDevices } from '../dist/identity/stray-devices.js'
import type { DeviceCalls } from '../dist/net/http.js'
import type { WorkspaceContext } from '../dist/conversation/workspace.js'
import { memoryStore } from './support/memory-store.js'
import { makeListed, suite, TestAccount } from './support/test-account.js'

/** A client that asks a server whose answers the test gives. */
const clientOf = (answer: (accountId: AccountId, afterNumber: number) => readonly Uint8Array[]) => {
  const store = memoryStore()
  const trust = new Trust({ store, suite, nowMs: () => 0 })
  const calls = {
    call: (_: string, { accounts }: { accounts: readonly { accountId: AccountId; afterNumber: number }[] }) =>
      Promise.resolve({ lists: accounts.flatMap(({ accountId, afterNumber }) => answer(accountId, afterNumber)), hasMore: false }),
  } as unknown as DeviceCalls
  const lists = new DeviceLists({ store, suite, trust, calls })
  // what naming and judging people needs of a workspace
  const people = new People({ store, trust, suite, clock: { nowMs: () => 0 } } as unknown as WorkspaceContext, lists)
  return { store, trust, lists, people }
}

const entryOf = (account: TestAccount, devices: DirectoryAccount['devices']): DirectoryAccount => ({
  accountId: account.accountId, accountName: 'Mum', accountKey: account.signer.publicKey, deviceListNumber: account.lists.length, role: 1,
  familyId: account.accountId as unknown as DirectoryAccount['familyId'], familyRole: FamilyRole.adult, isEnded: false, devices,
})

test('a list is signed bytes that do not change (golden)', () => {
  const list: DeviceList = {
    ...firstDeviceList({ accountId: idFromBytes(new Uint8Array(16).fill(1)), accountKey: new Uint8Array(32).fill(2) },
      { deviceId: idFromBytes(new Uint8Array(16).fill(3)), deviceSignatureKey: new Uint8Array(32).fill(4) }, 5),
    signature: new Uint8Array(64).fill(6),
  }
  const body = `0001${'01'.repeat(16)}${'02'.repeat(32)}0000000000000001${'00'.repeat(32)}000000000000000530${'03'.repeat(16)}${'04'.repeat(32)}`
  equal(toHex(encodeDeviceList(list)), body + '06'.repeat(64))
  equal(toHex(deviceListTbs(list)), `17${toHex(new TextEncoder().encode('Famichat 1.0 DeviceList'))}${body}`)
})

test('S13: a list that becomes shorter, forks, or is signed by somebody else is refused, and what was known stays', async () => {
  const { account } = await TestAccount.make()
  const [phone, ghost] = [await makeListed(), await makeListed()]
  const fork = await account.next({ add: ghost })
  await account.take(await account.next({ add: phone }))
  let served: readonly Uint8Array[] = account.lists
  const { lists, store } = clientOf((_, after) => served.slice(after))
  const { accountId } = account
  await lists.ensure([accountId])
  deepEqual(listedDevices(await readDeviceList(store, accountId)).map(({ deviceId }) => deviceId), listedDevices(account.state).map(({ deviceId }) => deviceId))
  await lists.follow([{ accountId, deviceListNumber: 1 }])
  deepEqual([...lists.problems], [[accountId, 'client.device_list.rolled_back']])
  // a third version on top of the fork
  const forked = await followDeviceList(await followDeviceList(undefined, account.lists[0] ?? fork, deviceListChecks(suite)), fork, deviceListChecks(suite))
  equal(compareHead(await readDeviceList(store, accountId), deviceListHeadOf(forked)), 'forked')
  equal(compareHead(await readDeviceList(store, accountId), deviceListHeadOf(account.state)), 'same')
  const real = account.state
  account.state = forked
  served = [...account.lists, await account.next({ remove: ghost.deviceId })]
  account.state = real
  await lists.follow([{ accountId, deviceListNumber: 3 }])
  deepEqual([...lists.problems], [[accountId, 'client.device_list.forked']])
  const { account: server } = await TestAccount.make(accountId)
  server.state = { ...account.state, accountKey: server.signer.publicKey } as NonNullable<TestAccount['state']>
  served = [...account.lists, await server.next({ add: ghost })]
  await lists.follow([{ accountId, deviceListNumber: 3 }])
  deepEqual([...lists.problems], [[accountId, 'client.device_list.refused']])
  equal((await readDeviceList(store, accountId))?.number, 2)
})

test('a version that a certificate or a message names and the server does not show is said', async () => {
  const { account } = await TestAccount.make()
  const { accountId } = account
  const { lists, trust } = clientOf((_, after) => account.lists.slice(after))
  await lists.ensure([accountId])
  trust.wantList(accountId, 7)
  equal(await lists.fetchMissing(), false)
  deepEqual([...lists.problems], [[accountId, 'client.device_list.withheld']])
})

test('a device that was removed does not come back under its id or its key, and none changes its key', async () => {
  const { account, device } = await TestAccount.make()
  const phone = await makeListed()
  const checks = deviceListChecks(suite)
  await account.take(await account.next({ add: phone }))
  const refuses = async (devices: readonly ListedDevice[]): Promise<void> => {
    const unsigned = { ...decodeDeviceList(await account.next({ add: phone })), devices }
    const signature = await account.signer.sign(deviceListTbs(unsigned))
    await rejects(followDeviceList(account.state, encodeDeviceList({ ...unsigned, signature }), checks), { code: 'protocol.device_list.refused' })
  }
  await refuses([device, phone, phone])
  await refuses([device, { ...phone, deviceSignatureKey: (await makeListed()).deviceSignatureKey }])
  await account.take(await account.next({ remove: phone.deviceId }))
  await refuses([device, phone])
  await refuses([device, { ...(await makeListed()), deviceSignatureKey: phone.deviceSignatureKey }])
})

/** A seeded generator (mulberry32): a failing try is tried again with its number. */
const seeded = (seed: number) => (below: number): number => {
  seed = (seed + 0x6d2b79f5) | 0
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) % below
}

test('S8: a device that the server makes up is added by nobody: 0 of 1,000 seeded tries', async () => {
  const { account: mum, device: phone } = await TestAccount.make()
  const { account: server } = await TestAccount.make()
  const { account: eve, device: evesPhone } = await TestAccount.make()
  const revoked = await makeListed()
  await mum.take(await mum.next({ add: revoked }))
  await mum.take(await mum.next({ remove: revoked.deviceId }))
  const honest = { deviceId: phone.deviceId, certificate: await mum.certificate(phone, 1), isRevoked: false, isPending: false }
  let added = 0
  let kept = 0
  for (let seed = 0; seed < 1000; seed++) {
    const pick = seeded(seed)
    const ghost: ListedDevice = { deviceId: idFromBytes<DeviceId>(Uint8Array.from({ length: 16 }, () => pick(256))), deviceSignatureKey: server.signer.publicKey }
    const forgedLists = [
      [], mum.lists.slice(0, 2), [await server.next({ add: ghost })],
      [encodeDeviceList({ ...decodeDeviceList(mum.lists[0] ?? new Uint8Array(0)), devices: [ghost] })],
      [...mum.lists, encodeDeviceList({ ...decodeDeviceList(mum.lists[pick(3)] ?? new Uint8Array(0)), number: 4, devices: [ghost] })],
    ]
    const certificates = [
      { device: ghost, certificate: await server.certificate(ghost, pick(4)) },
      // an honest certificate with a byte changed, or under another name
      { device: ghost, certificate: honest.certificate.with(pick(honest.certificate.length), pick(256)) },
      { device: ghost, certificate: honest.certificate },
      { device: evesPhone, certificate: await eve.certificate(evesPhone, 1) },
      { device: revoked, certificate: await mum.certificate(revoked, 2) },
    ]
    const { device, certificate } = certificates[pick(certificates.length)] ?? { device: ghost, certificate: honest.certificate }
    const lies = forgedLists[pick(forgedLists.length)] ?? []
    const { lists, people } = clientOf((_, after) => mum.lists.slice(after))
    await lists.ensure([mum.accountId])
    const lying = clientOf((_, after) => (pick(2) === 0 ? lies : mum.lists.slice(after)))
    for (const client of [{ lists, people }, lying]) {
      const entry = entryOf(mum, [honest, { deviceId: device.deviceId, certificate, isRevoked: false, isPending: false }])
      const active: readonly DeviceId[] = await client.people.activeDevices(entry)
      added += active.filter((deviceId) => deviceId !== phone.deviceId && deviceId !== revoked.deviceId).length
      if (client.people === people) {
        added += active.filter((deviceId) => deviceId === revoked.deviceId).length
        kept += active.includes(phone.deviceId) ? 1 : 0
      }
    }
  }
  equal(added, 0)
  equal(kept, 1000, 'and the honest device stays')
})

test('a list that comes out of an archive counts from then on, also for members who were looked at before', async () => {
  const store = memoryStore()
  const { account, device } = await TestAccount.make()
  const { accountId } = account
  const stranger = await makeListed()
  const members = [device, stranger].map(({ deviceId }) => ({ accountId, deviceId }))
  equal((await unlistedDevices(store, members)).size, 0)
  const list = present(account.state, 'it has a first version')
  // eslint-disable-next-line @typescript-eslint/require-await -- a stream of one
  await takeRecords(store, (async function* () { yield { kind: ArchiveRecordKind.deviceList, accountId, list } })())
  deepEqual([...await unlistedDevices(store, members)], [stranger.deviceId])
})
