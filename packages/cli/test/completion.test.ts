/**
 * Shell completion: what Tab offers in bash, and a line for each command in the other shells' scripts.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Place } from './support/processes.js'

test('Tab in bash offers the commands, what is below them, and the choices of an option', async (t) => {
  const place = new Place(t)
  const { stdout, code } = await place.run(['completion', 'bash'])
  assert.equal(code, 0)
  const script = join(place.home, 'completion.bash')
  writeFileSync(script, stdout)
  const offered = (...words: readonly string[]): string => {
    const array = words.map((word) => `'${word}'`).join(' ')
    const tab = `source '${script}'; COMP_WORDS=(famichat ${array}); COMP_CWORD=${words.length}; _famichat; echo "\${COMPREPLY[*]}"`
    const { stdout: printed, stderr } = spawnSync('bash', ['-c', tab], { encoding: 'utf8' })
    assert.equal(stderr, '')
    return printed.trim()
  }
  assert.equal(offered('cha'), 'chat')
  assert.equal(offered('archive', 'cre'), 'create')
  assert.equal(offered('invite', '--as', ''), 'adult guardian child family')
  assert.match(offered('send', '--'), /--help/)
})

test('the scripts for zsh and fish name every command, and an unknown shell is refused', async (t) => {
  const place = new Place(t)
  const zsh = await place.run(['completion', 'zsh'])
  assert.match(zsh.stdout, /bashcompinit[^]*complete -o default -F _famichat famichat/)
  const fish = await place.run(['completion', 'fish'])
  for (const name of ['chat', 'send', 'verify', 'archive']) assert.match(fish.stdout, new RegExp(`-a ${name} -d '`))
  const unknown = await place.run(['completion', 'tcsh'])
  assert.equal(unknown.code, 2)
  assert.match(unknown.stderr, /bash, zsh, fish/)
})
