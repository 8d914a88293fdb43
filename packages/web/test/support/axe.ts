/**
 * axe in a page: what keeps somebody out who sees, hears or moves differently.
 */
import axe from 'axe-core'
import type { Page } from 'playwright-core'
import type { Window } from './community.js'

interface AxeResult { readonly violations: readonly { readonly id: string; readonly nodes: readonly { readonly html: string }[] }[] }
interface Axe { run(options?: { readonly runOnly: readonly string[] }): Promise<AxeResult> }

/** axe goes in through the debugger, which the page's policy does not bind. */
export const withAxe = async (window: Window): Promise<Window> => {
  await window.page.evaluate(axe.source)
  return window
}

/** What axe finds on a page, as short lines; only by some rules, if they are named. */
export const violationsOf = async (page: Page, rules?: readonly string[]): Promise<readonly string[]> => {
  const { violations } = await page.evaluate(
    (only) => (globalThis as unknown as { axe: Axe }).axe.run(only === undefined ? undefined : { runOnly: only }), rules)
  return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 160)}`))
}

/** The looks that differ in colour and size. */
const LOOKS = [['dark', 'normal'], ['light', 'large'], ['dark', 'large']] as const

/** What axe finds on a page by day, and what of colour and size by night and in large letters; the page is as before afterwards. */
export const violationsInAllLooks = async (page: Page): Promise<readonly string[]> => {
  const found = [...await violationsOf(page)]
  const set = (look: readonly string[]): Promise<readonly string[]> => page.evaluate(([colours, size]) => {
    const { dataset } = document.documentElement
    const before = [dataset.colours ?? '', dataset.size ?? '']
    dataset.colours = colours ?? ''
    dataset.size = size ?? ''
    return before
  }, look)
  for (const look of LOOKS) {
    const before = await set(look)
    for (const violation of await violationsOf(page, ['color-contrast', 'target-size'])) found.push(`${look.join(' ')} ${violation}`)
    await set(before)
  }
  return found
}
