// The data of a run and of an evaluation, and who makes batches of them: what a configuration says, in the terms of
// src/data.

import type { ModelInput } from '../compile/protocol.js';
import type { EvalConfig } from '../config/schema.js';
import type { TrainConfig } from '../config/train-schema.js';
import { imageColumns, textColumns } from '../data/column-specs.js';
import type { ColumnSpec } from '../data/columns.js';
import type { DataLoader, LoaderOptions } from '../data/feeder.js';
import { type Augmentation, checkChannels, targetsAfter } from '../data/images/augment/chain.js';
import { ImageLoader } from '../data/images/image-feeder.js';
import { type PictureSource, storedShapes } from '../data/images/sources.js';
import { memoryPrefix, sourceOf, type Tensors } from '../data/images/tensors.js';
import { refuseOtherTokens } from '../data/pack/tokens.js';
import type { DataInput } from '../data/protocol.js';
import { textShape } from '../data/sequence-lengths.js';
import { type OpenedDataset, openDataset, Splits } from '../data/splits.js';
import { pictureSources } from '../data/table.js';
import { TextLoader } from '../data/text-feeder.js';
import { DataError, UsageError } from '../errors.js';
import type { ImageClassification, Task } from '../tasks/task.js';
import { type ImageOptions, type ImagePlan, planImages } from './images.js';

type Config = TrainConfig | EvalConfig;

/** What a configuration asks for, `data` opened. */
export function taskOf(config: Config, data?: Splits): Task {
  const { task: name, mlmProbability: probability, wholeWordMask: wholeWords, nextSentence, multiLabel } = config;
  if (name === 'masked-lm') return { name, masking: { probability, wholeWords, nextSentence } };
  if (name === 'text-classification') return { name };
  const targets = data?.targets ?? (multiLabel ? 'labels' : 'class');
  return { name, targets: 'augmentation' in config ? targetsAfter(config.augmentation, targets) : targets };
}

/** What a configuration's data are read for. */
function columnsOf(config: Config): ColumnSpec[] {
  const { task, textColumn, pairColumn, labelColumn } = config;
  if (task === 'image-classification') return imageColumns(config);
  return textColumns({ textColumn, pairColumn, labelColumn: task === 'masked-lm' ? undefined : labelColumn });
}

/** Files, or the pictures in memory that a name stands for. */
function inputOf(files: readonly string[], tensors: Tensors): DataInput {
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
export async function openData(config: TrainConfig, tensors: Tensors, signal?: AbortSignal): Promise<Splits> {
  const { eval: evaluation, test, task, labelNames, weightColumn, sampling, groupByLength, classWeights } = config;
  const { evalSplit, seed, streaming, shuffleBuffer } = config;
  const pictures = task === 'image-classification';
  const data = await Splits.open(
    {
      ...{ sampling, groupByLength, classWeights, evalSplit, seed, streaming, shuffleBuffer },
      columns: columnsOf(config),
      weights: weightColumn,
      train: inputOf(config.train, tensors),
      eval: evaluation && inputOf(evaluation, tensors),
      test: test && inputOf(test, tensors),
      ...(pictures && { labels: labelNames, multiLabel: config.multiLabel, numLabels: config.numLabels }),
    },
    signal,
  );
  const { size, names } = data.labels;
  if (task === 'masked-lm' || config.numLabels === undefined || config.numLabels === size) return data;
  await data.close();
  throw new DataError(
    `data file ${data.train.files.join(', ')} has ${size} classes (${names.join(', ')}), numLabels says ${config.numLabels}; ` +
      'correct the labels or leave numLabels out',
  );
}

/** Opens the data to evaluate on, against the classes of the model where there are any. Close it after use. */
export function openEvaluation(
  config: EvalConfig,
  tensors: Tensors,
  labels: readonly string[] | undefined,
  signal?: AbortSignal,
): Promise<OpenedDataset> {
  const { data, multiLabel } = config;
  return openDataset({ train: inputOf(data, tensors), columns: columnsOf(config), labels, multiLabel }, signal);
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
  if (task.name === 'image-classification') return openImageFeeder(config, model, task, parts);
  const shape = textShape(model.directory, model.maxPositions, config);
  for (const { table, files } of parts) {
    if (!table?.tokens) continue;
    refuseOtherTokens(table.tokens, files, shape);
    if (task.name === 'masked-lm' && task.masking.nextSentence)
      throw new DataError(`${files.join(', ')}: packed texts cannot be joined to others; leave nextSentence out`);
  }
  return { feeder: new TextLoader({ ...config, ...shape, inputs: model.inputs, task }) };
}

/** Augmentation works on pixels as they are stored in files of pictures. */
function refuseFloats(sources: readonly PictureSource[]): void {
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
  parts: readonly OpenedDataset['data'][],
): { feeder: ImageLoader; images: ImagePlan } {
  const sources = parts.map(({ table }) => pictureSources(table!));
  if (config.augmentation?.length) refuseFloats(sources[0]!);
  const images = planImages(model, config, storedShapes(sources.flat()));
  checkChannels(config.augmentation ?? [], images.shape.channels);
  return { feeder: new ImageLoader({ ...config, ...images, targets, labels: model.labels.length }), images };
}
