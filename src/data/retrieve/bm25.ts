// Okapi BM25: how well a text answers another one, by the words that both have: a word counts the more the rarer it is,
// a text the less the longer it is, and a word that comes again ever less. Source: Robertson and Zaragoza, The
// Probabilistic Relevance Framework (2009), with Lucene's weight of a rare word, which is never negative.

/** k1: how fast a word that comes again counts less. b: how far length counts, from 0 to 1. */
export interface Bm25Options {
  k1: number;
  b: number;
}

export const usualBm25: Bm25Options = { k1: 1.2, b: 0.75 };

// Scripts that are written without spaces: pairs of neighbours stand for their words, as Lucene's analyser of Chinese,
// Japanese and Korean has it.
const unspaced =
  '\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}\\p{Script=Thai}\\p{Script=Lao}\\p{Script=Khmer}\\p{Script=Myanmar}';
const runs = new RegExp(`[${unspaced}]+|(?:(?![${unspaced}])[\\p{L}\\p{M}\\p{N}])+`, 'gu');
const isUnspaced = new RegExp(`^[${unspaced}]`, 'u');

/** The words of a text: runs of letters and digits, in lower case and composed (NFC). */
export function wordsOf(text: string): string[] {
  const found = text.normalize('NFC').toLowerCase().match(runs) ?? [];
  return found.flatMap((run) => (isUnspaced.test(run) ? pairsOf([...run]) : run));
}

const pairsOf = (letters: readonly string[]): string[] =>
  letters.length === 1 ? [...letters] : letters.slice(1).map((letter, i) => letters[i]! + letter);

/** What a word weighs that `having` of `documents` texts have. */
export const rarity = (documents: number, having: number): number =>
  Math.log(1 + (documents - having + 0.5) / (having + 0.5));

/** What a word's weight is multiplied by, that comes `count` times in a text of `length` words; below k1 + 1. */
export const saturation = (count: number, length: number, meanLength: number, { k1, b }: Bm25Options): number =>
  (count * (k1 + 1)) / (count + k1 * (1 - b + (b * length) / meanLength));
