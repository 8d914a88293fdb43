/**
 * The famichat command: runs what the arguments say. Exit code 0 when done, 1 when refused, 2 when used wrongly.
 */
import { runProgram } from './program.js'

process.exitCode = await runProgram(process.argv.slice(2))
