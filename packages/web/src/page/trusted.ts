/**
 * The one place where text may become the address of a script: only of this origin (Trusted Types).
 */
interface TrustedTypes {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): { createScriptURL(url: string): unknown }
}

const sameOrigin = (url: string): string => {
  if (new URL(url, location.href).origin !== location.origin) throw new TypeError('a script of another origin')
  return url
}

const { trustedTypes } = globalThis as { trustedTypes?: TrustedTypes }
const policy = trustedTypes?.createPolicy('famichat', { createScriptURL: sameOrigin })

/** The address of a script of this app. */
export const trustedScriptUrl = (url: string): unknown => policy?.createScriptURL(url) ?? sameOrigin(url)
