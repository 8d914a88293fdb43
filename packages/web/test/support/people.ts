/**
 * What people do on a page, in their words: one name for each thing that tests do often.
 */
import type { Locator, Page } from 'playwright-core'

/** Presses a button. */
export const press = (page: Page, name: string | RegExp): Promise<void> => page.getByRole('button', { name, exact: typeof name === 'string' }).click()

/** Goes back by the button, so many times. */
export const goBack = async (page: Page, times = 1): Promise<void> => {
  for (let at = 0; at < times; at++) await page.getByRole('button', { name: 'Back' }).click()
}

/** Makes an invite, from the list, and returns its link. */
export const invite = async (page: Page, whom?: string): Promise<string> => {
  await press(page, 'New conversation')
  await press(page, 'Invite somebody')
  if (whom !== undefined) await page.getByLabel(whom).check()
  await press(page, 'Make the link')
  const link = await page.getByLabel('Your link').inputValue()
  await goBack(page, 2)
  return link
}

/** Starts a conversation, from the list: with one person, or a group with a name. */
export const startTalk = async (page: Page, people: readonly string[], groupName?: string): Promise<void> => {
  await press(page, 'New conversation')
  for (const name of people) await page.getByRole('checkbox', { name, exact: true }).check()
  if (groupName !== undefined) await page.getByLabel('Name of the group').fill(groupName)
  await press(page, 'Start')
  await page.getByLabel('Message', { exact: true }).waitFor()
}

/** Opens a conversation in the list. */
export const openTalk = (page: Page, name: string): Promise<void> =>
  page.locator('nav li button').filter({ has: page.getByText(name, { exact: true }) }).click()

/** Writes a message in the open conversation. */
export const write = async (page: Page, text: string): Promise<void> => {
  await page.getByLabel('Message', { exact: true }).fill(text)
  await press(page, 'Send')
}

/** The bubble with a text. */
export const bubble = (page: Page, text: string): Locator => page.locator('article.bubble').filter({ hasText: text })

/** Waits for a text on the page. */
export const see = (page: Page, text: string | RegExp): Promise<void> => page.getByText(text).first().waitFor()

/** Waits until a name's bubble stands in the conversation. */
export const seeBubble = (page: Page, text: string): Promise<void> => bubble(page, text).first().waitFor()

/** From the list to somebody's page. */
export const openPerson = async (page: Page, name: string): Promise<void> => {
  await press(page, 'Family')
  await page.getByRole('button', { name, exact: true }).click()
  await page.getByRole('heading', { name: 'Compare the number' }).waitFor()
}

/** Waits for the list of somebody who came in just now. */
export const seeEmptyList = (page: Page): Promise<void> => see(page, 'Nothing here yet')
