// Pairs of texts in a batch's slot: the tokens of the source for the encoder; those of the target one to the right for
// the decoder, behind the token that it starts with; and the target as labels. As transformers' shift_tokens_right has
// it: a place that only fills up is padding for the decoder and weighs nothing in the loss.

import { ofKind, textAt } from '../../data/columns.js';
import { type EncodeRequest, type Encoder, SampleError, writerOf } from '../../data/encode.js';
import { bucketFor, type Slot } from '../../data/slots.js';
import { encodeRows, measureTexts, openTokenizer, writeTokens } from '../../data/text/encode.js';
import type { AroundTexts, TextEncoding } from '../../data/tokenizer/protocol.js';

/** Axis of the tokens of a target. */
export const targetAxis = 'targets';
export const decoderInput = 'decoder_input_ids';

/** What the decoder and the loss read of the targets. */
export const targetFields = [
  { name: decoderInput, dtype: 'int64', shape: ['batch', targetAxis] },
  { name: 'target_positions', dtype: 'int64', shape: [`batch*${targetAxis}`] },
  { name: 'labels', dtype: 'int64', shape: [`batch*${targetAxis}`] },
  { name: 'sample_weights', dtype: 'float32', shape: [`batch*${targetAxis}`] },
  { name: 'text_bytes', dtype: 'float32', shape: ['batch'] },
] as const;

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
    const axes = { ...measured.axes, [targetAxis]: bucketFor(slot.layout.axes[targetAxis]!, longest) };
    writeTokens(slot, axes, rows, sources);
    const normaliser = writeTargets(
      slot,
      axes,
      labels.map(({ ids }) => ids),
      { start, pad, weights: request.weights, bytes: written.map((text) => Buffer.byteLength(text)) },
    );
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

interface Targets {
  start: number;
  pad: number;
  weights: ArrayLike<number>;
  bytes: readonly number[];
}

/** Writes what decoder and loss read; gives the sum of the weights. */
function writeTargets(
  slot: Slot,
  axes: Readonly<Record<string, number>>,
  rows: readonly (readonly number[])[],
  { start, pad, weights, bytes }: Targets,
): number {
  const [inputs, positions, labels, sampleWeights, sizes] = targetFields.map(({ name }) => writerOf(slot, name, axes)!);
  inputs!.fill(pad);
  for (const out of [positions!, labels!, sampleWeights!, sizes!]) out.fill(0);
  const length = axes[targetAxis]!;
  for (let b = 0; b < slot.batchSize; b++) inputs!.set(b * length, start);
  let [at, sum] = [0, 0];
  for (const [b, ids] of rows.entries()) {
    for (const [i, id] of ids.entries()) {
      if (i + 1 < length) inputs!.set(b * length + i + 1, id);
      positions!.set(at, b * length + i);
      labels!.set(at, id);
      sampleWeights!.set(at++, weights[b]!);
      sum += weights[b]!;
    }
    sizes!.set(b, bytes[b]! * weights[b]!);
  }
  return sum;
}
