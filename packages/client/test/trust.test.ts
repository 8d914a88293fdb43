/**
 * Whose leaf is this: judged from the account's key and its signed list, without the server, and side by side with others.
 */
import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import { deviceListChange } from '../dist/identity/device-lists.js'
import { Trust } from '../dist/identity/trust.js'
import { memoryStore } from './support/memory-store.js'
import { makeListed, suite, TestAccount } from './support/test-account.js'

const trustOf = async (...accounts: TestAccount[]): Promise<Trust> => {
  const store = memoryStore()
  await store.write(accounts.flatMap(({ state }) => (state === undefined ? [] : [deviceListChange(state)])))
  return new Trust({ store, suite, nowMs: () => 0 })
}

test('of two leaves that claim one account with different keys one is refused, judged side by side or in turn', async () => {
  const { account, device } = await TestAccount.make()
  const { account: other, device: ghost } = await TestAccount.make(account.accountId)
  const claims = [await account.claim(device, 1), await other.claim(ghost, 1)] as const
  const together = await trustOf(account)
  deepEqual(await Promise.all(claims.map((claim) => together.isValid(claim))), [true, false])
  const inTurn = await trustOf(account)
  equal(await inTurn.isValid(claims[1]), false)
  equal(await inTurn.isValid(claims[0]), true)
})

test('a leaf is good exactly when the version of the list that its certificate names brought the device, and stays good in old logs', async () => {
  const { account, device } = await TestAccount.make()
  const phone = await makeListed()
  await account.take(await account.next({ add: phone }))
  const trust = await trustOf(account)
  equal(await trust.isValid(await account.claim(phone, 2)), true)
  equal(await trust.isValid(await account.claim(phone, 1)), false)
  equal(await trust.isValid(await account.claim(device, 2)), false)
  equal(await trust.isValid(await account.claim({ ...phone, deviceSignatureKey: (await makeListed()).deviceSignatureKey }, 2)), false)
  deepEqual([...trust.takeMissing()], [])
  await account.take(await account.next({ remove: phone.deviceId }))
  equal(await (await trustOf(account)).isValid(await account.claim(phone, 2)), true, 'it was the account\'s once: members remove it, nobody gets stuck')
})

test('a version that is not here is asked for, and nothing is believed before', async () => {
  const { account, device } = await TestAccount.make()
  const trust = await trustOf()
  equal(await trust.isValid(await account.claim(device, 1)), false)
  deepEqual([...trust.takeMissing()], [[account.accountId, 1]])
  deepEqual([...trust.takeMissing()], [])
})
