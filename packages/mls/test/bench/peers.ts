/**
 * The peers beside us: ts-mls and OpenMLS do the same work in the interop folder, which has its own packages.
 */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** What an implementation took for one piece of work; `failed` says why it could not. */
export interface PeerRow {
  readonly peer: string
  readonly members: number
  readonly work?: string
  readonly microseconds?: number
  readonly failed?: string
}

const folder = fileURLToPath(new URL('../../../../interop/', import.meta.url))
const program = `${folder}dist/bench.js`

/** True when `npm run interop` has set the peers up. */
export const peersInstalled = (): boolean => existsSync(program) && existsSync(`${folder}node_modules/ts-mls`)

/** Runs the peers' benchmark in a process of its own, and hands over each row as it comes. */
export const benchPeers = async (sizes: readonly number[], onRow: (row: PeerRow) => void): Promise<readonly PeerRow[]> => {
  const rows: PeerRow[] = []
  const child = spawn(process.execPath, [program, '--sizes', sizes.join(',')], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise<number | null>((resolve) => { child.once('close', resolve) })
  for await (const line of createInterface({ input: child.stdout })) {
    const row = JSON.parse(line) as PeerRow
    rows.push(row)
    onRow(row)
  }
  const code = await ended
  if (code !== 0) throw new Error(`the peers' benchmark ended with code ${String(code)}`)
  return rows
}
