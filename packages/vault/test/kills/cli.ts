/**
 * `npm run rotation-kills`: kills key rotations at random points, and counts what could not be read.
 */
import { parseArgs } from 'node:util'
import { systemRandom } from '@famichat/base'
import { killRotations } from './kills.js'

const USAGE = `Usage: npm run rotation-kills [-- --kills N] [--people N] [--seed N] [--json]

Rotates the key of encrypted columns in a process that is killed (kill -9) at random points, while another one reads and
writes, and checks that every row stays readable, that rotations finish, and that no key goes while it is in use (S37).
  --kills N    how often (200)
  --people N   rows of the larger table (200)
  --seed N     the same seed kills after the same batches (random)
Exit code 1 when anything was wrong; 2 when the call is.`

interface Call {
  readonly kills: number
  readonly people: number
  readonly seed: number
  readonly isJson: boolean
}

const callOf = (args: string[]): Call | undefined => {
  const { values } = parseArgs({
    args, options: { kills: { type: 'string' }, people: { type: 'string' }, seed: { type: 'string' }, json: { type: 'boolean' }, help: { type: 'boolean' } },
  })
  if (values.help === true) return undefined
  const randomSeed = new DataView(systemRandom(4).buffer).getUint32(0) % 1_000_000
  const [kills = 0, people = 0, seed = 0] = [values.kills ?? 200, values.people ?? 200, values.seed ?? randomSeed].map(Number)
  if (![kills, people, seed].every(Number.isSafeInteger) || kills < 1 || people < 10 || seed < 0) throw new RangeError('--kills, --people (10 or more) and --seed take whole numbers')
  return { kills, people, seed, isJson: values.json === true }
}

const main = async (args: string[]): Promise<number> => {
  let call: Call | undefined
  try {
    call = callOf(args)
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error))
    console.error(USAGE)
    return 2
  }
  if (call === undefined) {
    console.log(USAGE)
    return 0
  }
  const { kills, people, seed, isJson } = call
  const width = 30
  const onKill = (kill: number): void => {
    const filled = Math.round((width * kill) / kills)
    if (process.stderr.isTTY) process.stderr.write(`\r[${'#'.repeat(filled)}${'.'.repeat(width - filled)}] ${kill} of ${kills} kills ${kill === kills ? '\n' : ''}`)
    else if (kill % 20 === 0) process.stderr.write(`${kill} of ${kills} kills\n`)
  }
  const figures = await killRotations({ kills, people, seed, onKill })
  const isWrong = Object.values(figures.wrong).some((count) => count > 0)
  if (isJson) {
    console.log(JSON.stringify({ kills, people, seed, ...figures }))
    return isWrong ? 1 : 0
  }
  console.log(`${kills} kills, ${people} rows, seed ${seed}: ${figures.rotations} rotations finished, ${figures.reads} reads, ${figures.writes} writes meanwhile`)
  for (const [what, count] of Object.entries(figures.wrong)) console.log(`${String(count).padStart(6)} ${what}`)
  console.log(isWrong ? 'FAILED' : 'every row readable and findable all the time')
  return isWrong ? 1 : 0
}

process.exitCode = await main(process.argv.slice(2))
