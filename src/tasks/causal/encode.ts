// Rows of tokens in a batch's slot: the model's inputs, and behind them what the loss reads of the tokens that count.
// The logits that decide a token are those at the token before it, so labels are shifted here and nowhere else.

import { type EncodeRequest, type Encoder, SampleError, writerOf } from '../../data/encode.js';
import type { AxisLengths, Slot } from '../../data/slots.js';
import { measureTexts, openTokenizer, tokenAxis, writeTokens } from '../../data/text/encode.js';
import { TokenizerEnded } from '../../data/tokenizer/process.js';
import type { TextEncoding } from '../../data/tokenizer/protocol.js';
import { type CountedRow, countedAxis, countedLength, writeCounted } from '../counted-tokens.js';
import { writePositions } from './decoder-inputs.js';
import { areMade, madeRow } from './row-table.js';
import { type CausalRow, cannotRead, type RowOptions, readRows } from './rows.js';

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
    const tokens = measured.axes[tokenAxis]!;
    const counted = rows.map((row, b): CountedRow => {
      const which = [...row.ids.keys()].filter((i) => i > 0 && row.counted[i]);
      const [weight, bytes] = [request.weights[b]!, row.bytes];
      return { places: which.map((i) => i - 1), ids: which.map((i) => row.ids[i]!), weight, bytes };
    });
    const axes = {
      ...measured.axes,
      ...(!encoding.rows.open && { [countedAxis]: countedLength(tokens, slot.batchSize, counted) }),
    };
    writeTokens(slot, axes, encoded, { padId, padLeft: false });
    const places = rows.map((row) => row.places ?? row.ids.map((_, i) => i));
    writePositions(slot, axes, places);
    writeSamples(slot, axes, places);
    if (encoding.rows.open) return { ...measured, weights: { normaliser: 0 } };
    const normaliser = writeCounted(slot, axes, counted, tokens);
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
