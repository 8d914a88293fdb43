/**
 * `npm run vectors -- PATH…`: verifies official test vector files, a line per file, totals last.
 */
import { among, runCommand } from '@famichat/base/testing/command'
import type { CryptoBackend, MaybePromise } from '@famichat/mls'
import { nobleBackend } from '@famichat/mls/noble'
import { nodeBackend } from '@famichat/mls/node'
import { makeWebCryptoBackend } from '@famichat/mls/webcrypto'
import { runFile, vectorFiles } from './run-vectors.js'
import { useVectorBackend } from './vector-file.js'

const BACKENDS: Readonly<Record<string, () => MaybePromise<CryptoBackend>>> = {
  node: () => nodeBackend,
  webcrypto: () => makeWebCryptoBackend(),
  noble: () => nobleBackend,
}
const USAGE = `Usage: npm run vectors -- [--backend node|webcrypto|noble] PATH…

Verifies MLS test vector files (RFC 9420 working group format). PATH is a JSON file, or a folder of them.
The kind of each case is recognised by its fields. The backend is node unless another is named.
Exit code 1 when a case fails, 2 when the call is wrong.`

const verify = async (name: string, paths: readonly string[]): Promise<number> => {
  useVectorBackend(await BACKENDS[name]?.() ?? nodeBackend)
  let files: readonly string[]
  try {
    files = vectorFiles(paths)
  } catch (error) {
    console.error(`cannot read: ${error instanceof Error ? error.message : String(error)}`)
    return 2
  }
  const total = { passed: 0, failed: 0, skipped: 0 }
  for (const file of files) {
    const { kinds, passed, failures, skipped } = await runFile(file)
    total.passed += passed
    total.failed += failures.length
    total.skipped += skipped
    const unknown = skipped > 0 ? `, ${skipped.toString()} of unknown kind` : ''
    console.log(`${failures.length === 0 ? 'ok    ' : 'FAILED'} ${file}: ${kinds.join(', ')} ${passed.toString()} passed, ${failures.length.toString()} failed${unknown}`)
    for (const failure of failures.slice(0, 20)) console.log(`       ${failure}`)
  }
  console.log(`${total.passed.toString()} passed, ${total.failed.toString()} failed, ${total.skipped.toString()} skipped`)
  return total.failed > 0 ? 1 : 0
}

process.exitCode = await runCommand({
  usage: USAGE,
  options: { backend: { ...among(Object.keys(BACKENDS)), otherwise: 'node' } },
  words: 'PATH',
  run: ({ backend }, paths) => verify(backend, paths),
}, process.argv.slice(2))
