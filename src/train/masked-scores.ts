// How a saved masked language model does on a batch, from the logits of all tokens that its file gives: a few rows at a
// time, since a batch's would be hundreds of megabytes.

import type { EngineBatch } from '../engine/engine.js';
import { crossEntropy } from '../metrics/cross-entropy.js';
import type { MaskedScores } from '../metrics/masked-lm.js';
import type { TensorView } from '../runtime/session.js';

/** Most logits of one run. */
const mostLogits = 2 ** 24;

export interface Forward {
  /** Where the file states it. */
  vocabulary: number | undefined;
  /** Logits [rows, length, vocabulary] and, where the model has them, of the pairs [rows, 2]. */
  run(
    inputs: ReadonlyMap<string, TensorView>,
  ): Promise<{ logits: Float32Array; vocabulary: number; pairs?: Float32Array | undefined }>;
}

/** A row range of a view whose first axis is the batch. */
function rowsOf({ dtype, shape, data }: TensorView, first: number, count: number): TensorView {
  const perRow = data.length / shape[0]!;
  return { dtype, shape: [count, ...shape.slice(1)], data: data.subarray(first * perRow, (first + count) * perRow) };
}

export async function maskedScores(
  { vocabulary, run }: Forward,
  { inputs }: EngineBatch,
  names: readonly string[],
): Promise<MaskedScores> {
  const numbers = (name: string) => inputs.get(name)?.data as ArrayLike<number | bigint> | undefined;
  const [positions, labels, weights] = ['masked_positions', 'labels', 'sample_weights'].map((name) => numbers(name)!);
  const [pairLabels, pairWeights] = [numbers('pair_labels'), numbers('pair_weights')];
  const [rows, length] = inputs.get(names[0]!)!.shape as [number, number];
  const places = positions!.length / rows;
  const step = vocabulary === undefined ? 1 : Math.max(1, Math.floor(mostLogits / (length * vocabulary)));
  const predictions = new Int32Array(positions!.length);
  const pairs = pairLabels && { loss: 0, predictions: new Int32Array(rows) };
  let loss = 0;
  for (let first = 0; first < rows; first += step) {
    const count = Math.min(step, rows - first);
    const given = new Map(names.map((name) => [name, rowsOf(inputs.get(name)!, first, count)]));
    const out = await run(given);
    for (let i = first * places; i < (first + count) * places; i++) {
      const weight = Number(weights![i]);
      if (weight === 0) continue;
      const from = (Number(positions![i]) - first * length) * out.vocabulary;
      const found = crossEntropy(out.logits, from, out.vocabulary, Number(labels![i]));
      loss += weight * found.loss;
      predictions[i] = found.prediction;
    }
    for (let row = first; pairs && out.pairs && row < first + count; row++) {
      const found = crossEntropy(out.pairs, 2 * (row - first), 2, Number(pairLabels![row]));
      pairs.loss += Number(pairWeights![row]) * found.loss;
      pairs.predictions[row] = found.prediction;
    }
  }
  return { loss, predictions, ...(pairs && { pairs }) };
}
