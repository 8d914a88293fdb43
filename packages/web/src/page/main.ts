/**
 * Where the page starts.
 */
import { mount } from 'svelte'
import AppView from './AppView.svelte'
import { app } from './app.svelte.js'
import './app.css'

const place = document.getElementById('app')
if (place !== null) {
  place.replaceChildren()
  mount(AppView, { target: place })
  void app.open()
}
