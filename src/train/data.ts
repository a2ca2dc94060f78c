// The data of a run and of an evaluation: what a configuration says, in the terms of src/data.

import type { EvalConfig } from '../config/schema.js';
import type { TrainConfig } from '../config/train-schema.js';
import { textColumns } from '../data/column-specs.js';
import type { Dataset } from '../data/dataset.js';
import { listed } from '../data/labels.js';
import { type Given, inputOf } from '../data/memory/given.js';
import { formOf } from '../data/read/form.js';
import { type OpenedDataset, openDataset, Splits } from '../data/splits.js';
import type { Table } from '../data/table.js';
import { DataError, UsageError } from '../errors.js';
import { readsOf, whatIsRead } from '../tasks/reads.js';
import type { EncodingPlan, ModelValues } from '../tasks/task.js';
import { taskNamed } from '../tasks/tasks.js';

/**
 * Opens the data that a training configuration names; the training data decides the classes. Close it after use.
 * @param options `model`: for tasks whose columns depend on it; `labels`: names of the model's own classes
 * @throws UsageError, DataError; the signal's reason
 */
export async function openData(
  config: TrainConfig,
  given: Given,
  {
    model,
    labels,
    signal,
  }: {
    model?: ModelValues | undefined;
    labels?: readonly string[] | undefined;
    signal?: AbortSignal | undefined;
  } = {},
): Promise<Splits> {
  const { eval: evaluation, test, labelNames, weightColumn, sampling, groupByLength, classWeights } = config;
  const { evalSplit, seed, streaming, shuffleBuffer, multiLabel, numLabels } = config;
  const task = taskNamed(config.task);
  const data = await Splits.open(
    {
      ...{ sampling, groupByLength, classWeights, evalSplit, seed, streaming, shuffleBuffer },
      columns: task.columns(config, model),
      distinct: task.distinct?.(config),
      alike: task.alike?.(config),
      weights: weightColumn,
      train: inputOf(config.train, given),
      eval: evaluation && inputOf(evaluation, given),
      test: test && inputOf(test, given),
      corpus: corpusOf(config),
      labelNames,
      modelLabels: task.classes ? labels : [],
      multiLabel,
      numLabels,
      form: formOf(config),
      maxDownloadBytes: config.maxDownloadBytes,
    },
    signal,
  );
  const { size, names } = data.labels;
  if (!task.classes || numLabels === undefined || numLabels === size) return data;
  await data.close();
  throw new DataError(
    `data file ${data.train.files.join(', ')} has ${size} classes (${listed(names)}), numLabels says ${numLabels}; ` +
      'correct the labels or leave numLabels out',
  );
}

/** Texts without labels that a task is trained on too. */
const corpusOf = ({ corpus, corpusColumn, textColumn }: TrainConfig) =>
  corpus && { files: corpus, columns: textColumns({ textColumn: corpusColumn ?? textColumn }) };

/** Opens the data to evaluate on, against the classes of the model where there are any. Close it after use. */
export function openEvaluation(
  config: EvalConfig,
  given: Given,
  {
    model,
    labels,
    signal,
  }: {
    model: ModelValues;
    labels?: readonly string[] | undefined;
    signal?: AbortSignal | undefined;
  },
): Promise<OpenedDataset> {
  const { data, multiLabel, labelNames, maxDownloadBytes } = config;
  const task = taskNamed(config.task);
  const columns = task.columns(config, model);
  const more = { multiLabel, form: formOf(config), alike: task.alike?.(config), maxDownloadBytes };
  const input = inputOf(data, given);
  const opened = openDataset({ train: input, columns, classes: labels, labelNames, ...more }, signal);
  return opened.catch(whatIsRead(config.model, readsOf(columns)));
}

/**
 * Makes of the samples that are in memory what a task planned for their tables. @throws UsageError where they must be
 * in memory and are not
 */
export function divideParts(parts: readonly (Dataset | undefined)[], { windows = [], tables }: EncodingPlan): void {
  const inMemory = parts.filter((part) => part?.table !== undefined);
  for (const [i, counts] of windows.entries()) if (counts) inMemory[i]!.divide(counts);
  if (!tables) return;
  const other = parts.find((part) => part !== undefined && part.table === undefined);
  if (other)
    throw new UsageError(
      `${other.files.join(', ')}: option 'packing' needs all samples in memory, and these are streamed or given one by one: leave packing out`,
    );
  for (const [i, table] of tables.entries()) inMemory[i]!.replace(table);
}

/** The tables of those of the parts that are in memory. */
export const tablesOf = (parts: readonly (Dataset | undefined)[]): Table[] =>
  parts.flatMap((part) => part?.table ?? []);
