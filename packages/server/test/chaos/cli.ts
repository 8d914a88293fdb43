/**
 * `npm run chaos`: kills a server under load, and counts what was lost.
 */
import { parseArgs } from 'node:util'
import { systemRandom } from '@famichat/base'
import { type ChaosFigures, runChaos } from './chaos.js'

const USAGE = `Usage: npm run chaos [-- --kills N] [--seed N] [--rate N]

Kills a server (kill -9) that takes messages, again and again, and checks that nothing acknowledged is lost or doubled.
  --kills N   how often (20)
  --seed N    the same seed kills after the same times (random)
  --rate N    messages per second (200)
Exit code 1 when anything was lost, doubled, or read wrongly; 2 when the call is wrong.`

interface Call {
  readonly kills: number
  readonly seed: number
  readonly perSecond: number
}

const callOf = (args: string[]): Call | undefined => {
  const { values } = parseArgs({ args, options: { kills: { type: 'string' }, seed: { type: 'string' }, rate: { type: 'string' }, help: { type: 'boolean' } } })
  if (values.help === true) return undefined
  const randomSeed = new DataView(systemRandom(4).buffer).getUint32(0) % 1_000_000
  const [kills, seed, perSecond] = [values.kills ?? 20, values.seed ?? randomSeed, values.rate ?? 200].map(Number)
  const numbers = [kills, seed, perSecond]
  if (kills === undefined || seed === undefined || perSecond === undefined || numbers.some((n) => !Number.isSafeInteger(n) || (n ?? 0) < 0) || perSecond < 1) {
    throw new RangeError('--kills, --seed and --rate take whole numbers')
  }
  return { kills, seed, perSecond }
}

const report = ({ seconds, slowestRestartMs, acknowledged, stored, sentAgain, ...wrong }: ChaosFigures, { kills, seed }: Call): number => {
  console.log(`${kills.toString()} kills, seed ${seed.toString()}, ${seconds.toFixed(0)} s`)
  console.log(`${acknowledged.toString()} messages acknowledged, ${stored.toString()} entries in the log, ${sentAgain.toString()} sent again under their first id`)
  console.log(`a killed server was back after ${slowestRestartMs.toFixed(0)} ms at most`)
  for (const [what, count] of Object.entries(wrong)) console.log(`${count.toString().padStart(6)} ${what}`)
  const isWrong = Object.values(wrong).some((count) => count > 0)
  console.log(isWrong ? 'FAILED' : 'nothing acknowledged was lost, doubled or moved; no hole')
  return isWrong ? 1 : 0
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
  const { kills } = call
  const width = 30
  const onKill = (kill: number): void => {
    const filled = Math.round((width * kill) / kills)
    if (process.stderr.isTTY) process.stderr.write(`\r[${'#'.repeat(filled)}${'.'.repeat(width - filled)}] ${kill.toString()} of ${kills.toString()} kills ${kill === kills ? '\n' : ''}`)
    else if (kill % 20 === 0) process.stderr.write(`${kill.toString()} of ${kills.toString()} kills\n`)
  }
  return report(await runChaos({ ...call, onKill }), call)
}

process.exitCode = await main(process.argv.slice(2))
