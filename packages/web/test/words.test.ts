/**
 * Every word that a screen asks for is there: screens are no modules that the compiler reads.
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { en } from '../dist/words/en.js'
import { ja } from '../dist/words/ja.js'
import { seldomEn } from '../dist/words/seldom-en.js'
import { seldomJa } from '../dist/words/seldom-ja.js'

const PAGE = join(import.meta.dirname, '../src/page')

test('each screen has the words that it asks for, and none is there for nobody', () => {
  const asked = new Set<string>()
  for (const file of readdirSync(PAGE).filter((name) => /\.(svelte|ts)$/.test(name))) {
    const source = readFileSync(join(PAGE, file), 'utf8')
    const has = source.includes('preferences.allWords') ? { ...en, ...seldomEn } : en
    for (const [, word = ''] of source.matchAll(/(?<![-/\w])(?:words|allWords)\.(\w+)/g)) {
      asked.add(word)
      assert.ok(word in has, `${file} asks for ${word}`)
    }
  }
  assert.deepEqual(Object.keys({ ...en, ...seldomEn }).filter((word) => !asked.has(word)), [])
})

test('both languages have the same words', () => {
  assert.deepEqual(Object.keys(ja), Object.keys(en))
  assert.deepEqual(Object.keys(seldomJa), Object.keys(seldomEn))
})
