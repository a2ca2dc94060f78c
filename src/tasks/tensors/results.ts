// The losses of the task tensors over the outputs of a model: as part of the training graph, and from a saved file.

import { ModelError, UsageError } from '../../errors.js';
import type { Builder } from '../../onnx/builder.js';
import type { DataType } from '../../onnx/dtype.js';
import type { Value } from '../../onnx/graph.js';
import { elementCount } from '../../onnx/tensor.js';
import { quote } from '../../quote.js';
import type { TensorView } from '../../runtime/session.js';
import { inFloat32, taskInput } from '../inputs.js';
import { lossFiles } from '../losses/loss-files.js';
import { lossesOf, tensorLosses, weighted } from '../losses/named.js';
import type { MeasuredBatch, Outputs, Results, SavedRun, TaskLoss } from '../task.js';
import { type FileLoss, fieldOf, type NamedLoss, outputsOf, type TensorOptions } from './options.js';

export const lossResult = (i: number): string => `loss.${i}`;

/** Σ weight · Σ w · loss / normaliser; of a loss that is a scalar its share of the step's samples. */
export function addLosses(b: Builder, outputs: Outputs, { losses }: TensorOptions): TaskLoss {
  const batch = b.shape(Object.values(outputs)[0]!)[0]!;
  const weights = taskInput(b, 'sample_weights', 'float32', [batch]);
  const normaliser = taskInput(b, 'normaliser', 'float32', []);
  const targets = new Map<string, Value>();
  const input = (column: string, dtype: DataType, shape: readonly number[]): Value => {
    const known = targets.get(column) ?? taskInput(b, fieldOf(column), dtype, [...shape]);
    targets.set(column, known);
    if (String(b.shape(known)) === String(shape)) return known;
    // Left as it is, it would be broadcast.
    if (elementCount(b.shape(known)) === elementCount(shape)) return b.op('Reshape', [known, b.ints([...shape])]);
    throw new UsageError(
      `losses: target ${quote(column)} is [${b.shape(known).join(', ')}] for one loss and [${shape.join(', ')}] for another; ` +
        'give each a target of its own',
    );
  };
  const results: Record<string, Value> = {};
  let sum: Value | undefined;
  for (const [i, one] of losses.entries()) {
    const loss = 'file' in one ? lossOfFile(b, one, outputs, input) : namedLoss(b, one, outputs, input);
    results[lossResult(i)] = loss;
    const total = weighted(b, loss, weights);
    const part = one.weight === 1 ? total : b.op('Mul', [total, b.scalar('float32', one.weight)]);
    sum = sum === undefined ? part : b.op('Add', [sum, part]);
  }
  return {
    loss: b.op('Div', [sum!, normaliser], {}, { name: 'mean_loss' }),
    inputs: [...targets.values(), weights, normaliser],
    results: { ...outputs, ...results },
  };
}

type TargetInput = (column: string, dtype: DataType, shape: readonly number[]) => Value;

function namedLoss(b: Builder, { output, target, loss }: NamedLoss, outputs: Outputs, input: TargetInput): Value {
  const row = tensorLosses[loss];
  const value = outputs[output]!;
  const y = inFloat32(b, value);
  const shape = b.shape(y);
  if (shape.length === 0 || (loss === 'cross-entropy' && shape.length < 2))
    throw new ModelError(
      `output ${quote(output)} has the shape [${shape.join(', ')}]; ${loss} takes ${loss === 'cross-entropy' ? '[batch, classes, …]' : 'a batch axis first'}`,
    );
  const wanted = row.target === 'int64' ? [shape[0]!, ...shape.slice(2)] : shape;
  return row.build(b, y, input(target, row.target, wanted));
}

function lossOfFile(b: Builder, { file }: FileLoss, outputs: Outputs, input: TargetInput): Value {
  const opened = lossFiles().openLossFile(file, Object.keys(outputs));
  return lossFiles().addLossFile(b, opened, outputs, (target, shape) => input(target.name, target.dtype, shape));
}

/** The same from the outputs of a saved file; for a prediction all outputs, and no loss. */
export async function tensorResults(
  run: SavedRun,
  { inputs }: MeasuredBatch,
  options: TensorOptions,
  mode: 'evaluate' | 'predict',
): Promise<Results> {
  const all = run.outputs.map((output) => output.name);
  if (mode === 'predict') return run.run(inputs, all);
  const outputs = await run.run(inputs, outputsOf(options, all));
  const results: Record<string, TensorView> = { ...outputs };
  const targetOf = ({ name }: { name: string }): TensorView => inputs.get(fieldOf(name))!;
  for (const [i, one] of options.losses.entries()) {
    const data =
      'file' in one
        ? await lossFiles().runLossFile(lossFiles().openLossFile(one.file, all), outputs, targetOf)
        : lossesOf(one.loss, outputs[one.output]!, inputs.get(fieldOf(one.target))!);
    results[lossResult(i)] = { dtype: 'float32', shape: [data.length], data };
  }
  return results;
}
