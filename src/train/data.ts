// The data of a run: records and labels of the training, evaluation and test files, read as streams.

import type { EvalConfig } from '../config/schema.js';
import type { TrainConfig } from '../config/train-schema.js';
import type { TextSource } from '../data/feeder.js';
import { LabelSet, labelsOfData } from '../data/labels.js';
import { type Columns, readRecords } from '../data/records.js';
import { DataError } from '../errors.js';

export interface LabelledText extends TextSource {
  labels: Int32Array;
}

export interface TrainData {
  labels: LabelSet;
  train: LabelledText;
  eval?: LabelledText;
  test?: LabelledText;
}

const columnsOf = (config: TrainConfig | EvalConfig): Columns => ({
  text: config.textColumn,
  pair: config.pairColumn,
  label: config.labelColumn,
});

/**
 * Reads the files that a training configuration names; the training data decides the classes.
 * @throws UsageError, DataError; the signal's reason
 */
export async function openData(config: TrainConfig, signal?: AbortSignal): Promise<TrainData> {
  const columns = columnsOf(config);
  const train = await readRecords(config.train[0]!, columns, { signal });
  const labels = labelsOfData(train);
  if (config.numLabels !== undefined && config.numLabels !== labels.size)
    throw new DataError(
      `data file ${config.train[0]} has ${labels.size} classes (${labels.names.join(', ')}), numLabels says ${config.numLabels}; ` +
        'correct the labels or leave numLabels out',
    );
  const read = async ([file]: readonly string[] = []): Promise<LabelledText | undefined> => {
    if (file === undefined) return undefined;
    const data = await readRecords(file, columns, { signal });
    return { ...data, labels: labels.ids(data) };
  };
  const evaluation = await read(config.eval);
  const test = await read(config.test);
  return {
    labels,
    train: { ...train, labels: labels.ids(train) },
    ...(evaluation && { eval: evaluation }),
    ...(test && { test }),
  };
}

/** The same data with its classes in the order of `names`. */
export function inOrder(data: TrainData, names: readonly string[]): TrainData {
  if (names.join('\n') === data.labels.names.join('\n')) return data;
  const labels = new LabelSet(names);
  const renumbered = (text: LabelledText): LabelledText => ({ ...text, labels: labels.ids(text) });
  return {
    labels,
    train: renumbered(data.train),
    ...(data.eval && { eval: renumbered(data.eval) }),
    ...(data.test && { test: renumbered(data.test) }),
  };
}

/** Reads the file to evaluate on against the classes of the model. */
export async function openEvaluation(
  config: EvalConfig,
  labels: readonly string[],
  signal?: AbortSignal,
): Promise<LabelledText> {
  const data = await readRecords(config.data[0]!, columnsOf(config), { signal });
  return { ...data, labels: new LabelSet(labels).ids(data) };
}
