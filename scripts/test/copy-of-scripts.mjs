/**
 * A small repository in a temporary folder that has our scripts and the files a test gives it.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { ROOT } from '../workspace.mjs'

/** Makes the repository; `t` removes it when the test ends. Returns how to run one of its scripts. */
export const copyOfScripts = (t, files) => {
  const folder = mkdtempSync(join(tmpdir(), 'famichat-scripts-'))
  t.after(() => { rmSync(folder, { recursive: true, force: true }) })
  cpSync(join(ROOT, 'scripts'), join(folder, 'scripts'), { recursive: true })
  mkdirSync(join(folder, 'packages'))
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), typeof content === 'string' ? content : JSON.stringify(content))
  }
  return (script) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(folder, 'scripts', script)], { cwd: folder, encoding: 'utf8' })
    return { ok: status === 0, output: stdout + stderr }
  }
}
