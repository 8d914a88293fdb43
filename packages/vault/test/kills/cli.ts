/**
 * `npm run rotation-kills`: kills key rotations at random points, and counts what could not be read.
 */
import { flag, makeProgress, randomSeed, runCommand, whole } from '@famichat/base/testing/command'
import { killRotations } from './kills.js'

const USAGE = `Usage: npm run rotation-kills [-- --kills N] [--people N] [--seed N] [--json]

Rotates the key of encrypted columns in a process that is killed (kill -9) at random points, while another one reads and
writes, and checks that every row stays readable, that rotations finish, and that no key goes while it is in use (S37).
  --kills N    how often (200)
  --people N   rows of the larger table, 10 or more (200)
  --seed N     the same seed kills after the same batches (random)
Exit code 1 when anything was wrong; 2 when the call is.`

process.exitCode = await runCommand({
  usage: USAGE,
  options: { kills: whole(200, { least: 1 }), people: whole(200, { least: 10 }), seed: whole(randomSeed()), json: flag },
  run: async ({ kills, people, seed, json }) => {
    const progress = makeProgress('kills')
    const figures = await killRotations({ kills, people, seed, onKill: (kill) => { progress(kill, kills) } })
    const isWrong = Object.values(figures.wrong).some((count) => count > 0)
    if (json) {
      console.log(JSON.stringify({ kills, people, seed, ...figures }))
      return isWrong ? 1 : 0
    }
    console.log(`${kills} kills, ${people} rows, seed ${seed}: ${figures.rotations} rotations finished, ${figures.reads} reads, ${figures.writes} writes meanwhile`)
    for (const [what, count] of Object.entries(figures.wrong)) console.log(`${String(count).padStart(6)} ${what}`)
    console.log(isWrong ? 'FAILED' : 'every row readable and findable all the time')
    return isWrong ? 1 : 0
  },
}, process.argv.slice(2))
