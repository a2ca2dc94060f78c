// The loss of places of answers: of each window the mean of two cross-entropies over all its tokens, padding too, that
// of the first and that of the last token of the answer, as ForQuestionAnsweringLoss of the transformers library has
// it.

import { ModelError } from '../../errors.js';
import { answerOutputs } from '../../heads/answers.js';
import { crossEntropy } from '../../metrics/cross-entropy.js';
import type { Builder } from '../../onnx/builder.js';
import type { Value } from '../../onnx/graph.js';
import { inFloat32, taskInput } from '../inputs.js';
import { summedCrossEntropy } from '../losses/cross-entropy.js';
import type { MeasuredBatch, Outputs, Results, SavedRun, TaskLoss } from '../task.js';

/**
 * Over `start` and `end`, logits [B, T] each. Its inputs: start_positions and end_positions int64 [B], sample_weights
 * float32 [B], normaliser float32 []. An evaluation reads the logits. @throws ModelError where they have another rank
 */
export function addAnswerLoss(b: Builder, { start, end }: Outputs, labelSmoothing: number): TaskLoss {
  const shape = b.shape(start!);
  if (shape.length !== 2 || b.shape(end!).length !== 2)
    throw new ModelError(
      `question answering takes start_logits and end_logits of shape [batch, sequence]; they have ranks ${shape.length} and ` +
        `${b.shape(end!).length}. Export the model without its head (feature extraction) or for question answering.`,
    );
  const [batch] = shape as [number];
  const [starts, ends] = ['start_positions', 'end_positions'].map((name) => taskInput(b, name, 'int64', [batch]));
  const weights = taskInput(b, 'sample_weights', 'float32', [batch]);
  const normaliser = taskInput(b, 'normaliser', 'float32', []);
  const sum = (logits: Value, positions: Value): Value =>
    summedCrossEntropy(b, inFloat32(b, logits), positions, weights, { labelSmoothing });
  const both = b.op('Add', [sum(start!, starts!), sum(end!, ends!)]);
  const loss = b.op('Div', [b.op('Mul', [both, b.scalar('float32', 0.5)]), normaliser], {}, { name: 'mean_loss' });
  return { loss, inputs: [starts!, ends!, weights, normaliser], results: { start: start!, end: end! } };
}

/** The same of row `row` of a batch, from its logits. */
export function answerLoss(results: Results, { inputs }: Pick<MeasuredBatch, 'inputs'>, row: number): number {
  const of = (output: 'start' | 'end'): number => {
    const { data, shape } = results[output]!;
    const at = Number(inputs.get(`${output}_positions`)!.data[row]);
    return crossEntropy(data as Float32Array, row * shape[1]!, shape[1]!, at).loss;
  };
  return (of('start') + of('end')) / 2;
}

/** The logits of a saved file. @throws ModelError for a file that has none */
export async function answerResults({ run, path, outputs }: SavedRun, { inputs }: MeasuredBatch): Promise<Results> {
  if (answerOutputs.some((name) => !outputs.some((output) => output.name === name)))
    throw new ModelError(
      `${path}: question answering needs the outputs ${answerOutputs.join(' and ')}; found ${outputs.map(({ name }) => name).join(', ')}. ` +
        'Fine-tune the model with task question-answering first.',
    );
  const found = await run(inputs, answerOutputs);
  const [rows, tokens] = inputs.get('input_ids')!.shape;
  for (const name of answerOutputs) {
    const { shape } = found[name]!;
    if (shape.length !== 2 || shape[0] !== rows || shape[1] !== tokens)
      throw new ModelError(
        `${path}: output '${name}' has the shape [${shape}], expected [batch, sequence], here [${rows}, ${tokens}]`,
      );
  }
  return { start: found.start_logits!, end: found.end_logits! };
}
