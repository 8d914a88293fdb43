/**
 * `npm run races`: the same commit races, again and again, and one must win each time (S14).
 */
import { parseArgs } from 'node:util'
import { runRaces } from './races.js'

const USAGE = `Usage: npm run races [-- --rounds N] [--committers N]

Lets several devices commit to the same epoch at once, over HTTP to a server in its own process, and counts the winners.
  --rounds N       epochs that are raced for (1000)
  --committers N   devices that race, 2 to 32 (8)
Exit code 1 unless each round has one winner and every loser is told which; 2 when the call is wrong.
`

const main = async (): Promise<number> => {
  const { values } = parseArgs({ options: { rounds: { type: 'string', default: '1000' }, committers: { type: 'string', default: '8' }, help: { type: 'boolean', default: false } } })
  const [rounds, committers] = [Number(values.rounds), Number(values.committers)]
  if (values.help || !Number.isSafeInteger(rounds) || rounds < 1 || !Number.isSafeInteger(committers) || committers < 2 || committers > 32) {
    process.stdout.write(USAGE)
    return values.help ? 0 : 2
  }
  const onRound = (round: number): void => {
    if (process.stderr.isTTY) process.stderr.write(`\r[${'#'.repeat(Math.round((30 * round) / rounds)).padEnd(30, '.')}] ${round.toString()} of ${rounds.toString()} ${round === rounds ? '\n' : ''}`)
  }
  const { wonOnce, toldOfTheWinner, holes } = await runRaces({ rounds, committers, onRound })
  process.stdout.write(`${rounds.toString()} epochs, ${committers.toString()} commits raced for each: ${wonOnce.toString()} had one winner, ${toldOfTheWinner.toString()} losers were told which, ${holes.toString()} holes\n`)
  return wonOnce === rounds && toldOfTheWinner === rounds * (committers - 1) && holes === 0 ? 0 : 1
}

process.exitCode = await main()
