// Writes a trained model as a directory in the layout of transformers.js: the original graph with the trained weights,
// its configuration with the classes, and the tokenizer's files as they were.

import { copyFileSync, existsSync, mkdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import type { Model } from '../onnx/model.js';
import { PendingFile } from '../onnx/pending-file.js';
import { saveModel } from '../onnx/save.js';
import type { Tensor } from '../onnx/tensor.js';
import { type ModelConfig, readModelConfig } from './config.js';
import type { Parameter } from './parameters.js';

const copied = [
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'vocab.txt',
  'vocab.json',
  'merges.txt',
  'spiece.model',
  'sentencepiece.bpe.model',
  'preprocessor_config.json',
];

/** Class names of the transformers library that do not follow from `model_type` by capitalising. */
const prefixes: Record<string, string> = {
  distilbert: 'DistilBert',
  roberta: 'Roberta',
  'xlm-roberta': 'XLMRoberta',
  mpnet: 'MPNet',
  deberta: 'Deberta',
  'deberta-v2': 'DebertaV2',
};

/**
 * Writes `directory`/onnx/model.onnx, config.json and the tokenizer's files. `model` is the one with the fitted head;
 * a weight goes to all its copies in the file. May be the directory the model came from.
 * @returns the path of the .onnx file
 */
export function writeModelDirectory(
  model: Model,
  directory: string,
  weights: ReadonlyMap<string, Tensor>,
  { labels, copies = [] }: { labels: readonly string[]; copies?: readonly Pick<Parameter, 'name' | 'copies'>[] },
): string {
  const file = join(directory, 'onnx', 'model.onnx');
  mkdirSync(join(directory, 'onnx'), { recursive: true });
  const all = new Map(weights);
  for (const { name, copies: others } of copies)
    for (const other of others) if (weights.has(name)) all.set(other, weights.get(name)!);
  saveModel(model, file, all);
  const config = new PendingFile(join(directory, 'config.json'));
  config.write(Buffer.from(`${JSON.stringify(classifierConfig(readModelConfig(model.directory), labels), null, 2)}\n`));
  config.commit();
  if (realpathSync(model.directory) === realpathSync(directory)) return file;
  for (const name of copied)
    if (existsSync(join(model.directory, name))) copyFileSync(join(model.directory, name), join(directory, name));
  return file;
}

/** The configuration as that of a classifier with these classes. */
export function classifierConfig(config: ModelConfig, labels: readonly string[]): ModelConfig {
  const type = config.model_type;
  const prefix = type && (prefixes[type] ?? type[0]!.toUpperCase() + type.slice(1));
  return {
    ...config,
    ...(prefix && { architectures: [`${prefix}ForSequenceClassification`] }),
    num_labels: labels.length,
    id2label: Object.fromEntries(labels.map((label, id) => [id, label])),
    label2id: Object.fromEntries(labels.map((label, id) => [label, id])),
    problem_type: 'single_label_classification',
  };
}
