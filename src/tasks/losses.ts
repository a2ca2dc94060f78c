// Classification, of texts and pictures alike. The loss is a weighted sum over the samples divided by a normaliser that
// the host supplies, the sum of all weights of the accumulated step: so neither fill-up rows nor gradient accumulation
// over uneven micro-batches change what is minimised. A target is a class, a probability for each class, for each label
// by itself how far it holds (multi-label), or scores (regression).

import type { TargetKind } from '../data/images/targets.js';
import type { Field } from '../data/slots.js';
import { ModelError, UsageError } from '../errors.js';
import { splitRows } from '../lower/row-chunks.js';
import type { Builder } from '../onnx/builder.js';
import type { Value } from '../onnx/graph.js';
import { Tensor } from '../onnx/tensor.js';
import { inFloat32, taskInput } from './inputs.js';
import { summedCrossEntropy } from './losses/cross-entropy.js';
import { tensorLosses, weighted } from './losses/named.js';
import { addOwnLoss, type OwnLossOptions } from './losses/own.js';
import type { TaskLoss } from './task.js';
import { addTeacher, type TeacherOptions } from './teacher.js';

/** Slot fields of the loss below: labels [batch], or [batch, classes], and the samples' weights. */
export const labelInputs = (targets: TargetKind, classes: number): Field[] => [
  targets === 'class'
    ? { name: 'labels', dtype: 'int64', shape: ['batch'] }
    : { name: 'labels', dtype: 'float32', shape: ['batch', classes] },
  { name: 'sample_weights', dtype: 'float32', shape: ['batch'] },
];

export interface LossOptions extends Pick<OwnLossOptions, 'loss'>, TeacherOptions {
  /** Default class. */
  targets?: TargetKind | undefined;
  /** Share of each target that is spread over all classes, or for multi-label over yes and no; default 0. */
  labelSmoothing?: number | undefined;
  /** One weight per class, where targets are classes; default all 1. The normaliser does not know of them. */
  classWeights?: readonly number[] | undefined;
  /** What a label that holds weighs, of each, where labels are; default all 1. PyTorch's pos_weight. */
  positiveWeights?: readonly number[] | undefined;
}

/**
 * Adds the loss over `logits` [B, C] to a static graph. Its inputs: labels int64 [B] or float32 [B, C], sample_weights
 * float32 [B], normaliser float32 []. An evaluation reads the logits, and where `loss` is the user's, its `losses`.
 * @throws ModelError when the logits have another rank; UsageError for the wrong number of class weights.
 */
export function addLoss(b: Builder, logits: Value, options: LossOptions = {}): TaskLoss {
  const { targets = 'class', labelSmoothing = 0, classWeights, positiveWeights, loss, teacher } = options;
  const shape = b.shape(logits);
  if (shape.length !== 2)
    throw new ModelError(
      `Classification takes logits of shape [batch, classes]; output '${logits}' has rank ${shape.length}. ` +
        'Export the model without its head (feature extraction) or for classification.',
    );
  const [batch, classes] = shape as [number, number];
  for (const weights of [classWeights, positiveWeights])
    if (weights && weights.length !== classes)
      throw new UsageError(`class weights: expected one for each of ${classes} classes, found ${weights.length}`);
  const byClass = targets === 'class';
  const labels = taskInput(b, 'labels', byClass ? 'int64' : 'float32', byClass ? [batch] : [batch, classes]);
  const weights = taskInput(b, 'sample_weights', 'float32', [batch]);
  const normaliser = taskInput(b, 'normaliser', 'float32', []);
  const float32 = inFloat32(b, logits);
  const losses = loss
    ? addOwnLoss(b, loss, float32, labels)
    : byClass
      ? undefined
      : rowLoss[targets](b, float32, smoothed(b, labels, targets, labelSmoothing), positiveWeights);
  const sum = losses
    ? weighted(b, losses, weights)
    : summedCrossEntropy(b, float32, labels, weights, { labelSmoothing, classWeights });
  const taught = teacher && addTeacher(b, { logits: float32, labels: sum, weights }, teacher);
  return {
    loss: b.op('Div', [taught?.sum ?? sum, normaliser], {}, { name: 'mean_loss' }),
    inputs: [labels, weights, normaliser, ...(taught ? [taught.input] : [])],
    results: { logits, ...(loss && { losses: losses! }) },
  };
}

