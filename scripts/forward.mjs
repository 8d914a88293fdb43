/**
 * Runs a compiled file as a child that shares our terminal; signals go to it and its exit code becomes ours.
 */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import { resolve } from 'node:path'
import { ROOT } from './workspace.mjs'

// at a terminal Ctrl-C reaches the child by itself; sending it again would look like an impatient second one
const FORWARDED = process.stdin.isTTY ? ['SIGTERM', 'SIGHUP'] : ['SIGINT', 'SIGTERM', 'SIGHUP']

/** Runs `file` (relative to the root) in the caller's working directory until it ends. */
export const forward = async (file, args) => {
  const path = resolve(ROOT, file)
  if (!existsSync(path)) throw new Error(`There is no ${file}: its source is missing from this clone.`)
  const child = spawn(process.execPath, ['--enable-source-maps', path, ...args], { stdio: 'inherit' })
  if (process.stdin.isTTY) process.on('SIGINT', () => undefined)
  for (const signal of FORWARDED) process.on(signal, () => { child.kill(signal) })
  process.exitCode = await new Promise((settle, refuse) => {
    child.on('error', refuse)
    child.on('exit', (code, signal) => { settle(code ?? 128 + (constants.signals[signal] ?? 0)) })
  })
}
