// Texts as counts of their words: how far these alone get is the baseline of a text classifier that has been trained
// for minutes. Tf-idf (1 + log count, times log of inverse document frequency), each text of length 1.

import type { UnitVector } from './logistic-regression.js';

const wordsOf = (text: string): string[] => text.toLowerCase().match(/[\p{L}\p{N}$!']+/gu) ?? [];

export interface WordVectors {
  /** Words there are. */
  size: number;
  /** Words that are not among them are left out. */
  of(text: string): UnitVector;
}

/** Vectors over the words of these texts, with the rarity that the words have in them. */
export function wordVectors(texts: readonly string[]): WordVectors {
  const places = new Map<string, number>();
  const counts: number[] = [];
  for (const text of texts)
    for (const word of new Set(wordsOf(text))) {
      const place = places.get(word) ?? places.size;
      places.set(word, place);
      counts[place] = (counts[place] ?? 0) + 1;
    }
  const rarity = counts.map((count) => Math.log((1 + texts.length) / (1 + count)) + 1);
  return { size: rarity.length, of: (text) => vectorOf(text, places, rarity) };
}

function vectorOf(text: string, places: ReadonlyMap<string, number>, rarity: readonly number[]): UnitVector {
  const counts = new Map<number, number>();
  for (const word of wordsOf(text)) {
    const place = places.get(word);
    if (place !== undefined) counts.set(place, (counts.get(place) ?? 0) + 1);
  }
  const at = Uint32Array.from(counts.keys());
  const values = Float64Array.from(counts, ([place, count]) => (1 + Math.log(count)) * rarity[place]!);
  const length = Math.hypot(...values) || 1;
  return { at, values: values.map((value) => value / length) };
}
