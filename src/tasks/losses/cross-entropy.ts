// Cross-entropy of rows of logits with a class each: the one operator that classes, tokens, places of answers and
// candidates are learnt by.

import { type Builder, float } from '../../onnx/builder.js';
import type { Value } from '../../onnx/graph.js';
import { Tensor } from '../../onnx/tensor.js';

export interface CrossEntropyOptions {
  /** Share of each target that is spread over all classes; default 0. */
  labelSmoothing?: number | undefined;
  /** One weight per class; default all 1. */
  classWeights?: readonly number[] | undefined;
}

/**
 * Σ weight · cross-entropy of logits [N, C] with labels int64 [N] and weights [N]; a label of -100 leaves a row out.
 */
export function summedCrossEntropy(
  b: Builder,
  logits: Value,
  labels: Value,
  weights: Value,
  { labelSmoothing = 0, classWeights }: CrossEntropyOptions = {},
): Value {
  const perClass = classWeights ? [b.constant(Tensor.of('float32', classWeights), 'class_weights')] : [];
  const attrs = { ignore_index: -100, label_smoothing: float(labelSmoothing) };
  const options = { domain: 'ortune', outputs: 2, name: 'loss' };
  return b.ops('CrossEntropy', [logits, labels, weights, ...perClass], attrs, options)[0]!;
}
