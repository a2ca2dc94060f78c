// Okapi BM25, the plain baseline of search: how many words of a query a document has, rare ones counting more, long
// documents less (k1 1.2, b 0.75). Robertson and Zaragoza, The Probabilistic Relevance Framework (2009).

import { wordsOf } from './words.mjs';

/**
 * @param {readonly string[]} documents
 * @returns {(query: string) => Map<number, number>} the scores of all documents that have a word of the query
 */
export function bm25(documents, { k1 = 1.2, b = 0.75 } = {}) {
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
      const rarity = Math.log(1 + (documents.length - found.length + 0.5) / (found.length + 0.5));
      for (const { document, count } of found) {
        const share = (count * (k1 + 1)) / (count + k1 * (1 - b + (b * lengths[document]) / mean));
        scores.set(document, (scores.get(document) ?? 0) + rarity * share);
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