/** Loss [B] of each row of logits z against its targets t, both [B, C]. In standard operators: logits are few. */
const rowLoss = {
  /** -Σ t · log softmax(z), as PyTorch's cross_entropy with probabilities. */
  probabilities(b: Builder, z: Value, t: Value): Value {
    const likelihood = b.op('LogSoftmax', [z], { axis: 1 });
    return b.op('Neg', [overClasses(b, 'ReduceSum', b.op('Mul', [t, likelihood]))]);
  },
  /**
   * Mean over the labels of softplus(z) - t · z, which is PyTorch's binary_cross_entropy_with_logits; with weights p of
   * labels that hold (1 - t) · z + (1 + (p - 1) · t) · softplus(-z).
   */
  labels(b: Builder, z: Value, t: Value, p?: readonly number[]): Value {
    if (!p) return tensorLosses['binary-cross-entropy'].build(b, z, t);
    const one = b.scalar('float32', 1);
    const beyond = b.constant(
      Tensor.of(
        'float32',
        p.map((weight) => weight - 1),
        [1, p.length],
      ),
      'positive_weights',
    );
    const weight = b.op('Add', [one, b.op('Mul', [beyond, t])]);
    const missed = b.op('Mul', [weight, b.op('Softplus', [b.op('Neg', [z])])]);
    return overClasses(b, 'ReduceMean', b.op('Add', [b.op('Mul', [b.op('Sub', [one, t]), z]), missed]));
  },
  /** Mean over the scores of (z - t)², PyTorch's mse_loss. */
  values: tensorLosses.mse.build,
};

const overClasses = (b: Builder, op: 'ReduceSum' | 'ReduceMean', x: Value): Value =>
  b.op(op, [x, b.ints([1])], { keepdims: 0 });

/** t · (1 - ε) + ε · what is known without looking: 1/C for each class, 1/2 for each label. */
function smoothed(b: Builder, targets: Value, kind: Exclude<TargetKind, 'class'>, smoothing: number): Value {
  if (smoothing === 0 || kind === 'values') return targets;
  const unknowing = kind === 'labels' ? 0.5 : 1 / b.shape(targets)[1]!;
  const kept = b.op('Mul', [targets, b.scalar('float32', 1 - smoothing)]);
  return b.op('Add', [kept, b.scalar('float32', smoothing * unknowing)]);
}

/**
 * Mean cross-entropy over rows of logits [N, C], each with a class and a weight, and the likeliest class of each row.
 * Adds the inputs labels int64 [N], weights float32 [N] and normaliser float32 [] under the names given; a label of
 * -100 and a weight of 0 leave a row out.
 * @param logits of all rows, or of some of them each (lower/row-chunks.ts)
 */
export function meanCrossEntropy(
  b: Builder,
  logits: Value | readonly Value[],
  names: { labels: string; weights: string; normaliser: string },
  labelSmoothing = 0,
) {
  const parts = [logits].flat() as Value[];
  const rows = parts.reduce((sum, part) => sum + b.shape(part)[0]!, 0);
  const labels = taskInput(b, names.labels, 'int64', [rows]);
  const weights = taskInput(b, names.weights, 'float32', [rows]);
  const normaliser = taskInput(b, names.normaliser, 'float32', []);
  const [ofLabels, ofWeights] = [labels, weights].map((value) =>
    parts.length === 1 ? [value] : splitRows(b, value, parts.length),
  );
  const sums: Value[] = [];
  const likeliest: Value[] = [];
  for (const [i, part] of parts.entries()) {
    const float32 = inFloat32(b, part);
    sums.push(summedCrossEntropy(b, float32, ofLabels![i]!, ofWeights![i]!, { labelSmoothing }));
    const last = parts.length === 1 ? { name: 'predictions' } : {};
    likeliest.push(b.op('ArgMax', [float32], { axis: 1, keepdims: 0 }, last));
  }
  const sum = sums.reduce((x, y) => b.op('Add', [x, y]));
  return {
    loss: b.op('Div', [sum, normaliser], {}, { name: 'mean_loss' }),
    predictions: parts.length === 1 ? likeliest[0]! : b.op('Concat', likeliest, { axis: 0 }, { name: 'predictions' }),
    inputs: [labels, weights, normaliser],
  };
}
