/**
 * Pages that a script writes from the code: written, or with --check compared with what stands there. What is wrong is said line
 * by line, and fails.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from './workspace.mjs'

/** A text as one cell of a table. */
export const cell = (text) => text.replaceAll('|', '\\|')

/**
 * Writes a page, or checks it.
 * @param path of the page, from the root
 * @param command that writes it
 * @param complaints sentences about what it is made from
 * @param summary said when it was written
 */
export const writeOrCheck = ({ path, content, command, complaints, summary }) => {
  const file = join(ROOT, path)
  const said = [...complaints]
  if (process.argv.includes('--check')) {
    if (storedIn(file) !== content) said.push(`${path} is stale: ${command}`)
  } else {
    writeFileSync(file, content)
    process.stdout.write(`${path}: ${summary}\n`)
  }
  for (const complaint of said) process.stderr.write(`${complaint}\n`)
  if (said.length > 0) process.exitCode = 1
}

const storedIn = (file) => {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (error.code !== 'ENOENT') throw error
    return ''
  }
}
