// Text classification: one label per text. The loss is the weighted sum of the cross-entropy divided by a normaliser
// that the host supplies, the sum of all weights of the accumulated step: so neither fill-up rows nor gradient
// accumulation over uneven micro-batches change what is minimised.

import { ModelError, UsageError } from '../errors.js';
import { type Builder, float } from '../onnx/builder.js';
import type { Value } from '../onnx/graph.js';
import { Tensor } from '../onnx/tensor.js';
import { taskInput } from './inputs.js';

export interface LossOptions {
  /** Share of each target that is spread over all classes; default 0. */
  labelSmoothing?: number | undefined;
  /** One weight per class; default all 1. The normaliser does not know of them. */
  classWeights?: readonly number[] | undefined;
}

export interface TaskLoss {
  /** Scalar float32. */
  loss: Value;
  /** Graph inputs to feed: labels int64 [B], sample_weights float32 [B], normaliser float32 []. */
  inputs: Value[];
}

/**
 * Adds the loss over `logits` [B, C] to a static graph.
 * @throws ModelError when the logits have another rank; UsageError for the wrong number of class weights.
 */
export function attachLoss(b: Builder, logits: Value, options: LossOptions = {}): TaskLoss {
  const { labelSmoothing = 0, classWeights } = options;
  const shape = b.shape(logits);
  if (shape.length !== 2)
    throw new ModelError(
      `Text classification takes logits of shape [batch, classes]; output '${logits}' has rank ${shape.length}. ` +
        'Export the model without its head (feature extraction) or for sequence classification.',
    );
  const [batch, classes] = shape as [number, number];
  if (classWeights && classWeights.length !== classes)
    throw new UsageError(`class weights: expected one for each of ${classes} classes, found ${classWeights.length}`);
  const labels = taskInput(b, 'labels', 'int64', [batch]);
  const weights = taskInput(b, 'sample_weights', 'float32', [batch]);
  const normaliser = taskInput(b, 'normaliser', 'float32', []);
  const float32 = b.type(logits).dtype === 'float32' ? logits : b.op('Cast', [logits], { to: 1 });
  const perClass = classWeights ? b.constant(Tensor.of('float32', classWeights), 'class_weights') : '';
  const [sum] = b.ops(
    'CrossEntropy',
    [float32, labels, weights, perClass],
    { ignore_index: -100, label_smoothing: float(labelSmoothing) },
    { domain: 'ortune', outputs: 2, name: 'loss' },
  );
  return { loss: b.op('Div', [sum!, normaliser], {}, { name: 'mean_loss' }), inputs: [labels, weights, normaliser] };
}
