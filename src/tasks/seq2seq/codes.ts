// Codes and names of languages: which of them stand for one language, and which are near one that there is not.

import { editDistance } from '../../edit-distance.js';

const names = new Intl.DisplayNames('en', { type: 'language', fallback: 'none' });

/** Every language that has a two-letter code, by its English name. */
const byName = new Map<string, string>();
for (const first of 'abcdefghijklmnopqrstuvwxyz')
  for (const second of 'abcdefghijklmnopqrstuvwxyz') {
    const name = names.of(first + second);
    if (name !== undefined) byName.set(name.toLowerCase(), first + second);
  }

/**
 * The language of a code of any kind ('en', 'eng', 'en_XX', 'eng_Latn', '__en__') or of an English name, as its
 * shortest code; of other text the text.
 */
export function languageOf(text: string): string {
  const plain = text.replace(/^__|__$/g, '');
  const named = byName.get(plain.toLowerCase());
  if (named !== undefined) return named;
  try {
    return new Intl.Locale(plain.split(/[_-]/)[0]!).language;
  } catch {
    return plain;
  }
}

/** The codes, the nearest first: of the same language, then by the letters that differ. */
export function nearestCodes(wanted: string, codes: readonly string[]): string[] {
  const plain = (text: string): string => text.toLowerCase().replace(/[^\p{L}]/gu, '');
  const turned = wanted.split(/[_-]/).reverse().join('');
  const distance = (code: string): number => {
    if (languageOf(code) === languageOf(wanted)) return -1;
    return Math.min(...[wanted, turned].map((text) => editDistance(plain(text), plain(code))));
  };
  const measured = codes.map((code) => ({ code, distance: distance(code) }));
  return measured.sort((a, b) => a.distance - b.distance || (a.code < b.code ? -1 : 1)).map(({ code }) => code);
}
