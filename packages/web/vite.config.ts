/**
 * How the web app is built: one page, one worker, one service worker, every name with its content's hash.
 */
import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig } from 'vite'

export default defineConfig({
  plugins: [svelte({ compilerOptions: { runes: true } })],
  worker: { format: 'es' },
  build: { target: 'es2022', outDir: 'site', modulePreload: false, assetsInlineLimit: 0, chunkSizeWarningLimit: 600 },
})
