// Why a model is not opened for a task: in words that help, before it would be refused in others.

import { ModelError } from '../errors.js';
import { dimensions, elementTypeOf } from '../onnx/file/surgery.js';
import { dependentNodes, type Value } from '../onnx/graph.js';
import type { JoinedModel } from '../onnx/join.js';
import { graphOf, type Model } from '../onnx/model.js';
import { quote } from '../quote.js';
import type { TaskSpec } from '../tasks/task.js';
import { taskNamed } from '../tasks/tasks.js';
import type { Parameter, ParameterChoice } from '../transfer/parameters.js';
import type { OpenRequest } from './protocol.js';

/** @throws ModelError for a model that the task cannot read, before it would be refused in words that help less */
export function refuseOtherInput(file: Model, { name }: TaskSpec): void {
  const { input, initializer } = graphOf(file);
  const weights = new Set(initializer.map(({ name }) => name));
  const fed = input.filter(({ name }) => !weights.has(name));
  const values = fed.map((info) => ({ name: info.name, dtype: elementTypeOf(info), shape: dimensions(info) }));
  const problem = taskNamed(name).refuses?.(values);
  if (problem !== undefined) throw new ModelError(`${file.path}: ${problem}`);
}

/** @throws ModelError for an output that no trained parameter has a part in: its loss would never change */
export function refuseUntrained(
  { path, graph }: JoinedModel,
  outputs: readonly Value[],
  { trainable }: ParameterChoice,
): void {
  const names = trainable.map(({ name }) => name);
  const reached = new Set([...names, ...[...dependentNodes(graph, names)].flatMap((node) => node.outputs)]);
  const other = outputs.find((output) => !reached.has(output));
  if (other !== undefined)
    throw new ModelError(
      `${path}: output ${quote(other)} does not depend on any parameter that is trained, so a loss over it would never change. ` +
        'Take another output, or freeze less.',
    );
}

/** @throws ModelError: devices have other kernels for rounded numbers, or none, and none of them is tried */
export function refuseOnDevice(file: Model, device: string): never {
  throw new ModelError(
    `${file.path} is quantised, which ortune trains on the CPU alone, not on ${device}. Train with device cpu, or with the ` +
      'float32 or float16 model.',
  );
}

/** Frozen weights of another type stay as they are, in the graph; one to train or to draw anew has to be float32. */
export function refuseOtherTypes(file: Model, { trainable, frozen }: ParameterChoice, { init }: OpenRequest): void {
  const other = [...trainable, ...(init === 'random' ? frozen : [])].find((p) => !inArena(p));
  if (!other) return;
  throw new ModelError(
    `${file.path}: parameter ${quote(other.name)} is ${other.dtype}; ortune trains float32 models, and in float32 those of 16 bits or whose inputs are float64. ` +
      `Export the model in float32${init === 'random' ? '' : ', or freeze the parameter'}.`,
  );
}

export const inArena = ({ dtype }: Parameter): boolean => dtype === 'float32';
