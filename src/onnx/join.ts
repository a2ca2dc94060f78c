// The files of a model as one training graph. A table names the files and says what feeds the inputs of each; their
// graphs are put one behind the other, and what two of them call by one name takes the file's name in front. A model of
// one file keeps all its names. Weights are not shared here: transfer/copies.ts decides which tensors of two files are
// one.

import { existsSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ModelError } from '../errors.js';
import { checkBindings, parseBindings } from './bindings.js';
import { Graph, type Node, type Value, type ValueInfo } from './graph.js';
import { type Feed, feedsOf } from './join/feeds.js';
import { Names, nameInputs, prefixer } from './join/names.js';
import { type ModelPart, Piece } from './join/piece.js';
import { openModel } from './load.js';
import type { Model } from './model.js';
import type { FileTensor } from './save.js';

export type { ModelPart } from './join/piece.js';

/** A file in the joined graph: what its inputs and outputs are called there, by their names in the file. */
export interface JoinedPart {
  readonly name: string;
  readonly model: Model;
  readonly inputs: ReadonlyMap<string, Value>;
  readonly outputs: ReadonlyMap<string, Value>;
}

/** Where a tensor of the joined graph lies: the file, and its name there. */
export interface PlacedTensor extends FileTensor {
  readonly part: string;
  readonly name: string;
}

export interface JoinedModel {
  /** For messages. */
  readonly path: string;
  readonly directory: string;
  readonly parts: readonly JoinedPart[];
  /** Outputs that feed another file come behind those that do not. */
  readonly graph: Graph;
  /** Every tensor of the files, also those that the graph has no use for. */
  readonly tensors: ReadonlyMap<Value, PlacedTensor>;
  /** What a node or a value that was renamed is called in its file. */
  readonly origins: ReadonlyMap<string, string>;
}

/**
 * Opens a model directory: the files of the table, or without one the model's only file.
 * @param options `bind`: inputs that have one value for all samples, as NAME=VALUE
 * @throws ModelError as openModel, and for a file that is not there; UsageError for what `bind` cannot be
 */
export function openFiles(
  path: string,
  parts: readonly ModelPart[] | undefined,
  { maxGraphMemory, bind = [] }: { maxGraphMemory?: number | undefined; bind?: readonly string[] | undefined } = {},
): Model[] {
  const bindings = parseBindings(bind);
  const models = placesOf(path, parts).map((file) => openModel(file, maxGraphMemory, bindings));
  checkBindings(bindings, models);
  return models;
}

/** Where the files of a model of several are looked for: in its directory, or in that of a run. */
export function partFolders(path: string): string[] {
  const place = resolve(path);
  return [place, join(place, 'model')].flatMap((folder) => [join(folder, 'onnx'), folder]);
}

function placesOf(path: string, parts: readonly ModelPart[] | undefined): string[] {
  if (!parts) return [path];
  const place = resolve(path);
  const folders = partFolders(path);
  const folder = folders.find((one) => parts.some(({ file }) => existsSync(join(one, `${file}.onnx`))));
  return parts.map(({ file }) => {
    const found = [folder ?? [], folders]
      .flat()
      .map((one) => join(one, `${file}.onnx`))
      .find((f) => existsSync(f));
    if (found) return found;
    const all = parts.map((part) => `${part.file}.onnx`).join(', ');
    const what = statSync(place, { throwIfNoEntry: false })?.isFile() ? 'is a file' : `holds no ${file}.onnx`;
    throw new ModelError(
      `${path} ${what}: the task is of models of ${parts.length} files. Expected a model directory with ${all} in it, ` +
        'or in its folder onnx/.',
    );
  });
}

/** The table of a model of one file. */
export const onlyPart: readonly ModelPart[] = [{ file: 'model' }];

/**
 * Joins opened files, one for each entry of the table.
 * @throws ModelError for a table that does not fit the files: names that are not there, types that differ, a cycle, an
 *   input that nothing feeds
 */
