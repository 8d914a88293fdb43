/**
 * The engine in a real Chromium, under a strict policy.
 */
import { deepEqual, equal } from 'node:assert/strict'
import { after, test } from 'node:test'
import { contract } from '../backends/contract.js'
import { bundlePage } from './bundle.js'
import { findChromium, openPage } from './chromium.js'
import type { ClauseResult } from './page.js'
import type { GroupReport } from './page-group.js'

const found = findChromium()

if ('missing' in found) {
  test(`THE ENGINE WAS NOT TRIED IN A BROWSER: ${found.missing}`, { skip: 'no Chromium' })
} else {
  const page = await openPage(found.path, await bundlePage())
  after(() => page.close())

  const everySpokenLine = ['alice', 'bob', 'carol'].flatMap((speaker, _, names) =>
    names.filter((name) => name !== speaker).map((name) => `${speaker} to ${name}: hello`))

  test('in Chromium, under a policy that refuses eval, the WebCrypto backend keeps the whole contract', async () => {
    equal(await page.ask('isEvalRefused()'), true)
    const results = await page.ask('runContract()') as readonly ClauseResult[]
    deepEqual(results.filter(({ failure }) => failure !== undefined), [])
    equal(results.length, contract.length)
  })

  test('in Chromium a group of three commits and talks, with signature keys that cannot be taken out', async () => {
    const report = await page.ask('foundGroup()') as GroupReport
    deepEqual(report, { members: 3, epoch: '4', heard: everySpokenLine, allAgree: true, anyKeyExtractable: false })
  })

  test('after a reload the group goes on from IndexedDB, keys included', async () => {
    await page.reload()
    const report = await page.ask('resumeGroup()') as GroupReport
    deepEqual(report, { members: 3, epoch: '7', heard: everySpokenLine, allAgree: true, anyKeyExtractable: false })
  })
}
