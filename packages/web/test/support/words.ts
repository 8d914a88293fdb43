/**
 * The words that a newcomer never meets: of the technology, and of things that went wrong (product.md's rules).
 */
import type { Page } from 'playwright-core'

const ENGLISH = [
  'key', 'keys', 'passkey', 'encrypt\\w*', 'decrypt\\w*', 'cipher\\w*', 'crypto\\w*', 'mls', 'token', 'tokens', 'device id', 'fingerprint\\w*', 'epoch\\w*', 'server\\w*',
  'protocol\\w*', 'certificate\\w*', 'credential\\w*', 'signature\\w*', 'hash\\w*', 'sync\\w*', 'database', 'cache\\w*', 'cookie\\w*', 'browser', 'url', 'http\\w*', 'api', 'client',
  'session', 'cursor', 'envelope', 'payload', 'safety number', 'admin\\w*', 'platform', 'feed', 'webauthn', 'authenticat\\w*', 'configur\\w*', 'failed', 'failure', 'invalid', 'error\\w*', '[45]\\d\\d',
]
const JAPANESE = [
  '鍵', 'キー', 'パスキー', '暗号', '復号', 'トークン', '端末ID', '指紋', 'エポック', 'サーバー', 'プロトコル', '証明書', '認証', '署名', 'ハッシュ', '同期', 'データベース', 'キャッシュ', 'クッキー',
  'ブラウザー', 'クライアント', 'セッション', '管理者', 'エラー', '失敗', '無効', '不正',
]
const FORBIDDEN = new RegExp(`\\b(?:${ENGLISH.join('|')})\\b|${JAPANESE.join('|')}`, 'giu')

/** Everything that a screen says, to eyes and to screen readers. */
const saidOn = (page: Page): Promise<readonly string[]> => page.evaluate(() => [
  document.title, document.body.innerText,
  ...[...document.querySelectorAll('*')].flatMap((element) => ['aria-label', 'title', 'alt', 'placeholder'].map((name) => element.getAttribute(name) ?? '')),
])

/** The words among them that should not be there. */
export const technicalWordsOn = async (page: Page): Promise<readonly string[]> => technicalWordsIn(await saidOn(page))

/** … and in texts. */
export const technicalWordsIn = (texts: readonly string[]): readonly string[] => texts.flatMap((text) => [...text.matchAll(FORBIDDEN)].map(([word]) => word))
