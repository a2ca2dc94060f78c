// Writes a trained model as a directory in the layout of transformers.js: the original graph with the trained weights,
// its configuration with the classes, and the tokenizer's files as they were.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { requantise } from '../onnx/file/requantise.js';
import { copyOfGraph } from '../onnx/file/surgery.js';
import type { JoinedModel } from '../onnx/join.js';
import { graphOf, type Model } from '../onnx/model.js';
import { type ModelToSave, saveModels } from '../onnx/save.js';
import type { Tensor } from '../onnx/tensor.js';
import { type FilesBeside, jsonBytes, readFilesBeside, writeFilesBeside } from './beside.js';
import type { ModelConfig } from './config.js';
import { roundingNote } from './dequantise.js';
import type { Parameter } from './parameters.js';
import { type SiblingFile, siblingsToSave } from './siblings.js';
import { derivedTensor } from './tied.js';

type Copied = Pick<Parameter, 'name' | 'copies' | 'derived'>;

/**
 * Writes `directory`/onnx/model.onnx, or each file of a joined model there, config.json and the tokenizer's files.
 * `model` is the one with the fitted head; a weight goes to all its copies. May be the directory the model came from.
 * @param weights by their names in the graph
 * @param options `beside`: files that go with the model; default those beside the file that it came from. `siblings`:
 *   further files of its weights
 * @returns the path of the last .onnx file
 */
export function writeModelDirectory(
  model: Model | JoinedModel,
  directory: string,
  weights: ReadonlyMap<string, Tensor>,
  {
    config,
    copies = [],
    beside = readFilesBeside(model.directory),
    preprocessor,
    siblings = [],
    onNote = () => {},
  }: {
    config: ModelConfig;
    copies?: readonly Copied[];
    beside?: FilesBeside;
    preprocessor?: object | undefined;
    siblings?: readonly SiblingFile[];
    /** Is told what people should know of what is written. */
    onNote?: (note: string) => void;
  },
): string {
  mkdirSync(join(directory, 'onnx'), { recursive: true });
  const all = new Map(weights);
  for (const { name, copies: others, derived } of copies) {
    const weight = weights.get(name);
    if (!weight) continue;
    for (const other of others) all.set(other, weight);
    for (const form of derived) all.set(form.name, derivedTensor(weight, form));
  }
  const files = filesToSave(model, directory, all).map((file) => roundedAgain(file, onNote));
  saveModels([...siblingsToSave(siblings, weights, join(directory, 'onnx')), ...files]);
  writeFilesBeside(directory, new Map([...beside, ['config.json', jsonBytes(config)]]), preprocessor);
  return files.at(-1)!.file;
}

/** Where its weights are to be rounded again, the file with its numbers. */
function roundedAgain(file: ModelToSave, onNote: (note: string) => void): ModelToSave {
  const { wasStored } = file.model;
  if (!wasStored) return file;
  const { model, weights, differences } = requantise(file.model, wasStored, file.weights);
  const note = roundingNote(differences);
  if (note !== undefined) onNote(note);
  return { ...file, model, weights };
}

/** The model's files with the weights of each. */
function filesToSave(
  model: Model | JoinedModel,
  directory: string,
  weights: ReadonlyMap<string, Tensor>,
): ModelToSave[] {
  const fileOf = (name: string): string => join(directory, 'onnx', `${name}.onnx`);
  if (!('parts' in model)) return [{ model: weightsInside(model), file: fileOf('model'), weights }];
  const placed = [...weights].map(([name, weight]) => ({ ...model.tensors.get(name)!, weight }));
  return model.parts.map(({ name: part, model }) => {
    const own = placed.filter((tensor) => tensor.part === part);
    const weights = new Map(own.map(({ name, weight }) => [name, weight]));
    return { model: weightsInside(model), file: fileOf(part), weights };
  });
}

/**
 * The model with no weight among its inputs: exports of opset 9 and before state them there too, and the JavaScript
 * binding then requires every one from its caller. `model` itself stays as it is.
 */
export function weightsInside(model: Model): Model {
  const { input, initializer } = graphOf(model);
  const weights = new Set(initializer.map(({ name }) => name));
  if (!input.some(({ name }) => weights.has(name))) return model;
  const copy = copyOfGraph(model);
  graphOf(copy).input = input.filter(({ name }) => !weights.has(name));
  // Before version 4 of the format a weight had to be an input.
  if (copy.proto.irVersion < 4n) copy.proto.irVersion = 4n;
  return copy;
}
