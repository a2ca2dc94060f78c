// Rows of tokens in a batch's slot: the model's inputs, and behind them what the loss reads of the tokens that count.
// The logits that decide a token are those at the token before it, so labels are shifted here and nowhere else.

import { type EncodeRequest, type Encoder, SampleError, writerOf } from '../../data/encode.js';
import type { Axis, AxisLengths, Slot } from '../../data/slots.js';
import { measureTexts, openTokenizer, tokenAxis, writeTokens } from '../../data/text/encode.js';
import { TokenizerEnded } from '../../data/tokenizer/process.js';
import type { TextEncoding } from '../../data/tokenizer/protocol.js';
import { writePositions } from './decoder-inputs.js';
import { areMade, madeRow } from './row-table.js';
import { type CausalRow, cannotRead, type RowOptions, readRows } from './rows.js';

/** Axis of the tokens that count, an average over the rows of a batch: a few forms for each length of the rows. */
export const targetAxis = 'targets';

/** All tokens of rows of a length, and fewer: logits are computed for no more tokens than these. */
const targetCounts = (length: number): number[] => [Math.ceil(length / 8), Math.ceil(length / 3), length];

/** The axis for rows of these lengths. */
export const targetsOf = (lengths: readonly number[]): Axis => ({
  buckets: [...new Set(lengths.flatMap(targetCounts))].sort((a, b) => a - b),
});

/** Fields of the loss, and the bytes of each row's text, which its meter reads. */
export const targetFields = [
  { name: 'target_positions', dtype: 'int64', shape: ['batch*targets'] },
  { name: 'labels', dtype: 'int64', shape: ['batch*targets'] },
  { name: 'sample_weights', dtype: 'float32', shape: ['batch*targets'] },
  { name: 'text_bytes', dtype: 'float32', shape: ['batch'] },
] as const;

/** Which sample of its row each token is of, for masks that keep samples apart. */
export const sampleField = { name: 'sample_of_token', dtype: 'int64', shape: ['batch', tokenAxis] } as const;

export type CausalEncoding = TextEncoding & { rows: RowOptions };

export async function causalEncoder(encoding: CausalEncoding): Promise<Encoder> {
  const { process, padId } = await openTokenizer(encoding);
  const made = async ({ slices, samples }: EncodeRequest): Promise<CausalRow[]> => {
    if (areMade(slices)) return Array.from(samples, (_, row) => madeRow(slices, row));
    const found = await readRows(process, slices, [...samples.keys()], encoding.rows).catch((error) => {
      if (error instanceof TokenizerEnded)
        throw new SampleError(error.item ?? 0, cannotRead(encoding.rows, error.message));
      throw error;
    });
    return found.map((row, i) => {
      if ('error' in row) throw new SampleError(i, cannotRead(encoding.rows, row.error));
      return row.ids.length > 0 ? row : { ...row, ids: [padId], counted: [false] };
    });
  };
  return async (request, slot) => {
    const rows = await made(request);
    const encoded = rows.map((row) => ({ ...row, types: row.ids.map(() => 0) }));
    const measured = measureTexts(slot, encoded);
    const counted = rows.reduce((sum, row) => sum + row.counted.filter(Boolean).length, 0);
    const tokens = measured.axes[tokenAxis]!;
    const targets = targetCounts(tokens).find((count) => count * slot.batchSize >= counted)!;
    const axes = { ...measured.axes, ...(encoding.rows.open ? {} : { [targetAxis]: targets }) };
    writeTokens(slot, axes, encoded, { padId, padLeft: false });
    const places = rows.map((row) => row.places ?? row.ids.map((_, i) => i));
    writePositions(slot, axes, places);
    writeSamples(slot, axes, places);
    if (encoding.rows.open) return { ...measured, weights: { normaliser: 0 } };
    const normaliser = writeTargets(slot, axes, rows, request.weights);
    if (normaliser === 0)
      throw new SampleError(
        0,
        'no token of this text, nor of the others in its batch, counts: there is nothing to learn. Take such samples out of the data, or do not stream them: they are left out then',
      );
    return { ...measured, axes, weights: { normaliser } };
  };
}

/** Padding is of the last sample of its row: no token before it sees it, and it sees tokens itself. */
function writeSamples(slot: Slot, axes: AxisLengths, places: readonly (readonly number[])[]): void {
  const out = writerOf(slot, sampleField.name, axes);
  if (!out) return;
  const length = axes[tokenAxis]!;
  for (let b = 0; b < slot.batchSize; b++) {
    const of = places[b] ?? [];
    let sample = 0;
    for (let i = 0; i < length; i++) {
      if (i > 0 && of[i] === 0) sample++;
      out.set(b * length + i, sample);
    }
  }
}

/** Writes what the loss reads; gives the sum of the weights. */
function writeTargets(
  slot: Slot,
  axes: Readonly<Record<string, number>>,
  rows: readonly CausalRow[],
  weights: ArrayLike<number>,
): number {
  const [positions, labels, sampleWeights, bytes] = targetFields.map(({ name }) => writerOf(slot, name, axes)!);
  for (const out of [positions!, labels!, sampleWeights!, bytes!]) out.fill(0);
  let [at, sum] = [0, 0];
  for (const [b, { ids, counted, bytes: size }] of rows.entries()) {
    const weight = weights[b]!;
    for (let i = 1; i < ids.length; i++) {
      if (!counted[i]) continue;
      positions!.set(at, b * axes[tokenAxis]! + i - 1);
      labels!.set(at, ids[i]!);
      sampleWeights!.set(at++, weight);
      sum += weight;
    }
    bytes!.set(b, size * weight);
  }
  return sum;
}
