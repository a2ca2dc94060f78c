// The data of a run and of an evaluation: what a configuration says, in the terms of src/data.

import type { EvalConfig } from '../config/schema.js';
import type { TrainConfig } from '../config/train-schema.js';
import type { Dataset } from '../data/dataset.js';
import { memoryPrefix } from '../data/images/memory-names.js';
import { sourceOf, type Tensors } from '../data/images/tensors.js';
import type { DataInput } from '../data/protocol.js';
import { type OpenedDataset, openDataset, Splits } from '../data/splits.js';
import type { Table } from '../data/table.js';
import { DataError, UsageError } from '../errors.js';
import { taskNamed } from '../tasks/tasks.js';

/** Files, or what a name stands for that a host program gave. */
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
  const { eval: evaluation, test, labelNames, weightColumn, sampling, groupByLength, classWeights } = config;
  const { evalSplit, seed, streaming, shuffleBuffer, multiLabel, numLabels } = config;
  const task = taskNamed(config.task);
  const data = await Splits.open(
    {
      ...{ sampling, groupByLength, classWeights, evalSplit, seed, streaming, shuffleBuffer },
      columns: task.columns(config),
      weights: weightColumn,
      train: inputOf(config.train, tensors),
      eval: evaluation && inputOf(evaluation, tensors),
      test: test && inputOf(test, tensors),
      labels: labelNames,
      multiLabel,
      numLabels,
    },
    signal,
  );
  const { size, names } = data.labels;
  if (!task.classes || numLabels === undefined || numLabels === size) return data;
  await data.close();
  throw new DataError(
    `data file ${data.train.files.join(', ')} has ${size} classes (${names.join(', ')}), numLabels says ${numLabels}; ` +
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
  const columns = taskNamed(config.task).columns(config);
  return openDataset({ train: inputOf(data, tensors), columns, labels, multiLabel }, signal);
}

/** The tables of those of the parts that are in memory. */
export const tablesOf = (parts: readonly (Dataset | undefined)[]): Table[] =>
  parts.flatMap((part) => part?.table ?? []);
