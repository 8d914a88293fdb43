/**
 * Contenders of the tests: the README's, and some that go wrong in every way a library can.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { contenderAt, type Registered } from '../dist/registry.js'

const README = resolve(import.meta.dirname, '../README.md')

/** The example of the README, as it stands there. */
export const readmeExample = (): string => {
  const found = /<!-- example -->\n```js\n([\s\S]*?)```/.exec(readFileSync(README, 'utf8'))
  if (found?.[1] === undefined) throw new TypeError('the README has no example')
  return found[1]
}

/** Calls `work` with a folder that is removed afterwards. */
export const withFolder = async <T>(work: (folder: string) => Promise<T>): Promise<T> => {
  const folder = mkdtempSync(join(tmpdir(), 'famichat-lab-'))
  try {
    return await work(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Writes a contender to a file. */
export const writeContender = (folder: string, id: string, source: string): Registered => {
  const file = join(folder, `${id}.mjs`)
  writeFileSync(file, source)
  return contenderAt(file)
}

/** The README's contender, which does `trouble` whenever somebody is registered in a conversation of more than 8. */
export const troubled = (trouble: string): string => readmeExample().replace(
  "register: async (name) => {", `register: async (name) => { if (name === 'person 8') { ${trouble} }`)
