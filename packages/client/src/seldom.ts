/**
 * What is used seldom: safety numbers and files. Their code is fetched with the first use, so that a page that opens need not wait.
 */
import type { Files, FilesContext } from './conversation/files.js'
import type { Engine } from './engine.js'
import type { Contacts } from './identity/contacts.js'

/** Whether people are who they seem to be. */
export type ContactAccess = Pick<Contacts, 'list' | 'safetyNumber' | 'markVerified' | 'scan' | 'acknowledge'>

/** Uploads and fetches files. */
export type FileAccess = Pick<Files, 'upload' | 'fetch' | 'forget' | 'delete'>

/** {@link Contacts}, fetched when they are used. */
export const contactsOf = (engine: Engine): ContactAccess => {
  const fetched = once(async () => new (await import('./identity/contacts.js')).Contacts(engine))
  return {
    list: async () => (await fetched()).list(),
    safetyNumber: async (name) => (await fetched()).safetyNumber(name),
    markVerified: async (name) => (await fetched()).markVerified(name),
    scan: async (scanned) => (await fetched()).scan(scanned),
    acknowledge: async (name) => (await fetched()).acknowledge(name),
  }
}

/** {@link Files}, fetched when one is sent or read. */
export const filesOf = (context: FilesContext): FileAccess => {
  const fetched = once(async () => new (await import('./conversation/files.js')).Files(context))
  return {
    upload: async (conversationId, source, options) => (await fetched()).upload(conversationId, source, options),
    fetch: async function* (pointer, options) { yield* (await fetched()).fetch(pointer, options) },
    forget: async (conversationId, pointer) => (await fetched()).forget(conversationId, pointer),
    delete: async (blobId) => (await fetched()).delete(blobId),
  }
}

/** Fetches all of it now: for a place where nothing can be fetched later, or nothing may take time. */
export const fetchSeldom = async (): Promise<void> => {
  await Promise.all([
    import('./archive/archive.js'), import('./archive/history-transfer.js'), import('./conversation/files.js'), import('./identity/contacts.js'),
    import('./identity/link-host.js'), import('./identity/linking.js'), import('./passkeys/passkeys.js'), import('./passkeys/sign-in.js'),
  ])
}

/** One for all who ask; asked again when it could not be fetched. */
const once = <T>(make: () => Promise<T>): (() => Promise<T>) => {
  let made: Promise<T> | undefined
  return () => {
    made ??= make().catch((error: unknown) => {
      made = undefined
      throw error
    })
    return made
  }
}
