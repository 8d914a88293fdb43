#!/usr/bin/env node
/**
 * The famichat command. npm links this file; the program is the compiled main.js, made by `npm start` or `npm run build`.
 */
import { existsSync } from 'node:fs'

const main = new URL('../dist/main.js', import.meta.url)
if (existsSync(main)) {
  await import(main.href)
} else {
  process.stderr.write('famichat: the program is not built yet: run npm start or npm run build first\n')
  process.exitCode = 1
}
