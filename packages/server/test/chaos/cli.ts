/**
 * `npm run chaos`: kills a server under load, and counts what was lost.
 */
import { makeProgress, randomSeed, runCommand, whole } from '@famichat/base/testing/command'
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

process.exitCode = await runCommand({
  usage: USAGE,
  options: { kills: whole(20), seed: whole(randomSeed()), rate: whole(200, { least: 1 }) },
  run: async ({ kills, seed, rate }) => {
    const progress = makeProgress('kills')
    return report(await runChaos({ kills, seed, perSecond: rate, onKill: (kill) => { progress(kill, kills) } }), { kills, seed })
  },
}, process.argv.slice(2))
