// A base and adapters beside it as one model directory, as any other program opens it: for `ortune merge`, and for
// measuring and asking a model with an adapter.

import { labelsOfConfig } from '../../data/labels.js';
import { writeStaged } from '../../files/staging.js';
import type { HeadName } from '../../heads/heads.js';
import { heads } from '../../heads/heads.js';
import { openModel } from '../../onnx/load.js';
import type { Model } from '../../onnx/model.js';
import type { Tensor } from '../../onnx/tensor.js';
import { readFilesBeside } from '../beside.js';
import { type ModelConfig, readModelConfig } from '../config.js';
import { writeModelDirectory } from '../directory.js';
import type { Parameter } from '../parameters.js';
import { mergeLayers, openForAdapters } from './merge.js';
import { type AdapterLayer, readAdapter, type StoredAdapter } from './peft.js';
import { layersOf, takeSaved, turnedIn } from './stored.js';

/** Heads that are made where the base has none of the size that an adapter was trained with, by PEFT's task. */
const headOf: Readonly<Record<string, HeadName>> = {
  SEQ_CLS: 'classification',
  TOKEN_CLS: 'tokens',
  QUESTION_ANS: 'answers',
};

export interface MergedDirectory {
  /** How many layers changed. */
  layers: number;
  /** What to say of it. */
  notes: string[];
}

/**
 * Writes the model with all adapters merged in; layers that several of them have get the sum. Of parameters that were
 * trained as they are the last one's count, and classes and tokenizer are those of the last one that has them.
 * @param base model directory or .onnx file
 * @throws UsageError for a directory without an adapter; ModelError for one of another model
 */
export function mergeDirectories(base: string, directories: readonly string[], output: string): MergedDirectory {
  const adapters = directories.map(readAdapter);
  const file = openModel(base);
  const own = readModelConfig(file.directory);
  const config: ModelConfig = Object.assign({}, own, ...directories.map((directory) => readModelConfig(directory)));
  const headed = withHead(file, config, adapters);
  const opened = openForAdapters(headed, config);
  const layers = new Map<string, AdapterLayer[]>();
  const saved = new Map<Parameter, Tensor>();
  for (const adapter of adapters) {
    for (const { module, layer } of layersOf(adapter, opened.modules, config))
      layers.set(module.alias, [...(layers.get(module.alias) ?? []), layer]);
    for (const parameter of takeSaved(
      opened.graph,
      adapter,
      opened.parameters,
      turnedIn(opened.modules, config),
      config,
    ))
      saved.set(parameter, opened.graph.initializers.get(parameter.name)!);
  }
  const stored = opened.modules.filter(({ alias, stored }) => stored && layers.has(alias)).length;
  const { model, weights } = mergeLayers(opened, config, layers);
  const values = new Map([
    ...[...saved].map(([{ name }, tensor]) => [name, tensor] as const),
    ...weights.map(({ parameter, weight }) => [parameter.name, weight] as const),
  ]);
  const beside = new Map([file.directory, ...directories].flatMap((directory) => [...readFilesBeside(directory)]));
  const copies = [...saved.keys(), ...weights.map(({ parameter }) => parameter)];
  writeStaged(output, (staging) => writeModelDirectory(model, staging, values, { config, copies, beside }));
  const notes = stored > 0 ? [`${stored} layers that the file stores as rounded numbers are floats in ${output}`] : [];
  return { layers: layers.size, notes };
}

/** The base with a head of the classes that adapters were trained with, whose weights they hold. */
function withHead(file: Model, config: ModelConfig, adapters: readonly StoredAdapter[]): Model {
  const last = adapters.findLast(({ saved }) => saved.size > 0);
  const head = last && headOf[last.taskType ?? ''];
  const labels = labelsOfConfig(config)?.names.length;
  if (!head || !labels) return file;
  return heads[head](file, { labels, layers: undefined, seed: 0, config, options: {} }).model;
}
