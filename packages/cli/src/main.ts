/**
 * The famichat command: runs what the arguments say. Exit code 0 when done, 1 when refused, 2 when used wrongly.
 */
import { runProgram } from './program.js'

// whoever reads our output may stop reading: `famichat tail Garden | head -3`
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})

process.exitCode = await runProgram(process.argv.slice(2))
