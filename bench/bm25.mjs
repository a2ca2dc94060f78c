// BM25 as the plain baseline of search: the scores of all documents of a small collection for a query, by the formula
// that `ortune retrieve` chooses texts by.

import { rarity, saturation, usualBm25, wordsOf } from '../dist/data/retrieve/bm25.js';

/**
 * @param {readonly string[]} documents
 * @returns {(query: string) => Map<number, number>} the scores of all documents that have a word of the query
 */
export function bm25(documents) {
  const postings = new Map();
  const lengths = documents.map((text, document) => {
    const counts = new Map();
    const words = wordsOf(text);
    for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
    for (const [word, count] of counts) {
      if (!postings.has(word)) postings.set(word, []);
      postings.get(word).push({ document, count });
    }
    return words.length;
  });
  const mean = lengths.reduce((sum, length) => sum + length, 0) / documents.length;
  return (query) => {
    const scores = new Map();
    for (const word of new Set(wordsOf(query))) {
      const found = postings.get(word) ?? [];
      const weight = rarity(documents.length, found.length);
      for (const { document, count } of found) {
        const score = weight * saturation(count, lengths[document], mean, usualBm25);
        scores.set(document, (scores.get(document) ?? 0) + score);
      }
    }
    return scores;
  };
}

/** The documents of the `most` highest scores, the highest first. */
export const best = (scores, most) =>
  [...scores]
    .sort(([x, a], [y, c]) => c - a || x - y)
    .slice(0, most)
    .map(([document]) => document);
