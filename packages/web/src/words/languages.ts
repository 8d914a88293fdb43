/**
 * The languages of the app. English comes with it; others are fetched when somebody reads them.
 */
import { en, type Words } from './en.js'
import type { SeldomWords } from './seldom-en.js'
import { refusalsEn } from './refusals-en.js'
import type { Sentences } from './spoken-codes.js'

export type Language = 'en' | 'ja'

/** All that is said in a language. */
export interface Speech {
  readonly words: Words
  readonly refusals: Sentences
}

/** Each language by its own name. */
export const LANGUAGE_NAMES: Readonly<Record<Language, string>> = { en: 'English', ja: '日本語' }

/** Languages that are written from right to left; the screens are ready for them. */
export const RIGHT_TO_LEFT: ReadonlySet<string> = new Set(['ar', 'fa', 'he', 'ur'])

export const ENGLISH: Speech = { words: en, refusals: refusalsEn }

/** Fetches a language. */
export const loadSpeech = async (language: Language): Promise<Speech> => {
  switch (language) {
    case 'en':
      return ENGLISH
    case 'ja': {
      const [{ ja }, { refusalsJa }] = await Promise.all([import('./ja.js'), import('./refusals-ja.js')])
      return { words: ja, refusals: refusalsJa }
    }
  }
}

/** Fetches the words that few screens need. */
export const loadSeldomWords = async (language: Language): Promise<SeldomWords> => {
  switch (language) {
    case 'en':
      return (await import('./seldom-en.js')).seldomEn
    case 'ja':
      return (await import('./seldom-ja.js')).seldomJa
  }
}
