/**
 * The bell: rings reach a browser that has Famichat closed, and show the same few words whatever waits. No push service can be
 * reached from a test, so one on this machine plays its HTTP side, and the browser's side is played through its debugger.
 */
import assert from 'node:assert/strict'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { findChromium, type WebCommunity, type Window } from './support/community.js'
import { startPair } from './support/family.js'
import { goBack, press, see, startTalk, write } from './support/people.js'

const found = findChromium()

describe('the bell of the web app', { skip: 'missing' in found ? found.missing : false }, () => {
  let community: WebCommunity
  let ada: Window
  let ben: Window
  const rung: { readonly request: IncomingMessage; readonly bytes: number }[] = []
  let heard = (): void => undefined
  const service = createServer((request, response) => {
    let bytes = 0
    request.on('data', (part: Buffer) => { bytes += part.length })
    request.on('end', () => {
      rung.push({ request, bytes })
      response.writeHead(201).end()
      heard()
    })
  })
  const origin = (): string => `http://127.0.0.1:${(service.address() as AddressInfo).port.toString()}`

  before(async () => {
    await new Promise<void>((resolve) => { service.listen(0, '127.0.0.1', resolve) })
    const family = await startPair(found, { pushServices: [origin()] });
    ({ community, windows: [ada, ben] } = family)
  })
  after(async () => {
    await community.end()
    service.close()
  })

  test('a browser whose maker\'s push service cannot be reached says so, and nothing is turned on', async () => {
    await ben.context.grantPermissions(['notifications'], { origin: community.url })
    await press(ben.page, 'Settings')
    // this browser's service is not reachable from here
    await ben.page.evaluate(() => { PushManager.prototype.subscribe = () => Promise.reject(new DOMException('no service', 'AbortError')) })
    await ben.page.getByLabel(/Ring when something waits/).click()
    await see(ben.page, 'The bell cannot be set up right now')
    assert.equal(await ben.page.getByLabel(/Ring when something waits/).isChecked(), false)
  })

  test('S34 a message for somebody who is away rings without a word; the browser shows the same words always', async () => {
    const keys = await ben.page.evaluate((endpoint) => new Promise<readonly number[]>((resolve) => {
      PushManager.prototype.subscribe = (options) => {
        resolve([...new Uint8Array(options?.applicationServerKey as Uint8Array<ArrayBuffer>)])
        return Promise.resolve({ endpoint } as PushSubscription)
      }
      for (const label of document.querySelectorAll('label')) if (label.textContent.includes('Ring when something waits')) label.click()
    }), `${origin()}/for-ben`)
    assert.deepEqual([keys.length, keys[0]], [65, 4], 'the server\'s public key')
    await goBack(ben.page)
    await startTalk(ada.page, ['Ben'])
    await ben.page.goto('about:blank')
    // the server takes a moment to see that Ben's page is gone: until then it does not ring
    for (let at = 0; rung.length === 0 && at < 60; at++) {
      const ring = new Promise<void>((resolve) => { heard = resolve })
      await write(ada.page, `a secret of Ada ${at.toString()}`)
      await Promise.race([ring, ada.page.locator('article.bubble').nth(at).waitFor()])
    }
    const [first] = rung
    assert.deepEqual([first?.request.url, first?.request.method, first?.bytes], ['/for-ben', 'POST', 0])
    assert.doesNotMatch(JSON.stringify(first?.request.headers), /secret|Ada|Ben/)

    // the push service hands the ring to Ben's browser, which has Famichat closed
    const worker = ben.context.serviceWorkers()[0]
    assert.ok(worker)
    const session = await ben.context.newCDPSession(ben.page)
    const registration = new Promise<string>((resolve) => {
      session.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => { if (registrations[0] !== undefined) resolve(registrations[0].registrationId) })
    })
    await ben.page.goto(community.url)
    await session.send('ServiceWorker.enable')
    const registrationId = await registration
    await ben.page.goto('about:blank')
    await session.send('ServiceWorker.deliverPushMessage', { origin: community.url, registrationId, data: '' })
    const shown = await worker.evaluate(async () => {
      const scope = globalThis as unknown as { registration: ServiceWorkerRegistration }
      for (;;) {
        const [notification] = await scope.registration.getNotifications()
        if (notification !== undefined) return [notification.title, notification.body]
        await new Promise((resolve) => { setTimeout(resolve, 50) })
      }
    })
    assert.deepEqual(shown, ['Famichat', 'Something new for you'])
  })
})
