/**
 * README's walk-through, word for word: the lines of its code block, run by a shell, with the links put in.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Running } from './support/processes.js'

const ROOT = join(import.meta.dirname, '../../..')

/** The commands of the block behind the marker, without comments. */
const walkThrough = (): readonly string[] => {
  const [, block = ''] = /<!-- walk-through -->\n```sh\n([^]*?)```/.exec(readFileSync(join(ROOT, 'README.md'), 'utf8')) ?? []
  return block.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
}

test('two terminals, the server and five commands, as README says', async (t) => {
  const home = mkdtempSync(join(tmpdir(), 'famichat-readme-'))
  const running: Running[] = []
  t.after(async () => {
    await Promise.all(running.map((process) => process.stop()))
    rmSync(home, { recursive: true, force: true })
  })
  // a home of its own, and a free port: nothing else differs from what a reader does
  const env = { ...process.env, HOME: home, XDG_CACHE_HOME: process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), FAMICHAT_PORT: '0' }
  delete (env as Record<string, string | undefined>).NODE_TEST_CONTEXT
  const shell = (line: string): Running => {
    // a group of its own: Ctrl-C at a terminal reaches all of it, not npm alone
    const child = spawn('sh', ['-c', line], { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
    const started = new Running(child, { isGroup: true })
    running.push(started)
    return started
  }
  const [start = '', join1 = '', invite = '', join2 = '', send = '', tail = '', ...rest] = walkThrough()
  assert.deepEqual(rest, [])
  const linkIn = (text: string): string => /https?:\S+\/i#\S+/.exec(text)?.[0] ?? ''
  const server = shell(start)
  await server.until('the set-up link is printed', ({ stdout }) => linkIn(stdout) !== '')
  const runs = async (line: string): Promise<string> => {
    const { code, stdout, stderr } = await shell(line).finished
    assert.equal(code, 0, `${line}\n${stderr}`)
    return stdout
  }
  assert.match(await runs(join1.replace('SET-UP LINK', linkIn(server.stdout))), /Welcome, Ada\./)
  const link = linkIn(await runs(invite))
  assert.match(await runs(join2.replace('INVITE LINK', link)), /Welcome, Ben\./)
  assert.match(await runs(send), /Sent to Ben\./)
  const reading = shell(tail)
  await reading.until('Ben reads it', ({ stdout }) => stdout.includes('Ada: Dinner at seven?'))
})
