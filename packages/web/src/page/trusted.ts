/**
 * The one place where text may become the address of a script: only of this origin (Trusted Types).
 */
interface TrustedTypes {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): { createScriptURL(url: string): string }
}

const sameOrigin = (url: string): string => {
  if (new URL(url, location.href).origin !== location.origin) throw new TypeError('a script of another origin')
  return url
}

const { trustedTypes } = globalThis as { trustedTypes?: TrustedTypes }
const policy = trustedTypes?.createPolicy('famichat', { createScriptURL: sameOrigin })

/** The address of a script of this app: a string for the compiler, a TrustedScriptURL for browsers that ask for one. */
export const trustedScriptUrl = (url: string): string => policy?.createScriptURL(url) ?? sameOrigin(url)
