// The data of a run and of an evaluation, and who makes batches of them: what a configuration says, in the terms of
// src/data.

import type { ModelInput } from '../compile/protocol.js';
import type { EvalConfig } from '../config/schema.js';
import type { TrainConfig } from '../config/train-schema.js';
import type { Dataset } from '../data/dataset.js';
import type { DataLoader, LoaderOptions } from '../data/feeder.js';
import { type Augmentation, checkChannels, targetsAfter } from '../data/images/augment/chain.js';
import { ImageData, openLabelledImages } from '../data/images/image-data.js';
import type { ImageDataset } from '../data/images/image-dataset.js';
import { ImageLoader } from '../data/images/image-feeder.js';
import type { ImageInput } from '../data/images/image-inputs.js';
import { storedShapes } from '../data/images/image-table.js';
import { memoryPrefix, sourceOf, type Tensors } from '../data/images/tensors.js';
import type { LabelledData, OpenedDataset } from '../data/labelled-data.js';
import { refuseOtherTokens } from '../data/pack/tokens.js';
import { textShape } from '../data/sequence-lengths.js';
import { openLabelled, TextData } from '../data/text-data.js';
import { TextLoader } from '../data/text-feeder.js';
import { DataError, UsageError } from '../errors.js';
import type { ImageClassification, Task } from '../tasks/task.js';
import { type ImageOptions, type ImagePlan, planImages } from './images.js';

type Config = TrainConfig | EvalConfig;

/** What a configuration asks for, `data` opened. */
export function taskOf(config: Config, data?: LabelledData): Task {
  const { task: name, mlmProbability: probability, wholeWordMask: wholeWords, nextSentence, multiLabel } = config;
  if (name === 'masked-lm') return { name, masking: { probability, wholeWords, nextSentence } };
  if (name === 'text-classification') return { name };
  const targets = data instanceof ImageData ? data.targets : multiLabel ? 'labels' : 'class';
  return { name, targets: 'augmentation' in config ? targetsAfter(config.augmentation, targets) : targets };
}

const columnsOf = (config: Config) => ({
  text: config.textColumn,
  pair: config.pairColumn,
  label: config.task === 'masked-lm' ? undefined : config.labelColumn,
});

export const imageColumnsOf = ({
  imageColumn,
  labelColumn,
}: {
  imageColumn?: string | undefined;
  labelColumn: string;
}) => ({
  image: imageColumn ?? 'image',
  label: labelColumn,
});

/** Files, or the pictures in memory that a name stands for. */
export function imageInputOf(files: readonly string[], tensors: Tensors): ImageInput {
  const [name] = files;
  if (!name?.startsWith(memoryPrefix)) return { files };
  const found = tensors[name.slice(memoryPrefix.length)];
  if (!found)
    throw new UsageError(
      `${name} stands for pictures in memory, which are given to the library as they are, not by a name`,
    );
  return { source: sourceOf(found, name) };
}

/**
 * Opens the data that a training configuration names; the training data decides the classes. Close it after use.
 * @throws UsageError, DataError; the signal's reason
 */
export async function openData(config: TrainConfig, tensors: Tensors, signal?: AbortSignal): Promise<LabelledData> {
  const data = await open(config, tensors, signal);
  const { size, names } = data.labels;
  if (config.task === 'masked-lm' || config.numLabels === undefined || config.numLabels === size) return data;
  await data.close();
  throw new DataError(
    `data file ${data.train.files.join(', ')} has ${size} classes (${names.join(', ')}), numLabels says ${config.numLabels}; ` +
      'correct the labels or leave numLabels out',
  );
}

async function open(config: TrainConfig, tensors: Tensors, signal?: AbortSignal): Promise<LabelledData> {
  if (config.task !== 'image-classification')
    return TextData.open({ ...config, columns: { ...columnsOf(config), weight: config.weightColumn } }, signal);
  const { eval: evaluation, test, sampling, classWeights, evalSplit, seed, multiLabel, numLabels } = config;
  return ImageData.open(
    {
      train: imageInputOf(config.train, tensors),
      eval: evaluation && imageInputOf(evaluation, tensors),
      test: test && imageInputOf(test, tensors),
      weights: config.weightColumn,
      columns: imageColumnsOf(config),
      labels: config.labelNames,
      ...{ sampling, classWeights, evalSplit, seed, multiLabel, numLabels },
    },
    signal,
  );
}

/** Opens the data to evaluate on, against the classes of the model where there are any. Close it after use. */
export function openEvaluation(
  config: EvalConfig,
  tensors: Tensors,
  labels: readonly string[] | undefined,
  signal?: AbortSignal,
): Promise<OpenedDataset> {
  if (config.task !== 'image-classification')
    return openLabelled({ files: config.data, columns: columnsOf(config), labels }, signal);
  const { multiLabel } = config;
  const input = imageInputOf(config.data, tensors);
  return openLabelledImages({ input, labels: labels!, multiLabel, columns: imageColumnsOf(config) }, signal);
}

/** What a feeder has to know of the model. */
export interface FedModel {
  directory: string;
  inputs: readonly ModelInput[];
  /** Infinity when it has no position table. */
  maxPositions: number;
  labels: readonly string[];
}

export interface OpenedFeeder {
  feeder: DataLoader;
  /** Of pictures. */
  images?: ImagePlan;
}

/**
 * Starts the threads that make batches of the data. Close the feeder after use.
 * @throws ModelError, UsageError for a model that this data cannot feed; DataError for pictures of another size
 */
export function openFeeder(
  config: LoaderOptions &
    ImageOptions & {
      maxPixels?: number | undefined;
      maxLength: number;
      buckets?: readonly number[] | undefined;
      augmentation?: Augmentation;
    },
  model: FedModel,
  task: Task,
  parts: readonly OpenedDataset['data'][],
): OpenedFeeder {
  if (task.name === 'image-classification') return openImageFeeder(config, model, task, parts as ImageDataset[]);
  const shape = textShape(model.directory, model.maxPositions, config);
  for (const { table, files } of parts as Dataset[]) {
    if (!table?.tokens) continue;
    refuseOtherTokens(table.tokens, files, shape);
    if (task.name === 'masked-lm' && task.masking.nextSentence)
      throw new DataError(`${files.join(', ')}: packed texts cannot be joined to others; leave nextSentence out`);
  }
  return { feeder: new TextLoader({ ...config, ...shape, inputs: model.inputs, task }) };
}

/** Augmentation works on pixels as they are stored in files of pictures. */
function refuseFloats({ sources }: ImageDataset['table']): void {
  const floats = sources.find((source) => source.kind === 'pixels' && source.type !== 'uint8');
  if (floats)
    throw new UsageError(
      `${floats.name}: the pictures are floats, and augmentation takes uint8 pixels: leave augmentation out`,
    );
}

function openImageFeeder(
  config: LoaderOptions & ImageOptions & { maxPixels?: number | undefined; augmentation?: Augmentation },
  model: FedModel,
  { targets }: ImageClassification,
  parts: readonly { table: ImageDataset['table'] }[],
): { feeder: ImageLoader; images: ImagePlan } {
  if (config.augmentation?.length) refuseFloats(parts[0]!.table);
  const images = planImages(
    model,
    config,
    parts.flatMap(({ table }) => storedShapes(table)),
  );
  checkChannels(config.augmentation ?? [], images.shape.channels);
  return { feeder: new ImageLoader({ ...config, ...images, targets, labels: model.labels.length }), images };
}
