/**
 * The program of docs/sdk.md, made as that page says: in a folder of its own, strictly typed, against the built packages.
 */
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Place, Running, ServerProcess } from './support/processes.js'

const ROOT = join(import.meta.dirname, '../../..')

/** The first block of a language behind a text. */
const block = (page: string, after: string, language: string): string =>
  new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``).exec(page.slice(page.indexOf(after)))?.[1] ?? ''

test('the program of the SDK\'s page compiles strictly in a folder of its own, keeps a file and gives it back', async (t) => {
  const page = readFileSync(join(ROOT, 'docs/sdk.md'), 'utf8')
  const place = new Place(t)
  const folder = join(place.home, 'keeper')
  // what npm install makes of a folder: a link to it
  mkdirSync(join(folder, 'node_modules/@famichat'), { recursive: true })
  mkdirSync(join(folder, 'node_modules/@types'))
  symlinkSync(join(ROOT, 'packages/client'), join(folder, 'node_modules/@famichat/client'))
  symlinkSync(join(ROOT, 'node_modules/@types/node'), join(folder, 'node_modules/@types/node'))
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  writeFileSync(join(folder, 'tsconfig.json'), block(page, '`tsconfig.json`', 'json'))
  writeFileSync(join(folder, 'keeper.ts'), block(page, '<!-- keeper -->', 'ts'))
  execFileSync(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '--exactOptionalPropertyTypes', '--noUncheckedIndexedAccess'], { cwd: folder, encoding: 'utf8' })

  const server = await ServerProcess.start(place)
  const ada = await place.person('ada').joins(server.setupLink, 'Ada')
  const keeper = new Running(spawn(process.execPath, ['dist/keeper.js', await ada.invites()], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] }))
  t.after(() => keeper.kill())
  await keeper.until('it listens', ({ stdout }) => stdout.includes('Keeper is listening'))
  writeFileSync(join(place.home, 'recipe.txt'), 'two eggs')
  await ada.does('attach', 'Keeper', 'recipe.txt')
  const reading = ada.starts('tail', 'Keeper')
  await reading.until('it was kept', ({ lines }) => lines.some(({ type, text }) => type === 'reply' && text === 'kept for Ada'))
  assert.equal(readFileSync(join(folder, 'kept/recipe.txt'), 'utf8'), 'two eggs')
  await ada.does('send', 'Keeper', 'recipe.txt')
  await reading.until('it came back', ({ lines }) => lines.some(({ type, caption }) => type === 'attachment' && caption === 'here it is'))
  await ada.does('send', 'Keeper', '../package.json')
  await reading.until('nothing from outside its folder', ({ lines }) => lines.some(({ type, text }) => type === 'reply' && text === 'I do not have that.'))
  await keeper.stop()
  await reading.stop()
})
