// Pairs of texts in a batch's slot: the tokens of the source for the encoder; those of the target one to the right for
// the decoder, behind the token that it starts with; and the target as labels. As transformers' shift_tokens_right has
// it: a place that only fills up is padding for the decoder and weighs nothing in the loss.

import { ofKind, textAt } from '../../data/columns.js';
import { type EncodeRequest, type Encoder, SampleError, writerOf } from '../../data/encode.js';
import { type AxisLengths, bucketFor, type Slot } from '../../data/slots.js';
import { encodeRows, measureTexts, openTokenizer, writeTokens } from '../../data/text/encode.js';
import type { AroundTexts, TextEncoding } from '../../data/tokenizer/protocol.js';
import { type CountedRow, countedAxis, countedLength, writeCounted } from '../counted-tokens.js';

/** Axis of the tokens of a target. */
export const targetAxis = 'targets';
export const decoderInput = 'decoder_input_ids';

/** What the decoder reads of the targets. */
export const decoderField = { name: decoderInput, dtype: 'int64', shape: ['batch', targetAxis] } as const;

export interface SequenceEncoding {
  /** Of the sources, whose `maxLength` bounds them. */
  files: TextEncoding;
  /** Most tokens of a target, its end among them. */
  maxTargetLength: number;
  /** What goes before every source. */
  prefix: string;
  /** Special tokens around the texts, where these carry a token of their language; default those of the files. */
  around?: { source: AroundTexts; target: AroundTexts } | undefined;
  /** The token that the decoder starts with, and the one that fills up. */
  start: number;
  pad: number;
  /** Nothing of a target is written: predictions. */
  sourcesAlone?: boolean;
}

export async function sequenceEncoder({
  files,
  maxTargetLength,
  prefix,
  around,
  start,
  pad,
  sourcesAlone,
}: SequenceEncoding): Promise<Encoder> {
  const sources = await openTokenizer({ ...files, around: around?.source });
  const alike = maxTargetLength === files.maxLength && !around;
  const targets =
    alike || sourcesAlone
      ? sources
      : await openTokenizer({ ...files, maxLength: maxTargetLength, around: around?.target });
  return async (whole, slot) => {
    const read = textsOf(whole, 'text').map((text) => [prefix + text, ''] as const);
    const found = await encodeRows(sources, whole, read, 1);
    const { rows, request, bad } = found;
    const measured = measureTexts(slot, rows);
    if (sourcesAlone) {
      writeTokens(slot, measured.axes, rows, sources);
      return { ...measured, weights: { normaliser: 0 }, ...(bad && { bad }) };
    }
    const written = textsOf(request, 'target');
    const empty = written.findIndex((text) => text.trim() === '');
    if (empty >= 0)
      throw new SampleError(empty, 'the target text is empty: there is nothing to learn from it; remove the sample');
    const { rows: labels } = await encodeRows(
      targets,
      request,
      written.map((text) => [text, ''] as const),
      1,
    );
    const longest = Math.max(1, ...labels.map(({ ids }) => ids.length));
    const length = bucketFor(slot.layout.axes[targetAxis]!, longest);
    const answers = labels.map(({ ids }, b): CountedRow => {
      const [weight, bytes] = [request.weights[b]!, Buffer.byteLength(written[b]!)];
      return { places: [...ids.keys()], ids, weight, bytes };
    });
    const counted = countedLength(length, slot.batchSize, answers);
    const axes = { ...measured.axes, [targetAxis]: length, [countedAxis]: counted };
    writeTokens(slot, axes, rows, sources);
    writeDecoderInput(slot, axes, labels, { start, pad });
    const normaliser = writeCounted(slot, axes, answers, length);
    return {
      ...measured,
      axes,
      tokens: measured.tokens + labels.reduce((sum, { ids }) => sum + ids.length, 0),
      truncated: rows.filter((row, i) => row.truncated || labels[i]!.truncated).length,
      weights: { normaliser },
    };
  };
}

const textsOf = ({ samples, slices }: EncodeRequest, role: string): string[] =>
  Array.from(samples, (_, row) => textAt(ofKind(slices, role, 'text')!, row));

/** The targets one to the right, behind the token that the decoder starts with. */
function writeDecoderInput(
  slot: Slot,
  axes: AxisLengths,
  rows: readonly { ids: readonly number[] }[],
  { start, pad }: Pick<SequenceEncoding, 'start' | 'pad'>,
): void {
  const out = writerOf(slot, decoderInput, axes)!;
  const length = axes[targetAxis]!;
  out.fill(pad);
  for (let b = 0; b < slot.batchSize; b++) out.set(b * length, start);
  for (const [b, { ids }] of rows.entries())
    for (const [i, id] of ids.slice(0, length - 1).entries()) out.set(b * length + i + 1, id);
}
