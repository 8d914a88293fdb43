/**
 * Where the page starts. A browser that lacks something keeps the sentence that the page came with, which says what to do.
 */
import { mount } from 'svelte'
import AppView from './AppView.svelte'
import { app } from './app.svelte.js'
import { preferences } from './preferences.svelte.js'
import { isSupported } from './support.js'
import { trustedScriptUrl } from './trusted.js'
import './app.css'

const start = async (place: HTMLElement): Promise<void> => {
  await preferences.load()
  place.replaceChildren()
  mount(AppView, { target: place })
  await app.open()
}

const place = document.getElementById('app')
if (place !== null) {
  if (isSupported()) void start(place)
  else place.querySelector('p')?.replaceChildren(preferences.sentence(isSecureContext ? 'web.browser.unsupported' : 'web.address.unprotected'))
  // without it the app works, but needs the server to open
  if ('serviceWorker' in navigator) navigator.serviceWorker.register(trustedScriptUrl('/service-worker.js')).catch(() => undefined)
}
