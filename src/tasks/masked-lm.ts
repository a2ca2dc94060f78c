// Masked language modelling: find the tokens that were masked. The loss is the weighted sum of the cross-entropy over
// the masked places alone, divided by a normaliser that the host supplies (the number of them in the accumulated step),
// and the output projection is computed for these places alone. With next sentences, the loss of telling whether the second
// text follows the first is added. Source: Devlin et al., BERT (2018), 3.1.

import { targetCount } from '../data/masking.js';
import { ModelError } from '../errors.js';
import { narrow } from '../lower/gather-tokens.js';
import { type Builder, float } from '../onnx/builder.js';
import type { Value } from '../onnx/graph.js';
import { taskInput } from './inputs.js';

/** Name of the output that tells whether the second text follows: [B, 2], as in the transformers library. */
export const pairOutput = 'seq_relationship_logits';

export interface MaskedLoss {
  /** Scalar float32: the sum of both means where there are two. */
  loss: Value;
  /** masked_positions, labels int64 [M], sample_weights float32 [M], normaliser float32 []; for pairs likewise. */
  inputs: Value[];
  /** What an evaluation reads: sums are over the batch. */
  results: MaskedResults;
}

export interface MaskedResults {
  /** Σ weight · cross-entropy / normaliser, of the masked places alone: float32 []. */
  maskedLoss: Value;
  /** The likeliest token of each place: int64 [M]. */
  predictions: Value;
  /** The same of the pairs: float32 [], int64 [B]. */
  pairLoss?: Value;
  pairPredictions?: Value;
}

/**
 * Adds the loss over `logits` [B, T, V] to a static graph.
 * @param probability of a token to be masked, which gives the places M of the batch
 * @param pairs logits [B, 2] of the next sentences, where they count
 * @throws ModelError when the logits have another rank
 */
export function addMaskedLoss(
  b: Builder,
  logits: Value,
  { probability, pairs }: { probability: number; pairs?: Value | undefined },
): MaskedLoss {
  const shape = b.shape(logits);
  if (shape.length !== 3)
    throw new ModelError(
      `Masked-LM takes logits of shape [batch, sequence, vocabulary]; output '${logits}' has rank ${shape.length}. ` +
        'Export the model without its head (feature extraction) or with its language-model head (fill-mask).',
    );
  const [batch, length] = shape as [number, number, number];
  const targets = batch * targetCount(length, probability);
  const positions = taskInput(b, 'masked_positions', 'int64', [targets]);
  const masked = meanCrossEntropy(b, narrow(b, logits, positions), '');
  const results: MaskedResults = { maskedLoss: masked.loss, predictions: masked.predictions };
  if (pairs === undefined) return { loss: masked.loss, inputs: [positions, ...masked.inputs], results };
  const pair = meanCrossEntropy(b, pairs, 'pair_');
  return {
    loss: b.op('Add', [masked.loss, pair.loss], {}, { name: 'sum_loss' }),
    inputs: [positions, ...masked.inputs, ...pair.inputs],
    results: { ...results, pairLoss: pair.loss, pairPredictions: pair.predictions },
  };
}

function meanCrossEntropy(b: Builder, logits: Value, prefix: '' | 'pair_') {
  const rows = b.shape(logits)[0]!;
  const labels = taskInput(b, `${prefix}labels`, 'int64', [rows]);
  const weights = taskInput(b, `${prefix || 'sample_'}weights`, 'float32', [rows]);
  const normaliser = taskInput(b, `${prefix}normaliser`, 'float32', []);
  const float32 = b.type(logits).dtype === 'float32' ? logits : b.op('Cast', [logits], { to: 1 });
  const attrs = { ignore_index: -100, label_smoothing: float(0) };
  const [sum] = b.ops('CrossEntropy', [float32, labels, weights], attrs, {
    domain: 'ortune',
    outputs: 2,
    name: 'loss',
  });
  return {
    loss: b.op('Div', [sum!, normaliser], {}, { name: 'mean_loss' }),
    predictions: b.op('ArgMax', [float32], { axis: 1, keepdims: 0 }, { name: 'predictions' }),
    inputs: [labels, weights, normaliser],
  };
}
