// How a saved language model does on a batch, from the logits of all tokens that its file gives, a few rows at a time;
// and what it writes behind prompts.

import { crossEntropy } from '../../metrics/cross-entropy.js';
import type { TensorView } from '../../runtime/session.js';
import { runInParts } from '../masked-results.js';
import { asLogits } from '../reading.js';
import type { MeasuredBatch, Prediction, PredictTools, Results, SavedFiles, SavedRun } from '../task.js';
import { generate, type Writer } from './generate.js';

export interface WritingPrediction extends Prediction {
  /** What follows the prompt. */
  text: string;
  /** Whether the model ended it, or maxNewTokens did. */
  finished: boolean;
}

/** What the training graph would give: the sum of the losses, and the likeliest token of each place. */
export async function tokenResults(saved: SavedRun, { inputs }: MeasuredBatch): Promise<Results> {
  const { name, activation } = saved.main();
  const numbers = (field: string) => inputs.get(field)!.data as ArrayLike<number | bigint>;
  const [positions, labels, weights] = ['target_positions', 'labels', 'sample_weights'].map(numbers);
  const predictions = new Int32Array(positions!.length);
  let loss = 0;
  for await (const { first, count, found } of runInParts(saved, inputs, [name])) {
    const [, length, words] = found[name]!.shape as [number, number, number];
    const logits = asLogits(found[name]!, activation, true);
    for (let i = 0; i < positions!.length; i++) {
      const [at, weight] = [Number(positions![i]), Number(weights![i])];
      if (weight === 0 || at < first * length || at >= (first + count) * length) continue;
      const one = crossEntropy(logits, (at - first * length) * words, words, Number(labels![i]));
      loss += weight * one.loss;
      predictions[i] = one.prediction;
    }
  }
  return { tokenLoss: view('float64', Float64Array.of(loss)), predictions: view('int32', predictions) };
}

/**
 * What follows the prompts of a batch, or is written of its sources, of the first `rows` of them: tokens one behind the
 * other, how many each has, and whether it is finished.
 */
export function continued(
  saved: SavedFiles,
  { inputs, samples }: Pick<MeasuredBatch, 'inputs' | 'samples'>,
  maxNewTokens: number,
  writer: Writer = { kind: 'decoder' },
  rows = samples.length,
): Promise<Results> {
  return writtenBehind(saved, rowsOfTokens(inputs, rows), maxNewTokens, writer);
}

/** The tokens of the first rows, without those that fill up. */
export function rowsOfTokens(inputs: MeasuredBatch['inputs'], rows: number): number[][] {
  const [tokens, mask] = [inputs.get('input_ids')!, inputs.get('attention_mask')];
  const length = tokens.shape[1]!;
  return Array.from({ length: rows }, (_, row) =>
    Array.from({ length }, (_, i) => row * length + i)
      .filter((at) => !mask || Number(mask.data[at]) === 1)
      .map((at) => Number(tokens.data[at])),
  );
}

/** Of each prompt, in the form of results. @throws as generate */
export async function writtenBehind(
  saved: SavedFiles,
  prompts: readonly (readonly number[])[],
  maxNewTokens: number,
  writer: Writer,
): Promise<Results> {
  const found = await generate(saved, { ...writer, prompts, maxNewTokens, threads: saved.threads });
  return {
    ids: view('int32', Int32Array.from(found.flatMap(({ ids }) => ids))),
    counts: view(
      'int32',
      Int32Array.from(found, ({ ids }) => ids.length),
    ),
    finished: view(
      'int32',
      Int32Array.from(found, ({ finished }) => Number(finished)),
    ),
  };
}

/** As texts. */
export async function writtenTexts(
  results: Results,
  { samples }: MeasuredBatch,
  { decode }: PredictTools,
): Promise<WritingPrediction[]> {
  const texts = await decode(tokenRows(results, samples.length), true);
  return texts.map((text, row) => ({ text, finished: Number(results.finished!.data[row]) === 1 }));
}

/** The tokens that were written, a list for each row. */
export function tokenRows({ ids, counts }: Results, rows: number): number[][] {
  let at = 0;
  return Array.from({ length: rows }, (_, row) => {
    const from = at;
    at += Number(counts!.data[row]);
    return Array.from(ids!.data.subarray(from, at) as Int32Array);
  });
}

export const view = (dtype: 'int32' | 'float64', data: Int32Array | Float64Array): TensorView => ({
  dtype,
  shape: [data.length],
  data: data as Int32Array,
});
