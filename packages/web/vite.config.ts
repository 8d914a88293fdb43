/**
 * How the web app is built: one page, one worker, one service worker. Every name but the service worker's has its
 * content's hash; a list of all files tells the service worker what to keep.
 */
import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig, type Plugin } from 'vite'

/** From public/, which Rollup does not see. */
const PUBLIC_FILES = ['/icon.svg', '/app.webmanifest']
const SERVICE_WORKER = 'service-worker'

const listFiles = (): Plugin => ({
  name: 'famichat-site-files',
  enforce: 'post',
  generateBundle(_options, bundle) {
    // what only some browsers need, because theirs lacks a curve, is kept once it was fetched
    const files = Object.keys(bundle).filter((name) => /^assets\//.test(name) && !/\/(noble-|guarded-)/.test(name)).map((name) => `/${name}`).sort()
    this.emitFile({ type: 'asset', fileName: 'site-files.json', source: JSON.stringify([...PUBLIC_FILES, ...files]) })
  },
})

/** The catalogues of errors, as compiled: code and sentence, a line each. */
const CATALOGUE = /\/packages\/(base|mls|protocol|client)\/dist\/([a-z]+-error|errors)\.js$/

/** The page has words of its own for every code (src/words): the sentences for programs and terminals need not be loaded. */
const leaveOutSentences = (): Plugin => ({
  name: 'famichat-no-sentences',
  transform: (code, id) => (CATALOGUE.test(id) ? { code: code.replace(/\btext: ('(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")/g, "text: ''"), map: null } : undefined),
})

export default defineConfig({
  plugins: [svelte({ configFile: false, compilerOptions: { runes: true } }), leaveOutSentences(), listFiles()],
  worker: { format: 'es', plugins: () => [leaveOutSentences()] },
  build: {
    target: 'es2022',
    minify: 'terser',
    terserOptions: { compress: { passes: 3, ecma: 2020 }, format: { ecma: 2020 } },
    outDir: 'site',
    modulePreload: false,
    assetsInlineLimit: 0,
    cssCodeSplit: false,
    chunkSizeWarningLimit: 600,
    rollupOptions: {
      input: { index: 'index.html', [SERVICE_WORKER]: 'src/service-worker.ts' },
      output: { entryFileNames: ({ name }) => (name === SERVICE_WORKER ? `${SERVICE_WORKER}.js` : 'assets/[name]-[hash].js') },
    },
  },
})
