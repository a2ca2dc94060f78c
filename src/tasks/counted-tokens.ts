// The tokens of a batch that count, one behind the other: what the loss of language models reads (token-loss.ts).
// Logits are computed for no more tokens than there is room for here, so there are a few sizes for each length.

import { writerOf } from '../data/encode.js';
import type { Axis, AxisLengths, Slot } from '../data/slots.js';

/** Axis of the tokens that count, an average over the rows of a batch. */
export const countedAxis = 'counted';

/** All tokens of rows of a length, and fewer. */
const sizes = (length: number): number[] => [1 / 8, 1 / 3, 2 / 3, 1].map((share) => Math.ceil(share * length));

/** The axis for rows of these lengths. */
export const countedAxisOf = (lengths: readonly number[]): Axis => ({
  buckets: [...new Set(lengths.flatMap(sizes))].sort((a, b) => a - b),
});

/** Its length for a batch whose rows have `length` tokens. */
export function countedLength(length: number, batchSize: number, rows: readonly CountedRow[]): number {
  const counted = rows.reduce((sum, { ids }) => sum + ids.length, 0);
  return sizes(length).find((size) => size * batchSize >= counted)!;
}

/** Fields of the loss, and the bytes of each row's text, which its meter reads. */
export const countedFields = [
  { name: 'target_positions', dtype: 'int64', shape: [`batch*${countedAxis}`] },
  { name: 'labels', dtype: 'int64', shape: [`batch*${countedAxis}`] },
  { name: 'sample_weights', dtype: 'float32', shape: [`batch*${countedAxis}`] },
  { name: 'text_bytes', dtype: 'float32', shape: ['batch'] },
] as const;

export interface CountedRow {
  /** Of each token that counts: the place in its row whose logits decide it. */
  places: readonly number[];
  /** The tokens. */
  ids: readonly number[];
  weight: number;
  /** Of the text that they are, in UTF-8. */
  bytes: number;
}

/** Writes the fields for rows of `length` tokens; gives the sum of the weights. */
export function writeCounted(slot: Slot, axes: AxisLengths, rows: readonly CountedRow[], length: number): number {
  const [positions, labels, sampleWeights, bytes] = countedFields.map(({ name }) => writerOf(slot, name, axes)!);
  for (const out of [positions!, labels!, sampleWeights!, bytes!]) out.fill(0);
  let [at, sum] = [0, 0];
  for (const [b, { places, ids, weight, bytes: size }] of rows.entries()) {
    for (const [i, place] of places.entries()) {
      positions!.set(at, b * length + place);
      labels!.set(at, ids[i]!);
      sampleWeights!.set(at++, weight);
      sum += weight;
    }
    bytes!.set(b, size * weight);
  }
  return sum;
}
