// The loss of whichever task a graph is built for.

import type { Builder } from '../onnx/builder.js';
import type { Value } from '../onnx/graph.js';
import { addLoss } from './classification.js';
import { addMaskedLoss, type MaskedResults, pairOutput } from './masked-lm.js';
import type { Task } from './task.js';

export interface AttachedTask {
  /** Scalar float32. */
  loss: Value;
  /** The inputs that the task adds. */
  inputs: Value[];
  /** What an evaluation of masked-LM reads. */
  masked?: MaskedResults;
}

/** Outputs that the task reads beside the logits. */
export const furtherOutputs = (task: Task): Value[] =>
  task.name === 'masked-lm' && task.masking.nextSentence ? [pairOutput] : [];

/**
 * Adds the task's loss to a static graph. Label smoothing is for classes.
 * @throws ModelError when the logits have another rank
 */
export function addTaskLoss(b: Builder, logits: Value, task: Task, labelSmoothing: number): AttachedTask {
  if (task.name !== 'masked-lm') {
    const targets = task.name === 'image-classification' ? task.targets : 'class';
    return addLoss(b, logits, { targets, labelSmoothing });
  }
  const { probability } = task.masking;
  const [pairs] = furtherOutputs(task);
  const { results, ...attached } = addMaskedLoss(b, logits, { probability, pairs });
  return { ...attached, masked: results };
}
