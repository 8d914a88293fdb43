/**
 * Running vector files: a case's kind is known by its fields.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { cryptoBasics, deserialization, keySchedule, pskSecret, secretTree, transcriptHashes, treeMath } from './crypto-cases.js'
import { passiveClient, welcome } from './group-cases.js'
import { messageProtection, messages } from './message-cases.js'
import { treeKem, treeOperations, treeValidation } from './tree-cases.js'
import { type Case, casesOf } from './vector-file.js'

interface Kind {
  readonly name: string
  /** A field no other kind has. */
  readonly sign: string
  readonly verify: (given: Case) => void | Promise<void>
}

/** Looked through in order: the first kind whose sign a case has. */
const KINDS: readonly Kind[] = [
  { name: 'tree-math', sign: 'n_leaves', verify: treeMath },
  { name: 'deserialization', sign: 'vlbytes_header', verify: deserialization },
  { name: 'crypto-basics', sign: 'ref_hash', verify: cryptoBasics },
  { name: 'secret-tree', sign: 'sender_data', verify: secretTree },
  { name: 'message-protection', sign: 'application_priv', verify: messageProtection },
  { name: 'key-schedule', sign: 'initial_init_secret', verify: keySchedule },
  { name: 'psk_secret', sign: 'psk_secret', verify: pskSecret },
  { name: 'transcript-hashes', sign: 'authenticated_content', verify: transcriptHashes },
  { name: 'tree-operations', sign: 'tree_before', verify: treeOperations },
  { name: 'tree-validation', sign: 'tree_hashes', verify: treeValidation },
  { name: 'treekem', sign: 'update_paths', verify: treeKem },
  { name: 'messages', sign: 'mls_welcome', verify: messages },
  { name: 'passive-client', sign: 'initial_epoch_authenticator', verify: passiveClient },
  { name: 'welcome', sign: 'signer_pub', verify: welcome },
]

/** What became of one file. */
export interface FileResult {
  readonly file: string
  readonly kinds: readonly string[]
  readonly passed: number
  readonly failures: readonly string[]
  /** Cases of a kind that is not known. */
  readonly skipped: number
}

/** Verifies every case of a file that `isWanted`: all of them when not told otherwise. */
export const runFile = async (file: string, isWanted: (given: Case) => boolean = () => true): Promise<FileResult> => {
  let json: unknown
  try {
    json = JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    return { file, kinds: [], passed: 0, failures: [`not a JSON file: ${String(error)}`], skipped: 0 }
  }
  const kinds = new Set<string>()
  const failures: string[] = []
  let passed = 0
  let skipped = 0
  for (const [index, given] of casesOf(json).entries()) {
    if (!isWanted(given)) continue
    const kind = KINDS.find(({ sign }) => sign in given)
    if (kind === undefined) {
      skipped++
      continue
    }
    kinds.add(kind.name)
    try {
      await kind.verify(given)
      passed++
    } catch (error) {
      failures.push(`case ${index.toString()} (${kind.name}): ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  return { file, kinds: [...kinds], passed, failures, skipped }
}

/** The JSON files named, or inside the folders named, in order. @throws Error when a path does not exist */
export const vectorFiles = (paths: readonly string[]): readonly string[] =>
  paths.flatMap((path) => (statSync(path).isDirectory()
    ? readdirSync(path).filter((name) => name.endsWith('.json')).sort().map((name) => join(path, name))
    : [path]))
