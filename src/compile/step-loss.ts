// Gradient caching: a loss that compares the samples of a whole step, of which only a batch goes through the model at
// once. Three graphs: what the loss compares of each batch (vectors); the loss over all of them and its gradients by
// them (stepLoss), without the model; and each batch once more, whose parameters' gradients are those of the vectors
// pulled back through it (pullback). Dropout's masks are a function of the step and the batch, so both passes have the
// same; the sum over the batches is the gradient of the one large batch.
// Source of the method: Gao et al., Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup (2021).

import { backward } from '../autodiff/backward.js';
import { Builder } from '../onnx/builder.js';
import { Graph, type Value } from '../onnx/graph.js';
import { taskInput } from '../tasks/inputs.js';
import type { Outputs, StepLoss, TaskLoss, TaskSpec } from '../tasks/task.js';
import { taskNamed } from '../tasks/tasks.js';

/** Inputs of `pullback`: the gradients by the batch's vectors, and what it reports as its loss. */
export const gradientInput = 'vector_gradients';
export const lossInput = 'vector_loss';
/** Input of `stepLoss`: the vectors of all batches. */
export const vectorsInput = 'vectors';

/** What a graph computes from the model's outputs, and where its gradients start. */
export interface Attached extends Omit<TaskLoss, 'loss'> {
  loss?: Value;
  from?: { value: Value; seed: Value };
}

/** What the loss compares, of a batch. */
export function attachVectors(b: Builder, outputs: Outputs, task: TaskSpec): Attached {
  const { vectors, inputs } = stepLossOf(task).vectors(b, outputs, task.options);
  return { inputs, results: { vectors } };
}

/** The same, whose gradients are inputs. */
export function attachPullback(b: Builder, outputs: Outputs, task: TaskSpec): Attached {
  const { inputs, results } = attachVectors(b, outputs, task);
  const value = results.vectors!;
  const seed = taskInput(b, gradientInput, 'float32', [...b.shape(value)]);
  const given = taskInput(b, lossInput, 'float32', []);
  const loss = b.op('Identity', [given], {}, { name: 'given_loss' });
  return { loss, inputs: [...inputs, seed, given], results, from: { value, seed } };
}

/** The loss over vectors of such a shape, and its gradient by them. */
export function stepLossGraph(task: TaskSpec, shape: readonly number[]): { b: Builder; results: Outputs } {
  const b = new Builder(new Graph());
  const vectors = b.input(vectorsInput, 'float32', [...shape]);
  const { loss } = stepLossOf(task).loss(b, vectors, task.options);
  return { b, results: { loss, gradients: backward(b, loss, [vectors]).get(vectors)! } };
}

function stepLossOf({ name, options }: TaskSpec): StepLoss<object> {
  const found = taskNamed(name).stepLoss?.(options);
  if (!found) throw new Error(`the loss of task ${name} is of one batch`);
  return found;
}
