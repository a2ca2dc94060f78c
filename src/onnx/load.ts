// Opening a model file, and the way from the file to the normalised graph. A model is checked once, here: whatever
// opens is whole (external data included) and free of what ortune refuses by name.

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import { ModelError } from '../errors.js';
import { kindOf } from '../files/kind-of.js';
import { statOfFile } from '../files/model-files.js';
import { quote } from '../quote.js';
import type { Bindings } from './bindings.js';
import { allBodies, isControl } from './blocks.js';
import { checkNodeCount, defaultGraphMemory } from './budget.js';
import { checkNodes } from './check-nodes.js';
import { decodeNode, decodeTensor, decodeValueInfo, storedType, tensorShape } from './decode.js';
import { bytesOfElements } from './dtype.js';
import { checkExternal } from './external.js';
import { ExternalFiles } from './external-files.js';
import { Graph, prune, type StaticType, type ValueInfo } from './graph.js';
import { bringToInferenceForm } from './inference-form.js';
import { separateTensors } from './merged-tensors.js';
import { graphOf, type Model, operatorName } from './model.js';
import { constantTensor } from './normalize/constants.js';
import { dropUnread, takeDecided } from './normalize/decided.js';
import { inlineFunctions } from './normalize/inline.js';
import { convertNode } from './normalize/opset.js';
import { dropIdentities, nameNodes, sortNodes } from './normalize/tidy.js';
import { computeWithFloats } from './normalize/whole-numbers.js';
import { type ModelProto, ModelProtoSchema, type TensorProto } from './onnx_pb.js';
import { type FileParts, readApart } from './read-file.js';
import { refuse } from './refuse.js';
import { elementCount } from './tensor.js';

export type { Model } from './model.js';

/**
 * Opens a model directory (onnx/model.onnx or model.onnx in it) or an .onnx file. What was exported in training
 * mode is in inference form then, and what an exporter merged of the tensors of BatchNormalization is apart again.
 * ModelError: missing, unreadable, damaged or cut; quantised, a training artifact, opset outside 7 to 25.
 */
export function openModel(path: string, maxGraphMemory?: number, bind?: Bindings): Model {
  const file = findModelFile(path);
  const proto = parseFile(file);
  const model: Model = {
    path: file,
    directory: modelDirectory(file),
    proto,
    external: new ExternalFiles(),
    maxGraphMemory,
    bind,
  };
  refuseOtherThanFiles(model);
  checkModel(model);
  bringToInferenceForm(model);
  separateTensors(model);
  return model;
}

/** What lies beside a model and is read with it. */
const companions = ['config.json', 'tokenizer.json', 'tokenizer_config.json', 'preprocessor_config.json', 'vocab.txt'];

/** @throws ModelError for a pipe or a device in the place of a file, which opening would wait for */
function refuseOtherThanFiles({ directory }: Model): void {
  for (const name of companions) statOfFile(join(directory, name));
}

/** The checks of `openModel`, for a model that was made or changed in memory. */
export function checkModel(model: Model): void {
  refuse(model);
  checkNodes(model);
  checkTensors(model);
}

const modelDirectory = (file: string): string => {
  const folder = dirname(file);
  return basename(folder) === 'onnx' ? dirname(folder) : folder;
};

/** The model directory of a path that a model is opened by, whatever is there. */
export function directoryOf(path: string): string {
  const full = resolve(path);
  const isFolder = statSync(full, { throwIfNoEntry: false })?.isDirectory() ?? false;
  return modelDirectory(isFolder ? join(full, 'model.onnx') : full);
}

