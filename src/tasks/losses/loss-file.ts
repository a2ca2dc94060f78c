// A loss that is a graph of the user's: an ONNX file whose inputs are outputs of the model and targets of the data, by
// their names, and whose one output is a loss for each sample, [B], or one number for the whole batch. What an output
// or target is called, and which there are, its readers say: the task tensors by the model and the data, tasks of
// classes as logits and labels (own.ts).

import { statSync } from 'node:fs';
import { SessionChain } from '../../engine/session-chain.js';
import { ModelError, UsageError } from '../../errors.js';
import type { Builder } from '../../onnx/builder.js';
import { isFloat } from '../../onnx/dtype.js';
import { fileHash } from '../../onnx/fingerprint.js';
import type { Dim, Value, ValueInfo } from '../../onnx/graph.js';
import { type JoinedModel, joinModels, onlyPart, openFiles } from '../../onnx/join.js';
import { specialize } from '../../onnx/specialize.js';
import { splice } from '../../onnx/splice.js';
import { elementCount } from '../../onnx/tensor.js';
import { quote } from '../../quote.js';
import type { TensorView } from '../../runtime/session.js';
import type { ModelValue, TaskConfig } from '../task.js';

export interface LossFile {
  model: JoinedModel;
  /** Inputs that are not outputs of the model. */
  targets: readonly ValueInfo[];
  /** Outputs of the model that it reads. */
  outputs: readonly string[];
}

/** Files that have been read, since every batch of an evaluation needs theirs; read again once they have changed. */
const read = new Map<string, { modifiedMs: number; model: JoinedModel }>();

function modelOf(path: string): JoinedModel {
  const modifiedMs = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const known = read.get(path);
  if (known?.modifiedMs === modifiedMs) return known.model;
  const model = joinModels(onlyPart, openFiles(path, undefined));
  read.set(path, { modifiedMs, model });
  return model;
}

/**
 * @throws ModelError for a file that cannot be read or has several outputs, none of the model's among its inputs, or
 *   floats that are not float32
 */
export function openLossFile(path: string, outputs: readonly string[]): LossFile {
  const model = modelOf(path);
  const { graph } = model;
  const names = (values: readonly ValueInfo[]): string => values.map(({ name }) => quote(name)).join(', ') || 'none';
  if (graph.outputs.length !== 1) throw new ModelError(`${path}: a loss has one output, found ${names(graph.outputs)}`);
  const used = graph.inputs.filter(({ name }) => outputs.includes(name)).map(({ name }) => name);
  if (used.length === 0)
    throw new ModelError(
      `${path}: the inputs of a loss are outputs of the model and targets by their names; ` +
        `found ${names(graph.inputs)}, and the model gives ${outputs.map((name) => quote(name)).join(', ')}`,
    );
  const [loss] = graph.outputs;
  for (const { name, dtype } of [...graph.inputs, loss!])
    if (dtype !== 'float32' && (isFloat(dtype) || name === loss!.name))
      throw new ModelError(`${path}: ${quote(name)} is ${dtype}; a loss is computed in float32, so export it in that`);
  return { model, outputs: used, targets: graph.inputs.filter(({ name }) => !outputs.includes(name)) };
}

/**
 * What the user should know of a file of a run with such options.
 * @param outputs of the model, as far as it states their shapes
 * @throws UsageError for weights of samples that the loss would pass over
 */
export function lossFileNotes(file: LossFile, outputs: readonly ModelValue[], config: TaskConfig): string[] {
  if (!givesScalar(file, outputs)) return [];
  const { path } = file.model;
  const { classWeights, weightColumn, sampling } = config;
  const ignored =
    classWeights !== undefined ? 'classWeights' : sampling !== 'weighted' && weightColumn && 'weightColumn';
  if (ignored)
    throw new UsageError(
      `option '${ignored}' weighs samples, and ${path} gives one number for a batch, in which their weights have no part: ` +
        `have it give a loss for each sample, or leave ${ignored} out`,
    );
  return [`${path} gives one number for a batch: the samples that fill up the last batch count in it as well`];
}

/**
 * Whether the loss is one number for a batch, by its shape for two samples: what files state of it is not to be relied
 * on, since PyTorch's exporter calls losses of samples scalars. In doubt it is.
 */
