/**
 * The bot of examples/, started as README says: it answers, and after a restart also what came while it was away.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Place, Running, ServerProcess } from './support/processes.js'

const ROOT = join(import.meta.dirname, '../../..')

test('the bot of README answers a message, stays who it is over a restart, and the server learns nothing of it', async (t) => {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8')
  const [, command = ''] = /^(npm run bot -- 'INVITE LINK')$/m.exec(readme) ?? []
  const program = readFileSync(join(ROOT, 'examples/bot.ts'), 'utf8')
  assert.ok(readme.includes(program), 'README shows the program as it is')
  assert.ok(program.trim().split('\n').length <= 17, 'fifteen lines, a comment and a blank line')
  const place = new Place(t)
  const server = await ServerProcess.start(place)
  const ada = await place.person('ada').joins(server.setupLink, 'Ada')
  const bots: Running[] = []
  t.after(() => Promise.all(bots.map((running) => running.kill())))
  const start = (link: string): Running => {
    const line = `${command.replace('INVITE LINK', link)} '${join(place.home, 'bot')}'`
    const running = new Running(spawn('sh', ['-c', line], { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'], detached: true }), { isGroup: true })
    bots.push(running)
    return running
  }
  const bot = start(await ada.invites())
  await bot.until('it listens', ({ stdout }) => stdout.includes('Dicebot is listening'))
  await ada.does('send', 'Dicebot', '!dice')
  const reading = ada.starts('tail', 'Dicebot')
  const answers = (): number => reading.lines.filter(({ type, text }) => type === 'reply' && /^You rolled [1-6]\.$/.test(text ?? '')).length
  await reading.until('the answer', () => answers() === 1)
  await bot.stop()
  await ada.does('send', 'Dicebot', '!dice')
  const again = start('')
  await reading.until('the answer to what came while it was away', () => answers() === 2)
  await again.stop()
  await reading.stop()
  assert.equal((await ada.does('tail', 'Dicebot', '--once')).filter(({ type }) => type === 'reply').length, 2, 'each question is answered once')
  await server.stop()
  assert.doesNotMatch(server.logs, /dice|rolled/i)
})
