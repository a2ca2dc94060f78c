// Further files of a model directory that hold the weights of those that are trained: optimum writes a sequence model's
// decoder three times, alone, with a cache and merged. Which tensor of such a file is which parameter is known by its
// bytes, before any is trained: names differ from file to file. Files of other types (quantised, 16 bits) would keep
// the weights from before; they are left out of what is saved, and said.

import { createHash } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { ModelError } from '../errors.js';
import { convertFloat } from '../onnx/convert.js';
import { fingerprint } from '../onnx/fingerprint.js';
import type { Graph } from '../onnx/graph.js';
import type { JoinedModel } from '../onnx/join.js';
import { openModel, toGraph } from '../onnx/load.js';
import type { ModelToSave } from '../onnx/save.js';
import type { Tensor } from '../onnx/tensor.js';
import { quote } from '../quote.js';
import { beforeMerge, readableNames } from './names.js';
import { logitsOf, type Parameter, weightsOf } from './parameters.js';
import { transposedTensor } from './tied.js';

/** The parameter that a tensor of a sibling is, and whether it lies transposed there. */
interface Held {
  parameter: string;
  transposed: boolean;
}

export interface SiblingFile {
  path: string;
  hash: string;
  /** By the tensor's name in the file. */
  tensors: ReadonlyMap<string, Held>;
}

export interface Siblings {
  files: readonly SiblingFile[];
  notes: readonly string[];
}

/**
 * The siblings of a model's files, and what each of their weights is.
 * @param names of files that hold the same weights, without '.onnx'
 * @param graph with the parameters' values from before training
 * @throws ModelError for a file with a weight that no parameter, or more than one, is equal to
 */
export function findSiblings(
  model: JoinedModel,
  names: readonly string[],
  { graph, parameters }: { graph: Graph; parameters: readonly Parameter[] },
): Siblings {
  const folder = dirname(model.parts[0]!.model.path);
  const paths = names.map((name) => join(folder, `${name}.onnx`)).filter((path) => existsSync(path));
  const known = new Equal(graph, parameters);
  const files = paths.map((path): SiblingFile => {
    const sibling = openModel(path);
    const own = toGraph(sibling);
    const { weights } = weightsOf(sibling, own, [logitsOf(own)]);
    const aliases = readableNames(own, weights);
    const tensors = [...aliases].map(([name, alias]) => [name, known.to(own, { name, alias, path })] as const);
    return { path, hash: fingerprint(sibling), tensors: new Map(tensors) };
  });
  const trained = model.parts.map(({ model: { path } }) => basename(path));
  const kept = new Set([...trained, ...paths.map((path) => basename(path))]);
  const stems = new Set(trained.map(stemOf));
  const others = readdirSync(folder)
    .filter((file) => file.endsWith('.onnx') && !kept.has(file))
    // Files of several parts belong together, whatever they are called.
    .filter((file) => names.length > 0 || stems.has(stemOf(file)));
  return {
    files,
    notes: [
      ...(paths.length > 0
        ? [`${paths.map((path) => basename(path)).join(', ')}: the trained weights go there too`]
        : []),
      ...(others.length > 0
        ? [
            `${others.join(', ')}: left out of the saved directory, since the weights there would be those from before training; ` +
              'make them anew of the saved files',
          ]
        : []),
    ],
  };
}

/** The name without what transformers.js says the type of the weights by. */
const stemOf = (file: string): string => file.replace(/(_(fp16|quantized|u?int8|q8|bnb4|q[124](f16)?))?\.onnx$/, '');

/** Parameters by their values, as they are and transposed. */
class Equal {
  readonly #known = new Map<string, (Held & { alias: string })[]>();

  constructor(graph: Graph, parameters: readonly Parameter[]) {
    for (const { name, alias } of parameters) {
      const value = graph.initializers.get(name)!;
      this.#add(value, { parameter: name, transposed: false, alias });
      if (value.shape.length === 2) this.#add(transposedTensor(value), { parameter: name, transposed: true, alias });
    }
  }

  #add(value: Tensor, held: Held & { alias: string }): void {
    const key = keyOf(value);
    const found = this.#known.get(key) ?? [];
    // A square matrix may be its own transpose.
    if (!found.some(({ parameter }) => parameter === held.parameter)) this.#known.set(key, [...found, held]);
  }

  /** @throws ModelError */
  to(graph: Graph, { name, alias, path }: { name: string; alias: string; path: string }): Held {
    const found = this.#known.get(keyOf(graph.initializers.get(name)!)) ?? [];
    const called = found.length > 1 ? found.filter((one) => one.alias === alias) : found;
    if (called.length === 1) return { parameter: called[0]!.parameter, transposed: called[0]!.transposed };
    if (found.length === 0)
      throw new ModelError(
        `${path}: ${quote(name)} equals no weight of the files that are trained, so this file is not of the same model. ` +
          'Export the files together, or take it out of the directory: it is not needed to train.',
      );
    const equal = found.map(({ parameter }) => quote(parameter)).join(', ');
    throw new ModelError(
      `${path}: ${quote(name)} equals several weights of the files that are trained (${equal}), and its name does not say which it is. ` +
        'Take the file out of the directory: it is not needed to train, and transformers.js does not open it.',
    );
  }
}

function keyOf(tensor: Tensor): string {
  const floats = tensor.dtype === 'float32' ? tensor : convertFloat(tensor, 'float32');
  return `${tensor.shape.join('x')} ${createHash('sha256').update(floats.bytes()).digest('base64')}`;
}

/** The siblings with trained weights. @throws ModelError for one that changed since it was looked at */
export function siblingsToSave(
  files: readonly SiblingFile[],
  weights: ReadonlyMap<string, Tensor>,
  folder: string,
): ModelToSave[] {
  return files.map(({ path, hash, tensors }) => {
    const model = openModel(path);
    if (fingerprint(model) !== hash)
      throw new ModelError(`${path} changed during the run: the trained weights cannot be written into it`);
    const own = [...tensors].flatMap(([name, { parameter, transposed: turned }]) => {
      const weight = weights.get(parameter);
      return weight ? [[name, turned ? transposedTensor(weight) : weight] as const] : [];
    });
    return { model, file: join(folder, basename(path)), weights: new Map(own) };
  });
}

/** A weight of a merged file that was several equal ones before: biases at 0, norms at 1. Training keeps them equal. */
export function mergedNote({ trainable }: { trainable: readonly Parameter[] }, graph: Graph): string[] {
  const consumers = graph.consumers();
  const merged = trainable.filter(({ name }) => {
    if (beforeMerge(name) === name || consumers.get(name)!.length === 1) return false;
    const numbers = graph.initializers.get(name)!.numbers();
    return numbers.every((x) => x === numbers[0]);
  });
  if (merged.length === 0) return [];
  return [
    `warning: ${merged.map(({ name }) => quote(name)).join(', ')}: several weights that were equal when the decoders were merged are one ` +
      'tensor of the file, and stay equal in training',
  ];
}
