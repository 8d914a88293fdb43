/**
 * What a new device is called until its person says otherwise: as people tell their devices apart, not as programs do.
 */
const BROWSERS = [['Edg', 'Edge'], ['OPR', 'Opera'], ['SamsungBrowser', 'Samsung Internet'], ['Firefox', 'Firefox'], ['FxiOS', 'Firefox'], ['CriOS', 'Chrome'], ['Chrome', 'Chrome'], ['Safari', 'Safari']] as const
const SYSTEMS = [['iPhone', 'iPhone'], ['iPad', 'iPad'], ['Android', 'Android'], ['Windows', 'Windows'], ['CrOS', 'Chromebook'], ['Mac OS', 'Mac'], ['Linux', 'Linux']] as const

/** `Chrome on Windows`, in the browser's language. */
export const nameOfBrowser = ({ userAgent, language }: Pick<Navigator, 'userAgent' | 'language'>): string => {
  const isJapanese = language.startsWith('ja')
  const find = (names: readonly (readonly [sign: string, name: string])[]): string | undefined => names.find(([sign]) => userAgent.includes(sign))?.[1]
  const browser = find(BROWSERS) ?? (isJapanese ? 'ブラウザー' : 'Browser')
  const system = find(SYSTEMS)
  if (system === undefined) return browser
  return isJapanese ? `${system}の${browser}` : `${browser} on ${system}`
}
