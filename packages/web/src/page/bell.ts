/**
 * The bell: this browser is rung when something waits and Famichat is closed. The ring says nothing; see service-worker.ts.
 */
import { app } from './app.svelte.js'
import { Refused } from './worker-client.js'

const hasBell = (): boolean => 'serviceWorker' in navigator && 'PushManager' in globalThis && 'Notification' in globalThis

/** Whether this browser is rung; undefined where none can be. */
export const isBellOn = async (): Promise<boolean | undefined> => {
  if (!hasBell()) return undefined
  const registration = await navigator.serviceWorker.getRegistration()
  return registration !== undefined && await registration.pushManager.getSubscription() !== null && Notification.permission === 'granted'
}

/** Asks the person and the browser. @throws Refused `web.bell.denied` | `web.bell.unavailable` */
export const turnBellOn = async (): Promise<void> => {
  if (await Notification.requestPermission() !== 'granted') throw new Refused({ code: 'web.bell.denied', reason: '' })
  const registration = await navigator.serviceWorker.ready
  const applicationServerKey = await app.ask('bellKey') as Uint8Array<ArrayBuffer>
  let subscription: PushSubscription
  try {
    subscription = await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey })
  } catch {
    throw new Refused({ code: 'web.bell.unavailable', reason: '' })
  }
  await app.ask('ring', subscription.endpoint)
}

/** This browser is not rung any more. */
export const turnBellOff = async (): Promise<void> => {
  const registration = await navigator.serviceWorker.getRegistration()
  await (await registration?.pushManager.getSubscription())?.unsubscribe()
  await app.ask('ring', undefined)
}
