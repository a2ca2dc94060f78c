// METEOR as NLTK computes it: words that are the same, then those of the same stem, then synonyms are matched, the last
// free one first; F of precision and recall, less a penalty for matches that are not in a row. Sources: Lavie and
// Agarwal 2007; https://www.nltk.org/api/nltk.translate.meteor_score.html (α 0.9, β 3, γ 0.5).

import { porterStem } from './porter.js';
import type { WordNet } from './wordnet.js';

const [alpha, beta, gamma] = [0.9, 3, 0.5];

/**
 * Of one text as words, with the reference that is best for it; 0 to 1.
 * @param wordnet absent: no synonyms
 */
export function meteor(
  words: readonly string[],
  references: readonly (readonly string[])[],
  wordnet?: WordNet,
): number {
  const text = lower(words);
  return Math.max(...references.map((reference) => ofReference(text, lower(reference), wordnet)));
}

const lower = (words: readonly string[]): string[] => words.map((word) => word.toLowerCase());

function ofReference(words: readonly string[], reference: readonly string[], wordnet: WordNet | undefined): number {
  const matches = align(words, reference, wordnet);
  const count = matches.filter((place) => place !== undefined).length;
  if (count === 0) return 0;
  const [precision, recall] = [count / words.length, count / reference.length];
  const mean = (precision * recall) / (alpha * precision + (1 - alpha) * recall);
  // A chunk: matches in a row in both.
  const chunks = matches.filter((place, i) => place !== undefined && (i === 0 || matches[i - 1] !== place - 1)).length;
  return mean * (1 - gamma * (chunks / count) ** beta);
}

/** For each word its place in the reference; undefined where it has none. */
function align(words: readonly string[], reference: readonly string[], wordnet?: WordNet): (number | undefined)[] {
  const matches = new Array<number | undefined>(words.length).fill(undefined);
  const taken = new Set<number>();
  const stage = (form: (word: string) => string, alike: (form: string) => Iterable<string>): void => {
    const free = new Map<string, number[]>();
    for (const [place, word] of reference.entries()) {
      if (taken.has(place)) continue;
      const key = form(word);
      free.set(key, [...(free.get(key) ?? []), place]);
    }
    for (let i = words.length - 1; i >= 0; i--) {
      if (matches[i] !== undefined) continue;
      const places = [...alike(form(words[i]!))].flatMap((one) => free.get(one)?.at(-1) ?? []);
      if (places.length === 0) continue;
      const place = Math.max(...places);
      free.get(form(reference[place]!))!.pop();
      matches[i] = place;
      taken.add(place);
    }
  };
  const only = (form: string): string[] => [form];
  stage((word) => word, only);
  stage(porterStem, only);
  // Of the stems, since NLTK goes on with them: words that are not stems of themselves have no synonyms there.
  if (wordnet) stage(porterStem, (stem) => wordnet.synonyms(stem));
  return matches;
}