export function joinModels(parts: readonly ModelPart[], models: readonly Model[]): JoinedModel {
  const pieces = parts.map((part, i) => new Piece(part, models[i]!));
  const names = new Names(pieces);
  const feeds = pieces.map((piece, i) => feedsOf(piece, pieces.slice(0, i), pieces));
  nameInputs(pieces, feeds, names);
  for (const [i, piece] of pieces.entries()) {
    for (const { input, source } of feeds[i]!)
      if (source) piece.names.set(input.name, source.piece.names.get(source.name)!);
    for (const { name } of piece.graph.outputs) names.ofOutput(piece, name);
  }
  for (const piece of pieces) for (const name of piece.values) names.ofValue(piece, name);
  const { graph, origins } = concatenated(pieces, feeds);
  return {
    path: models.map(({ path }) => path).join(' and '),
    directory: models[0]!.directory,
    parts: pieces.map(({ part, model, graph, names }): JoinedPart => {
      const called = (infos: readonly ValueInfo[]) => new Map(infos.map(({ name }) => [name, names.get(name)!]));
      return { name: part.file, model, inputs: called(graph.inputs), outputs: called(graph.outputs) };
    }),
    graph,
    tensors: new Map(
      pieces.flatMap(({ part, tensors, names }) =>
        [...tensors].map(([name, tensor]) => [names.get(name)!, { ...tensor, part: part.file, name }] as const),
      ),
    ),
    origins,
  };
}

function concatenated(pieces: readonly Piece[], feeds: readonly Feed[][]): Pick<JoinedModel, 'graph' | 'origins'> {
  const graph = new Graph();
  graph.name = pieces[0]!.graph.name;
  graph.maxBytes = Math.max(...pieces.map((piece) => piece.graph.maxBytes));
  const origins = new Map<string, string>();
  const nodeNames = pieces.map(({ graph }) => new Set(graph.nodes.map(({ name }) => name)));
  const prefixed = prefixer(new Set(nodeNames.flatMap((names) => [...names])));
  const inner = new Set(feeds.flat().flatMap(({ source }) => (source ? [source.piece.names.get(source.name)!] : [])));
  const outputs: ValueInfo[] = [];
  for (const [i, { part, graph: own, names, values }] of pieces.entries()) {
    const called = (value: Value): Value => (value === '' ? '' : names.get(value)!);
    const fed = new Set(own.inputs.map(({ name }) => name));
    for (const name of values) if (!fed.has(name) && called(name) !== name) origins.set(called(name), name);
    for (const [name, tensor] of own.initializers) graph.initializers.set(called(name), tensor);
    for (const { input, source } of feeds[i]!)
      if (!source && !graph.inputs.some(({ name }) => name === called(input.name)))
        graph.inputs.push({ ...input, name: called(input.name), shape: i === 0 ? input.shape : ownDims(input, part) });
    for (const node of own.nodes) {
      const taken = nodeNames.some((others, k) => k !== i && others.has(node.name));
      const name = taken ? prefixed(part.file, node.name) : node.name;
      if (taken) origins.set(name, node.name);
      graph.nodes.push(renamed(node, name, called));
    }
    outputs.push(...own.outputs.map((output) => ({ ...output, name: called(output.name) })));
  }
  graph.outputs = [...outputs.filter((o) => !inner.has(o.name)), ...outputs.filter((o) => inner.has(o.name))];
  return { graph, origins };
}

const renamed = (node: Node, name: string, called: (value: Value) => Value): Node => ({
  ...node,
  name,
  inputs: node.inputs.map(called),
  outputs: node.outputs.map(called),
});

/** Two files may call lengths by one name that are not the same. */
const ownDims = ({ shape }: ValueInfo, { file }: ModelPart): ValueInfo['shape'] =>
  shape?.map((d) => (typeof d === 'string' ? `${file}/${d}` : d));