function findModelFile(path: string): string {
  const full = resolve(path);
  if (!existsSync(full))
    throw new ModelError(
      `There is no model at ${path}. Expected a model directory (with onnx/model.onnx), an .onnx file, ` +
        'or a model of the hub by its name, owner/name.',
    );
  if (!statSync(full).isDirectory()) return full;
  // Last that of a run's directory.
  const places = [
    join('onnx', 'model.onnx'),
    'model.onnx',
    join('model', 'onnx', 'model.onnx'),
    join('model', 'model.onnx'),
  ];
  const candidates = places.map((place) => join(full, place));
  const found = candidates.find((file) => existsSync(file));
  if (found) return found;
  if (existsSync(join(full, 'model.safetensors')) && existsSync(join(full, 'state.json')))
    throw new ModelError(
      `${path} is a checkpoint, which holds the state of a run and no model. The run's trained model is in the folder model/ of its ` +
        "output; 'ortune train' with --resume goes on from a checkpoint and writes it.",
    );
  const others = ['onnx', '.'].flatMap((folder) => onnxFilesOf(join(full, folder)).map((file) => join(folder, file)));
  throw new ModelError(
    `${path} holds no model: neither onnx/model.onnx nor model.onnx is in it. ` +
      (others.length > 0
        ? `Name the .onnx file itself, such as ${join(path, others[0]!)}.`
        : 'Name the .onnx file itself, or export one there.'),
  );
}

const onnxFilesOf = (folder: string): string[] =>
  existsSync(folder) ? readdirSync(folder).filter((file) => file.endsWith('.onnx')) : [];

const TWO_GIB = 2 ** 31;

function readModelFile(file: string): FileParts {
  if (/\.ckpt$|(^|\/)checkpoint$/.test(file))
    throw new ModelError(
      `${file} is a checkpoint of ONNX Runtime's training API, a training artifact; expected the forward model as .onnx.`,
    );
  try {
    const found = statSync(file);
    if (!found.isFile())
      throw new ModelError(`${file} cannot be read: it is ${kindOf(found)}, not a file. Name the .onnx file.`);
    if (found.size >= TWO_GIB)
      throw new ModelError(
        `${file} is larger than 2 GiB, more than the ONNX format can hold in one file: it is damaged. ` +
          'Export the model with external data.',
      );
    const parts = readApart(file);
    if (parts) return parts;
    const bytes = readFileSync(file);
    return { message: new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength), data: new Map() };
  } catch (error) {
    if (error instanceof ModelError) throw error;
    throw new ModelError(
      `${file} cannot be read (${(error as NodeJS.ErrnoException).code}). Check that it is a file and its permissions.`,
    );
  }
}

function parseFile(file: string): ModelProto {
  const { message, data } = readModelFile(file);
  const proto = parseModel(message, file);
  for (const [index, bytes] of data) proto.graph!.initializer[index]!.rawData = bytes as Uint8Array<ArrayBuffer>;
  return proto;
}

function parseModel(bytes: Uint8Array<ArrayBuffer>, file: string): ModelProto {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, 64)).toString('latin1');
  if (head.startsWith('version https://git-lfs'))
    throw new ModelError(`${file} is a Git LFS pointer, not the model itself. Fetch it with: git lfs pull`);
  if (head.slice(4, 8) === 'ORTM')
    throw new ModelError(
      `${file} is in ONNX Runtime's own format (.ort); expected an .onnx file. Use the model it was made from.`,
    );
  let proto: ModelProto | undefined;
  try {
    proto = fromBinary(ModelProtoSchema, bytes);
  } catch {
    // A message that ends early or has impossible tags: reported below, together with one that has no graph.
  }
  if (proto?.graph && (proto.graph.node.length > 0 || proto.graph.output.length > 0)) return proto;
  throw new ModelError(
    `${file} is not an ONNX model, or it is damaged or cut (${bytes.byteLength} bytes). Export or download it again.`,
  );
}

/** Checks that every initializer has a type ortune holds and as many bytes as its shape requires. */
function checkTensors(model: Model): void {
  const sizes = new Map<string, number>();
  for (const graph of [graphOf(model), ...allBodies(graphOf(model).node)]) {
    const names = new Set<string>();
    for (const tensor of graph.initializer) {
      const what = `initializer ${quote(tensor.name)}`;
      if (names.has(tensor.name))
        throw new ModelError(
          `${model.path} has two initializers named ${quote(tensor.name)}: the file is damaged. Export it again.`,
        );
      names.add(tensor.name);
      checkTensor(tensor, what, model, sizes);
    }
  }
}

