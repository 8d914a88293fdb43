/**
 * Bundles of compiled files for a browser, in memory, by esbuild.
 */
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build, type BuildOptions, type Metafile } from 'esbuild'

/** A bundle: what a server hands out, and how much each source file takes of it. */
export interface Bundle {
  /** Contents by file name; the entry is `entry.js`. */
  readonly files: ReadonlyMap<string, Uint8Array>
  /** Names of the files that load with the entry. */
  readonly atOnce: readonly string[]
  /** For each dynamic import, the names of the files it brings. */
  readonly onDemand: readonly (readonly string[])[]
  /** Minified bytes by source file. */
  readonly shares: ReadonlyMap<string, number>
}

/** Sizes after gzip in bytes. */
export interface BundleSize {
  /** What every page loads. */
  readonly atOnce: number
  /** With the larger of the two sets of curves that load only where the browser lacks them. */
  readonly largest: number
  /** With both. */
  readonly whole: number
}

/** A file of this folder, compiled. */
export const compiled = (name: string): string => fileURLToPath(new URL(name, import.meta.url))

/** Everything an application can import from the engine in a browser. */
export const bundleEngine = (): Promise<Bundle> => bundle({
  stdin: {
    contents: "export * from '@famichat/mls'\nexport * from '@famichat/mls/webcrypto'\n",
    resolveDir: compiled('.'),
    sourcefile: 'entry.js',
  },
})

/** The page the tests open: test code made for Node finds the browser's backend under the name of Node's. */
export const bundlePage = (): Promise<Bundle> => bundle({
  entryPoints: { entry: compiled('page.js') },
  alias: { '@famichat/mls/node': compiled('page-backend.js') },
})

/** Gzip at its best level, as static files are served. */
export const sizeOf = ({ files, atOnce, onDemand }: Bundle): BundleSize => {
  const weigh = (names: Iterable<string>): number =>
    [...names].reduce((sum, name) => sum + gzipSync(files.get(name) ?? new Uint8Array(0), { level: 9 }).length, 0)
  return {
    atOnce: weigh(atOnce),
    largest: Math.max(...onDemand.map((names) => weigh(new Set([...atOnce, ...names])))),
    whole: weigh(files.keys()),
  }
}

const bundle = async (options: BuildOptions): Promise<Bundle> => {
  const { outputFiles, metafile } = await build({
    ...options,
    absWorkingDir: compiled('../../../..'),
    bundle: true,
    minify: true,
    splitting: true,
    format: 'esm',
    target: 'es2022',
    // a module of Node's own in the graph is an error
    platform: 'browser',
    outdir: 'bundle',
    entryNames: 'entry',
    chunkNames: '[name]-[hash]',
    write: false,
    metafile: true,
    legalComments: 'none',
    logLevel: 'silent',
  })
  const shares = new Map<string, number>()
  for (const { inputs } of Object.values(metafile.outputs)) {
    for (const [path, { bytesInOutput }] of Object.entries(inputs)) shares.set(path, (shares.get(path) ?? 0) + bytesInOutput)
  }
  const entry = reachable(metafile, 'bundle/entry.js')
  return {
    files: new Map(outputFiles.map(({ path, contents }) => [nameOf(path), contents])),
    atOnce: entry.atOnce,
    onDemand: [...entry.onDemand].map((path) => reachable(metafile, path).atOnce),
    shares,
  }
}

const nameOf = (path: string): string => path.replace(/^.*[\\/]/, '')

/** The names of the files that load with an output, and the paths of those it loads later. */
const reachable = ({ outputs }: Metafile, start: string): { readonly atOnce: readonly string[]; readonly onDemand: ReadonlySet<string> } => {
  const seen = new Set([start])
  const onDemand = new Set<string>()
  for (const path of seen) {
    for (const { path: imported, kind } of outputs[path]?.imports ?? []) {
      if (kind === 'dynamic-import') onDemand.add(imported)
      else seen.add(imported)
    }
  }
  return { atOnce: [...seen].map(nameOf), onDemand }
}
