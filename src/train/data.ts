// The data of a run and of an evaluation: what a configuration says of it, in the terms of src/data.

import type { EvalConfig } from '../config/schema.js';
import type { TrainConfig } from '../config/train-schema.js';
import type { OpenedDataset } from '../data/labelled-data.js';
import { openLabelled, TextData } from '../data/text-data.js';
import { DataError } from '../errors.js';
import type { Task } from '../tasks/task.js';

type Config = TrainConfig | EvalConfig;

/** What a configuration asks for. */
export function taskOf({
  task: name,
  mlmProbability: probability,
  wholeWordMask: wholeWords,
  nextSentence,
}: Config): Task {
  return name === 'masked-lm' ? { name, masking: { probability, wholeWords, nextSentence } } : { name };
}

const columnsOf = (config: Config) => ({
  text: config.textColumn,
  pair: config.pairColumn,
  label: config.task === 'masked-lm' ? undefined : config.labelColumn,
});

/**
 * Opens the data that a training configuration names; the training data decides the classes. Close it after use.
 * @throws UsageError, DataError; the signal's reason
 */
export async function openData(config: TrainConfig, signal?: AbortSignal): Promise<TextData> {
  const columns = { ...columnsOf(config), weight: config.weightColumn };
  const data = await TextData.open({ ...config, columns }, signal);
  const { size, names } = data.labels;
  if (config.task === 'masked-lm' || config.numLabels === undefined || config.numLabels === size) return data;
  await data.close();
  throw new DataError(
    `data file ${data.train.files.join(', ')} has ${size} classes (${names.join(', ')}), numLabels says ${config.numLabels}; ` +
      'correct the labels or leave numLabels out',
  );
}

/** Opens the data to evaluate on, against the classes of the model where there are any. Close it after use. */
export const openEvaluation = (
  config: EvalConfig,
  labels: readonly string[] | undefined,
  signal?: AbortSignal,
): Promise<OpenedDataset> => openLabelled({ files: config.data, columns: columnsOf(config), labels }, signal);