function checkTensor(tensor: TensorProto, what: string, model: Model, sizes: Map<string, number>): void {
  if (tensor.dataLocation !== 1) {
    decodeTensor(tensor, what, model);
    return;
  }
  const bytes = bytesOfElements(
    storedType(tensor.dataType, what, model),
    elementCount(tensorShape(tensor, what, model)),
  );
  checkExternal(tensor, what, bytes, model, sizes);
}

function checkNames(what: 'input' | 'output', values: readonly ValueInfo[], model: Model): void {
  const names = new Set<string>();
  for (const { name } of values) {
    if (names.has(name))
      throw new ModelError(
        `${model.path} has two ${what}s named ${quote(name)}: the file is damaged. Export it again.`,
      );
    names.add(name);
  }
}

/**
 * The normalised graph: nodes of opset 21 (and com.microsoft) in topological order, each with a unique name; Constant
 * nodes as initializers under their output's name, local functions and sub-graphs inlined (normalize/control.ts),
 * Identity nodes removed, dead nodes dropped.
 * Graph inputs that have an initializer are initializers. Shapes stay as the file states them.
 */
export function toGraph(model: Model): Graph {
  const proto = graphOf(model);
  const graph = new Graph();
  graph.name = proto.name || 'graph';
  for (const tensor of proto.initializer)
    graph.initializers.set(tensor.name, decodeTensor(tensor, `initializer ${quote(tensor.name)}`, model));
  // Weights that are cast or turned are values as well, so what the file does hold counts.
  const held = [...graph.initializers.values()].reduce((sum, { byteLength }) => sum + byteLength, 0);
  graph.maxBytes = (model.maxGraphMemory ?? defaultGraphMemory) + 2 * held;
  graph.inputs = proto.input
    .filter((v) => !graph.initializers.has(v.name))
    .map((v) => decodeValueInfo(v, 'input', model));
  graph.outputs = proto.output.map((v) => decodeValueInfo(v, 'output', model));
  checkNames('input', graph.inputs, model);
  checkNames('output', graph.outputs, model);
  checkNodeCount(proto.node.length + proto.input.length + proto.output.length, model.path, graph.maxBytes);

  const name = nameNodes();
  for (const { node, opset, block, construct } of inlineFunctions(model)) {
    if (operatorName(node.opType, node.domain) === 'Constant') {
      graph.initializers.set(node.output[0]!, constantTensor(node, model));
      continue;
    }
    for (const converted of convertNode(decodeNode(node, name(node), model), opset, graph))
      graph.nodes.push({ ...converted, ...(block && { block }), ...(construct && { construct }) });
  }
  sortNodes(graph, model);
  takeDecided(graph, model.bind);
  dropIdentities(graph);
  computeWithFloats(graph, model.path);
  prune(graph);
  dropUnread(graph);
  return graph;
}

/** The inputs of a file that its graph does not have since others are bound, each with the value that fills it. */
export function restingInputs(model: Model): (StaticType & { name: string; value: number })[] {
  const graph = model.bind?.size || graphOf(model).node.some(isControl) ? toGraph(model) : undefined;
  if (!graph || graph.bound.size === 0) return [];
  const known = new Set([
    ...graph.inputs.map(({ name }) => name),
    ...graphOf(model).initializer.map(({ name }) => name),
  ]);
  return graphOf(model)
    .input.filter(({ name }) => !known.has(name))
    .map((input) => {
      const { name, dtype, shape = [] } = decodeValueInfo(input, 'input', model);
      return {
        name,
        dtype,
        shape: shape.map((d) => (typeof d === 'number' ? d : 1)),
        value: graph.bound.get(name) ?? 0,
      };
    });
}
