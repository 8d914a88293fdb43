/**
 * What the demonstrations say about our engine, and about postcards: an experiment that cannot fail shows nothing.
 */
import { deepEqual, equal, match } from 'node:assert/strict'
import { test } from 'node:test'
import { contender as famichat } from '../dist/contenders/famichat.js'
import type { Contender } from '../dist/contender.js'
import { demonstrate } from '../dist/experiments.js'
import { loadContender } from '../dist/registry.js'
import type { Finding } from '../dist/row.js'
import { readmeExample, withFolder, writeContender } from './fixtures.js'

const findingsOf = async (contender: Contender): Promise<ReadonlyMap<string, Finding>> => {
  const found = new Map<string, Finding>()
  await demonstrate(contender, 'it', (finding) => found.set(finding.experiment, finding))
  return found
}

test('our engine withstands what it promises to withstand, and is not deniable', async () => {
  const found = await findingsOf(famichat)
  deepEqual([...found].map(([name, { outcome }]) => [name, outcome]), [
    ['round trip', 'holds'], ['tampering', 'holds'], ['replay', 'holds'], ['out of order', 'holds'], ['forward secrecy', 'holds'],
    // by commits, not by texts
    ['recovery', 'partly'], ['removal', 'holds'], ['ghost', 'holds'], ['deniability', 'fails'],
  ])
  equal(found.get('recovery')?.seen, 'texts of all in turn: not after 30; rotations of the victim: after 1; of another: never; of everybody in turn: after 1')
})

test('postcards, the example of the README, fail everything but delivery', async () => {
  await withFolder(async (folder) => {
    const { file } = writeContender(folder, 'postcards', readmeExample())
    const found = await findingsOf(await loadContender(file))
    deepEqual([...found].map(([name, { outcome }]) => [name, outcome]), [
      ['round trip', 'holds'], ['tampering', 'fails'], ['replay', 'fails'], ['out of order', 'holds'], ['forward secrecy', 'fails'],
      ['recovery', 'fails'], ['removal', 'fails'], ['ghost', 'fails'], ['deniability', 'holds'],
    ])
    match(found.get('removal')?.seen ?? '', /^reads 2 of 2/)
  })
})

test('an experiment that breaks is a finding like the others', async () => {
  const broken: Contender = { ...famichat, open: () => Promise.reject(new Error('no such thing here')) }
  const found = await findingsOf(broken)
  equal(found.size, 9)
  for (const { outcome, seen } of found.values()) {
    equal(outcome, 'not demonstrable')
    equal(seen, 'the experiment failed: no such thing here')
  }
})
