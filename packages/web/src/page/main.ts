/**
 * Where the page starts.
 */
import { mount } from 'svelte'
import AppView from './AppView.svelte'
import { app } from './app.svelte.js'
import { trustedScriptUrl } from './trusted.js'
import './app.css'

const place = document.getElementById('app')
if (place !== null) {
  place.replaceChildren()
  mount(AppView, { target: place })
  void app.open()
  // without it the app works, but needs the server to open
  if ('serviceWorker' in navigator) navigator.serviceWorker.register(trustedScriptUrl('/service-worker.js')).catch(() => undefined)
}
