/**
 * Commands of this repository: what a wrong call says, and how progress looks.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { among, CommandError, flag, list, makeProgress, runCommand, share, text, texts, whole } from '../dist/testing/command.js'

class Paper {
  written = ''
  readonly isTTY: boolean
  constructor({ isTTY = false }: { readonly isTTY?: boolean } = {}) { this.isTTY = isTTY }
  write(line: string): void { this.written += line }
}

const OPTIONS = {
  kills: whole(20, { least: 1, most: 100 }), seed: whole(undefined), loss: share(0.1, { most: 0.5 }), name: text(''), json: flag,
  only: list(['a', 'b'], among(['a', 'b', 'c'])), sizes: list([2], whole(2, { least: 2 })),
}

const call = async (...args: string[]): Promise<{ readonly exit: number; readonly out: string; readonly err: string; readonly said: unknown }> => {
  const [out, err] = [new Paper(), new Paper()]
  let said: unknown
  const exit = await runCommand({ usage: 'Usage: npm run it\n\n', options: OPTIONS, run: (given) => {
    said = given
    return 0
  } }, args, { out, err })
  return { exit, out: out.written, err: err.written, said }
}

test('what is not said counts as it stands in the table; what is said is read', async () => {
  const otherwise = { kills: 20, seed: undefined, loss: 0.1, name: '', json: false, only: ['a', 'b'], sizes: [2] }
  assert.deepEqual((await call()).said, otherwise)
  const { exit, said } = await call('--kills', '3', '--seed=7', '--loss', '0.25', '--name', 'x', '--json', '--only', 'c,a', '--sizes', '2,100')
  assert.deepEqual([exit, said], [0, { kills: 3, seed: 7, loss: 0.25, name: 'x', json: true, only: ['c', 'a'], sizes: [2, 100] }])
})

test('what may be given again is gathered; words that belong to no option are taken where the command has a name for them', async () => {
  const calls: (readonly [unknown, readonly string[]])[] = []
  const options = { peer: texts, json: flag }
  const runIt = async (...args: string[]): Promise<string> => {
    const err = new Paper()
    await runCommand({ usage: '', options, words: 'PATH', run: (said, words) => calls.push([said, words]) }, args, { out: new Paper(), err })
    return err.written
  }
  assert.equal(await runIt('--peer', 'a', 'x', '--json', '--peer=b', '--', '--y'), '')
  assert.deepEqual(calls, [[{ peer: ['a', 'b'], json: true }, ['x', '--y']]])
  assert.match(await runIt('--json'), /^PATH: .*\(command\.value\.missing\)\n$/)
  assert.equal(calls.length, 1)
})

test('--help says how, and nothing runs', async () => {
  assert.deepEqual(await call('--kills', '3', '--help'), { exit: 0, out: 'Usage: npm run it\n', err: '', said: undefined })
})

test('a call that makes no sense is one line with its code, and exit code 2; nothing runs', async () => {
  const cases: readonly (readonly [readonly string[], string, string])[] = [
    [['--nonsense'], '--nonsense', 'command.option.unknown'], [['word'], 'word', 'command.option.unknown'], [['--toString'], '--toString', 'command.option.unknown'],
    [['-k'], '-k', 'command.option.unknown'],
    [['--kills'], '--kills', 'command.value.missing'], [['--kills', '--json'], '--kills', 'command.value.missing'],
    ...['0', '101', '1.5', 'many', '', ' '].map((value) => [['--kills', value], '--kills', 'command.value.refused'] as const),
    [['--seed=-1'], '--seed', 'command.value.refused'], [['--loss', '0.6'], '--loss', 'command.value.refused'], [['--json=yes'], '--json', 'command.value.refused'],
    [['--only', 'a,x'], '--only', 'command.value.refused'], [['--sizes', '2,'], '--sizes', 'command.value.refused'], [['--sizes', '1'], '--sizes', 'command.value.refused'],
  ]
  for (const [args, option, code] of cases) {
    const { exit, out, err, said } = await call(...args)
    assert.deepEqual([exit, out, said], [2, '', undefined], args.join(' '))
    assert.ok(err.startsWith(`${option}: `) && err.endsWith(`(${code})\n`) && err.trim().split('\n').length === 1, err)
  }
})

test('options that do not go together are told alike; an error of the command itself is not a wrong call', async () => {
  const err = new Paper()
  const run = (error: Error): Promise<number> => runCommand({ usage: '', options: {}, run: () => { throw error } }, [], { out: new Paper(), err })
  assert.equal(await run(new CommandError('command.value.refused', '--entry')), 2)
  assert.match(err.written, /^--entry: .*\(command\.value\.refused\)\n$/)
  await assert.rejects(run(new Error('broken')), /broken/)
})

test('progress is a bar that leaves its line in a terminal, and a line at every twentieth elsewhere', () => {
  const [terminal, pipe] = [new Paper({ isTTY: true }), new Paper()]
  for (const paper of [terminal, pipe]) {
    const show = makeProgress('kills', paper)
    for (let i = 0; i <= 200; i++) show(i, 200, i === 100 ? 'half' : '')
  }
  const drawn = terminal.written.split('\r')
  assert.equal(drawn[101], `[${'#'.repeat(15)}${'.'.repeat(15)}] 100 of 200 kills: half\u001b[K`)
  assert.ok(terminal.written.endsWith(`[${'#'.repeat(30)}] 200 of 200 kills\u001b[K\n`))
  assert.equal(terminal.written.split('\n').length, 2)
  const lines = pipe.written.trim().split('\n')
  assert.deepEqual([lines.length, lines[0], lines[9], lines[19]], [20, '10 of 200 kills', '100 of 200 kills: half', '200 of 200 kills'])
})
