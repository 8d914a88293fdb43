/**
 * `npm run races`: the same commit races, again and again, and one must win each time (S14).
 */
import { makeProgress, runCommand, whole } from '@famichat/base/testing/command'
import { runRaces } from './races.js'

const USAGE = `Usage: npm run races [-- --rounds N] [--committers N]

Lets several devices commit to the same epoch at once, over HTTP to a server in its own process, and counts the winners.
  --rounds N       epochs that are raced for (1000)
  --committers N   devices that race, 2 to 32 (8)
Exit code 1 unless each round has one winner and every loser is told which; 2 when the call is wrong.
`

process.exitCode = await runCommand({
  usage: USAGE,
  options: { rounds: whole(1000, { least: 1 }), committers: whole(8, { least: 2, most: 32 }) },
  run: async ({ rounds, committers }) => {
    const progress = makeProgress('epochs')
    const { wonOnce, toldOfTheWinner, holes } = await runRaces({ rounds, committers, onRound: (round) => { progress(round, rounds) } })
    process.stdout.write(`${rounds.toString()} epochs, ${committers.toString()} commits raced for each: ${wonOnce.toString()} had one winner, ${toldOfTheWinner.toString()} losers were told which, ${holes.toString()} holes\n`)
    return wonOnce === rounds && toldOfTheWinner === rounds * (committers - 1) && holes === 0 ? 0 : 1
  },
}, process.argv.slice(2))
