// Which tokens of a row a masked language model has to find, and what stands in their place: a function of (seed,
// epoch, sample), so every epoch masks anew and neither the number of workers nor a resumed run changes anything.
// Source: Devlin et al., BERT (2018), 3.1 and its reference code: of a row's tokens the share `probability` is chosen,
// whole words together with `wholeWords`; of these 80 % become the mask token, 10 % a random one, 10 % remain.

import type { MaskVocabulary } from '../data/tokenizer/encoded.js';
import { hash, uniform } from '../random.js';

export interface Masking {
  /** Share of the tokens to find, special ones not counted. */
  probability: number;
  /** All tokens of a word or none. */
  wholeWords: boolean;
  /** Half of the rows get the second text of another row of their batch, and the model classifies which. */
  nextSentence: boolean;
}

/** What makes the masks of one row differ from any other's. */
export interface MaskKey {
  seed: number;
  epoch: number;
  sample: number;
}

/** Tokens to find in a row of `tokens` ordinary ones: at least 1. */
export const targetCount = (tokens: number, probability: number): number =>
  Math.max(1, Math.round(tokens * probability));

// Streams of the generator.
const rowStream = 0x6d61736b;
const pairStream = 0x70616972;
const [choice, fate, replacement] = [0, 1, 2];

/**
 * Masks a row in place.
 * @returns the positions to find, ascending, and the ids that stood there
 */
export function maskRow(
  ids: number[],
  { probability, wholeWords }: Masking,
  vocabulary: MaskVocabulary,
  { seed, epoch, sample }: MaskKey,
): { positions: number[]; labels: number[] } {
  const key = hash(hash(seed, rowStream, epoch), rowStream, sample);
  const words = wordsOf(ids, vocabulary, wholeWords);
  const tokens = words.reduce((sum, word) => sum + word.length, 0);
  const positions = tokens === 0 ? [] : chosen(words, targetCount(tokens, probability), key);
  const labels = positions.map((position) => ids[position]!);
  const { ordinary, maskId } = vocabulary;
  for (const position of positions) {
    const part = uniform(key, fate, position);
    if (part < 0.8) ids[position] = maskId;
    else if (part < 0.9) ids[position] = ordinary[Math.floor(uniform(key, replacement, position) * ordinary.length)]!;
  }
  return { positions, labels };
}

/** The ordinary tokens, as positions of one word each. */
function wordsOf(ids: readonly number[], { special, continues }: MaskVocabulary, wholeWords: boolean): number[][] {
  const words: number[][] = [];
  for (const [position, id] of ids.entries()) {
    if (special.has(id)) continue;
    const last = words.at(-1);
    if (wholeWords && last && last.at(-1) === position - 1 && continues(id)) last.push(position);
    else words.push([position]);
  }
  return words;
}

/** Words in the order of their hashes, as long as they fit; at least one, cut where it alone is too long. */
function chosen(words: readonly number[][], count: number, key: number): number[] {
  const order = words.map((word) => ({ word, at: hash(key, choice, word[0]!) })).sort((a, b) => a.at - b.at);
  const positions: number[] = [];
  for (const { word } of order) {
    if (positions.length === count) break;
    if (positions.length + word.length <= count) positions.push(...word);
  }
  if (positions.length === 0) positions.push(...order[0]!.word.slice(0, count));
  return positions.sort((a, b) => a - b);
}

/**
 * For each row the row whose second text it gets: its own in half of the cases, and where the batch has no other. A
 * function of seed, epoch, and the batch.
 */
export function pairedRows(samples: ArrayLike<number>, { seed, epoch }: Omit<MaskKey, 'sample'>): number[] {
  const rows = samples.length;
  return Array.from(samples, (sample, row) => {
    const key = hash(hash(seed, pairStream, epoch), pairStream, sample);
    if (rows < 2 || uniform(key, choice, 0) < 0.5) return row;
    return (row + 1 + Math.floor(uniform(key, replacement, 0) * (rows - 1))) % rows;
  });
}