function givesScalar(file: LossFile, outputs: readonly ModelValue[]): boolean {
  const { graph } = file.model;
  const shapes = new Map<string, number[]>();
  for (const name of file.outputs) {
    const stated = graph.inputs.find((input) => input.name === name)!.shape;
    const given = outputs.find((output) => output.name === name)?.shape;
    const axes = stated ?? given;
    if (!axes) return true;
    const known = (axis: number) => [given?.[axis], stated?.[axis]].find((dim) => typeof dim === 'number');
    shapes.set(
      name,
      axes.map((_, axis) => (axis === 0 ? 2 : (known(axis) ?? 3))),
    );
  }
  try {
    for (const target of file.targets) shapes.set(target.name, targetShape(file, target, shapes));
    return specialize(graph, Object.fromEntries(shapes)).outputs[0]!.shape?.length !== 1;
  } catch {
    return true;
  }
}

/** SHA-256 in hex over the files with their external data. */
export const hashOfFiles = (paths: readonly string[]): string =>
  fileHash(...paths.flatMap((path) => modelOf(path).parts.map(({ model }) => model)));

/**
 * Shape of a target for a batch: as the file states it, where free axes have the lengths that the outputs give them.
 * @param outputs shape of each output that the file reads
 */
function targetShape(
  { model }: LossFile,
  { name, shape }: ValueInfo,
  outputs: ReadonlyMap<string, readonly number[]>,
): number[] {
  const known = new Map<Dim, number>();
  let batch: number | undefined;
  for (const input of model.graph.inputs) {
    const found = outputs.get(input.name);
    batch ??= found?.[0];
    for (const [axis, dim] of (input.shape ?? []).entries())
      if (found && typeof dim === 'string') known.set(dim, found[axis]!);
  }
  const lengths = shape?.map((dim, axis) =>
    typeof dim === 'number' ? dim : (known.get(dim) ?? (axis === 0 ? batch : undefined)),
  );
  if (lengths && !lengths.includes(undefined)) return lengths as number[];
  throw new ModelError(
    `${model.path}: input ${quote(name)} has the shape [${shape?.map((dim) => dim ?? '?').join(', ') ?? 'unknown'}]; ` +
      'export the loss with axes of fixed length behind the first, or of the names that an output has',
  );
}

/**
 * Adds the loss to a static graph.
 * @param input makes the input for a target
 * @returns the loss of each sample [B], or a scalar
 */
export function addLossFile(
  b: Builder,
  file: LossFile,
  outputs: Readonly<Record<string, Value>>,
  input: (target: ValueInfo, shape: number[]) => Value,
): Value {
  const { model, targets } = file;
  const shapes = new Map(file.outputs.map((name) => [name, b.shape(outputs[name]!)]));
  const values = new Map(file.outputs.map((name) => [name, typed(b, outputs[name]!, inputOf(model, name), model)]));
  const batch = b.shape(outputs[file.outputs[0]!]!)[0]!;
  for (const target of targets) {
    const shape = targetShape(file, target, shapes);
    shapes.set(target.name, shape);
    values.set(target.name, typed(b, input(target, shape), target, model));
  }
  const part = specialize(model.graph, Object.fromEntries(shapes));
  const [loss] = [...splice(b, part, values).values()];
  const shape = b.shape(loss!);
  if (shape.length === 0 || (shape.length === 1 && shape[0] === batch)) return loss!;
  throw new ModelError(
    `${model.path}: the loss has the shape [${shape.join(', ')}] for a batch of ${batch}; expected one number for each sample, or a scalar`,
  );
}

const inputOf = ({ graph }: JoinedModel, name: string): ValueInfo => graph.inputs.find((one) => one.name === name)!;

/** The value as the file's input takes it: floats of any width as float32. */
function typed(b: Builder, value: Value, { name, dtype }: ValueInfo, { path }: JoinedModel): Value {
  const found = b.type(value).dtype;
  if (found === dtype) return value;
  if (isFloat(found) && dtype === 'float32') return b.op('Cast', [value], { to: 1 });
  throw new ModelError(`${path}: input ${quote(name)} is ${dtype}, and what it is to read is ${found}`);
}

/**
 * The losses of a batch by the runtime itself.
 * @param target what stands for a target, of as many elements as the file takes
 */
export async function runLossFile(
  file: LossFile,
  outputs: Readonly<Record<string, TensorView>>,
  target: (target: ValueInfo) => TensorView,
): Promise<Float32Array> {
  const inputs = new Map(file.outputs.map((name) => [name, outputs[name]!]));
  const shapes = new Map([...inputs].map(([name, { shape }]) => [name, shape]));
  for (const one of file.targets) {
    const found = target(one);
    const shape = targetShape(file, one, shapes);
    inputs.set(one.name, elementCount(shape) === elementCount(found.shape) ? { ...found, shape } : found);
  }
  const chain = await SessionChain.open(file.model, undefined);
  try {
    const [loss] = await chain.run(inputs, [file.model.graph.outputs[0]!.name]);
    return loss!.data as Float32Array;
  } finally {
    await chain.release();
  }
}
