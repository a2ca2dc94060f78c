// How a saved masked language model does on a batch, from the logits of all tokens that its file gives: a few rows at a
// time, since a batch's would be hundreds of megabytes.

import { types } from 'node:util';
import { ModelError } from '../errors.js';
import { crossEntropy } from '../metrics/cross-entropy.js';
import type { TensorView } from '../runtime/session.js';
import type { TextHead } from './masked-parts.js';
import { asLogits } from './reading.js';
import type { MeasuredBatch, Results, SavedRun } from './task.js';

/** Most logits of one run. */
const mostLogits = 2 ** 24;

/** A row range of a view whose first axis is the batch. */
function rowsOf({ dtype, shape, data }: TensorView, first: number, count: number): TensorView {
  const perRow = data.length / shape[0]!;
  return { dtype, shape: [count, ...shape.slice(1)], data: data.subarray(first * perRow, (first + count) * perRow) };
}

/**
 * The outputs for a few rows of a batch at a time, the logits first. @throws ModelError where these are none of tokens
 */
export async function* runInParts(
  { run, path, inputs: names, outputs, batch }: SavedRun,
  inputs: MeasuredBatch['inputs'],
  wanted: readonly string[],
): AsyncGenerator<{ first: number; count: number; found: Results }, void, void> {
  const [logits] = wanted as [string];
  const [rows, length] = inputs.get(names[0]!)!.shape as [number, number];
  const vocabulary = outputs.find(({ name }) => name === logits)?.shape?.[2];
  const few = typeof vocabulary === 'number' ? Math.max(1, Math.floor(mostLogits / (length * vocabulary))) : 1;
  const step = batch ?? few;
  for (let first = 0; first < rows; first += step) {
    const count = Math.min(step, rows - first);
    const found = await run(new Map(names.map((name) => [name, rowsOf(inputs.get(name)!, first, count)])), wanted);
    if (found[logits]!.shape.length !== 3)
      throw new ModelError(
        `${path}: output '${logits}' is not of shape [batch, sequence, vocabulary]; is this a masked language model?`,
      );
    yield { first, count, found };
  }
}

/** What the training graph would give: sums of losses, and the likeliest of each masked place and of each text. */
export async function maskedResults(saved: SavedRun, { inputs }: MeasuredBatch, head?: TextHead): Promise<Results> {
  const { path, inputs: names, main, outputs } = saved;
  const { name: logits, activation } = main();
  const numbers = (name: string) => inputs.get(name)?.data as ArrayLike<number | bigint> | undefined;
  const [positions, labels, weights] = ['masked_positions', 'labels', 'sample_weights'].map((name) => numbers(name)!);
  const wanted = head ? [logits, head.output] : [logits];
  if (head && !wanted.every((name) => outputs.some((output) => output.name === name)))
    throw new ModelError(`${path}: there is no output '${head.output}', so ${head.lacks}`);
  const [rows, length] = inputs.get(names[0]!)!.shape as [number, number];
  const places = positions!.length / rows;
  const predictions = new Int32Array(positions!.length);
  const ofTexts = head && { labels: numbers(head.labels)!, weights: numbers(head.weights)! };
  const textPredictions = new Int32Array(rows);
  let [loss, textLoss] = [0, 0];
  for await (const { first, count, found } of runInParts(saved, inputs, wanted)) {
    const { shape } = found[logits]!;
    const data = asLogits(found[logits]!, activation, true);
    const words = shape[2]!;
    for (let i = first * places; i < (first + count) * places; i++) {
      const weight = Number(weights![i]);
      if (weight === 0) continue;
      const from = (Number(positions![i]) - first * length) * words;
      const { loss: one, prediction } = crossEntropy(data, from, words, Number(labels![i]));
      loss += weight * one;
      predictions[i] = prediction;
    }
    for (let row = first; ofTexts && row < first + count; row++) {
      const { data: scores, shape: of } = found[head.output]!;
      const from = of[1]! * (row - first);
      const { loss: one, prediction } = crossEntropy(scores as Float32Array, from, of[1]!, Number(ofTexts.labels[row]));
      textLoss += Number(ofTexts.weights[row]) * one;
      textPredictions[row] = prediction;
    }
  }
  return {
    maskedLoss: numbersView(Float64Array.of(loss)),
    predictions: numbersView(predictions),
    ...(head && {
      [head.loss]: numbersView(Float64Array.of(textLoss)),
      [head.predictions]: numbersView(textPredictions),
    }),
  };
}

const numbersView = (data: Float64Array | Int32Array): TensorView => ({
  dtype: types.isInt32Array(data) ? 'int32' : 'float64',
  shape: [data.length],
  data: data as Int32Array,
});
