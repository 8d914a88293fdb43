/**
 * docs/parameters.md says what the code does.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { PARAMETERS } from '../dist/parameters.js'

const PAGE = readFileSync(join(import.meta.dirname, '../../../docs/parameters.md'), 'utf8')
const UNITS: Readonly<Record<string, number>> = {
  ms: 1, second: 1000, minute: 60_000, hour: 3_600_000, day: 86_400_000, KiB: 1024, MiB: 1024 ** 2,
}

/** `7 days` as the number that a name with this unit holds. */
const valueOf = (name: string, text: string): number => {
  const [, amount = '', unit = ''] = /^(\d+)(?: ([a-zA-Z]+?)s?)?$/.exec(text.replace('ms', 'm')) ?? []
  const scale = unit === '' ? 1 : UNITS[unit === 'm' ? 'ms' : unit] ?? NaN
  return Number(amount) * scale / (name.endsWith('Seconds') ? 1000 : 1)
}

test('every parameter of the code is on the page with its value, and nothing else is', () => {
  const onPage = new Map([...PAGE.matchAll(/^\| `(\w+)` \| ([^|]+) \|/gm)].map(([, name = '', text = '']) => [name, valueOf(name, text.trim())]))
  assert.deepEqual(Object.fromEntries(onPage), { ...PARAMETERS })
})
