// A loss that is a graph of the user's: an ONNX file whose inputs are outputs of the model and targets of the data, by
// their names, and whose one output is a loss for each sample, [B], or one number for the whole batch.

import { statSync } from 'node:fs';
import { SessionChain } from '../../engine/session-chain.js';
import { ModelError } from '../../errors.js';
import type { Builder } from '../../onnx/builder.js';
import type { Dim, Value, ValueInfo } from '../../onnx/graph.js';
import { type JoinedModel, joinModels, onlyPart, openFiles } from '../../onnx/join.js';
import { specialize } from '../../onnx/specialize.js';
import { splice } from '../../onnx/splice.js';
import { quote } from '../../quote.js';
import type { TensorView } from '../../runtime/session.js';

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

/** @throws ModelError for a file that cannot be read or has several outputs, or none of the model's among its inputs */
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
  return { model, outputs: used, targets: graph.inputs.filter(({ name }) => !outputs.includes(name)) };
}

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
  const values = new Map(file.outputs.map((name) => [name, outputs[name]!]));
  const batch = b.shape(outputs[file.outputs[0]!]!)[0]!;
  for (const target of targets) {
    const shape = targetShape(file, target, shapes);
    shapes.set(target.name, shape);
    values.set(target.name, input(target, shape));
  }
  const part = specialize(model.graph, Object.fromEntries(shapes));
  const [loss] = [...splice(b, part, values).values()];
  const shape = b.shape(loss!);
  if (shape.length === 0 || (shape.length === 1 && shape[0] === batch)) return loss!;
  throw new ModelError(
    `${model.path}: the loss has the shape [${shape.join(', ')}] for a batch of ${batch}; expected one number for each sample, or a scalar`,
  );
}

/** The losses of a batch by the runtime itself. */
export async function runLossFile(file: LossFile, inputs: ReadonlyMap<string, TensorView>): Promise<Float32Array> {
  const chain = await SessionChain.open(file.model, undefined);
  try {
    const [loss] = await chain.run(inputs, [file.model.graph.outputs[0]!.name]);
    return loss!.data as Float32Array;
  } finally {
    await chain.release();
  }
}
