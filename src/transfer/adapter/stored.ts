// Where the tensors of a directory belong in a graph, and the other way round: PyTorch's paths are those of the task's
// class, which holds the trunk as an attribute that an export of the trunk alone does not name; and its matrices are
// [out, in], where files have them either way.

import { ModelError } from '../../errors.js';
import type { Graph } from '../../onnx/graph.js';
import type { Tensor } from '../../onnx/tensor.js';
import { quote } from '../../quote.js';
import type { ModelConfig } from '../config.js';
import type { Parameter } from '../parameters.js';
import { transposedTensor } from '../tied.js';
import { familyOf } from './families.js';
import type { Module } from './modules.js';
import type { AdapterLayer, StoredAdapter } from './peft.js';

/** Without the attribute that holds the trunk, and what an export wrapped the model in. */
function inTrunk(path: string, config: ModelConfig): string {
  const { trunk } = familyOf(config.model_type);
  const at = trunk === undefined ? -1 : `.${path}`.indexOf(`.${trunk}.`);
  return at < 0 ? path : path.slice(at + trunk!.length + 1);
}

/**
 * The layers of a graph that a directory has tensors for, with those. @throws ModelError for one that is not there, or
 * another size
 */
export function layersOf(
  { layers, directory }: StoredAdapter,
  modules: readonly Module[],
  config: ModelConfig,
): { module: Module; layer: AdapterLayer }[] {
  const byPath = new Map(modules.map((module) => [inTrunk(module.alias, config), module]));
  const missing = [...layers.keys()].filter((path) => !byPath.has(inTrunk(path, config)));
  if (missing.length > 0)
    throw new ModelError(
      `the adapter in ${directory} is not for this model, which has no layer ${missing
        .slice(0, 3)
        .map((path) => quote(path))
        .join(', ')}` +
        `${missing.length > 3 ? ` and ${missing.length - 3} more` : ''}: its layers are like ${[...byPath.values()]
          .slice(0, 3)
          .map(({ alias }) => alias)
          .join(', ')}`,
    );
  return [...layers].map(([path, layer]) => {
    const module = byPath.get(inTrunk(path, config))!;
    const { inputs, outputs, kernel } = module;
    const rank = layer.a.shape[0]!;
    const [a, b] = [
      [rank, inputs, ...kernel],
      [outputs, rank, ...kernel.map(() => 1)],
    ];
    if (layer.a.shape.join() !== a.join() || layer.b.shape.join() !== b.join())
      throw new ModelError(
        `the adapter in ${directory} is not for this model: ${quote(path)} has matrices of [${layer.a.shape}] and [${layer.b.shape}], expected [${a}] and [${b}]`,
      );
    return { module, layer };
  });
}

/** Whether PyTorch has the matrix of a parameter the other way round. */
export type IsTurned = (name: string) => boolean;

/** By the layers that parameters are the weights of. */
export function turnedIn(modules: readonly Module[], config: ModelConfig): IsTurned {
  const conv1d = familyOf(config.model_type).fanInFanOut === true;
  const turned = modules.filter(({ kind, outFirst, head }) => kind === 'linear' && !outFirst && !(conv1d && !head));
  const sources = new Set(turned.map(({ source }) => source));
  return (name) => sources.has(name);
}

/** Gives parameters the values that a directory has for them, in place. @returns which those are */
export function takeSaved(
  graph: Graph,
  { saved, directory }: StoredAdapter,
  parameters: readonly Parameter[],
  turned: IsTurned,
  config: ModelConfig,
): Parameter[] {
  const byPath = new Map(parameters.map((parameter) => [inTrunk(parameter.alias, config), parameter]));
  return [...saved].map(([name, tensor]) => {
    const parameter = byPath.get(inTrunk(name, config));
    const value = parameter && turned(parameter.name) ? transposedTensor(tensor) : tensor;
    if (!parameter || parameter.shape.join() !== value.shape.join())
      throw new ModelError(
        `the adapter in ${directory} is not for this model: it has ${quote(name)} [${tensor.shape}], and the model ` +
          (parameter ? `[${parameter.shape}] there` : 'nothing of that name'),
      );
    graph.initializers.set(parameter.name, value);
    return parameter;
  });
}

/** Paths as the task's class has them; `ofTrunk`: it is the trunk's own. */
export function pathOfTask(config: ModelConfig, ofTrunk: boolean): (path: string, head: boolean) => string {
  const { trunk } = familyOf(config.model_type);
  return (path, head) => {
    const inner = inTrunk(path, config);
    return trunk === undefined || ofTrunk || (head && inner === path) ? inner : `${trunk}.${inner}`;
  };
}

/** In PyTorch's order of axes. */
export const asSaved = (tensor: Tensor, turned: boolean): Tensor => (turned ? transposedTensor(tensor) : tensor);
