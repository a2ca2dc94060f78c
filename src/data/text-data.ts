// The labelled texts of a run, opened together because repeated texts are counted across the parts.

import { DataClient } from './data-client.js';
import { Dataset, type DatasetOptions } from './dataset.js';
import { LabelledData, type OpenedDataset, weightsOf } from './labelled-data.js';
import { LabelSet } from './labels.js';
import type { OpenedPart } from './protocol.js';
import type { Columns } from './read/record.js';
import type { Sampling } from './sampler.js';

export interface TextDataOptions {
  /** Files and globs. */
  train: readonly string[];
  eval?: readonly string[] | undefined;
  test?: readonly string[] | undefined;
  columns: Columns;
  /** Share of each class of the training data that becomes `eval`. */
  evalSplit?: number | undefined;
  /** Decides the split; default 0. */
  seed?: number | undefined;
  /** Leaves the training data in its files; default false. */
  streaming?: boolean | undefined;
  /** Streamed samples in memory at a time; default 16384. */
  shuffleBuffer?: number | undefined;
  /** Of the training data; the other parts keep the order of their files. Default shuffle. */
  sampling?: Sampling | undefined;
  /** Default true; a sequential order of training data is never grouped. */
  groupByLength?: boolean | undefined;
  /** Weights in the loss by class; classes that are not named weigh 1. */
  classWeights?: 'balanced' | Readonly<Record<string, number>> | undefined;
}

/** Of data to evaluate on; texts of similar length are batched together all the same. */
const inFileOrder = { sampling: 'sequential', groupByLength: true } as const;

export class TextData extends LabelledData<Dataset> {
  /**
   * Reads the files, or passes over them once where they are streamed. Close what you opened.
   * Which options exclude each other is for the configuration to say: eval and evalSplit; a stream and evalSplit or
   * drawing with replacement; sampling weighted without a column of weights.
   * @throws UsageError for a pattern without a file and an unknown name in classWeights; DataError, with file and line,
   *   for what cannot be trained on; the signal's reason
   */
  static async open(options: TextDataOptions, signal?: AbortSignal): Promise<TextData> {
    signal?.throwIfAborted();
    const { columns, seed = 0, streaming = false, sampling = 'shuffle', groupByLength = true } = options;
    const { shuffleBuffer = 16384 } = options;
    const client = new DataClient();
    try {
      const { train, eval: evaluation, test, evalSplit } = options;
      const request = { columns, train, eval: evaluation, test, evalSplit, seed, streaming };
      const opened = await client.ask({ kind: 'open', ...request }, signal);
      const labels = new LabelSet(opened.labels);
      const make = (part: OpenedPart, order: Partial<DatasetOptions>): Dataset =>
        new Dataset(client, part, labels.names, { ...inFileOrder, shuffleBuffer, columns, ...order });
      const parts = {
        train: make(opened.train, { sampling, groupByLength: groupByLength && sampling !== 'sequential' }),
        ...(opened.eval && { eval: make(opened.eval, {}) }),
        ...(opened.test && { test: make(opened.test, {}) }),
      };
      parts.train.classWeights = weightsOf(options.classWeights, labels, parts.train);
      return new TextData(client, labels, parts, opened.notes);
    } catch (error) {
      await client.close();
      throw error;
    }
  }
}

/**
 * Opens data to evaluate on, against classes that are given; none where no column holds labels. Close it after use.
 * @throws UsageError for a pattern without a file; DataError, with file and line, for an unknown label and anything
 *   else that cannot be used; the signal's reason
 */
export async function openLabelled(
  { files, columns, labels }: { files: readonly string[]; columns: Columns; labels: readonly string[] | undefined },
  signal?: AbortSignal,
): Promise<OpenedDataset<Dataset>> {
  signal?.throwIfAborted();
  const client = new DataClient();
  try {
    const opened = await client.ask({ kind: 'open', columns, train: files, labels, seed: 0, streaming: false }, signal);
    const data = new Dataset(client, opened.train, opened.labels, { ...inFileOrder, shuffleBuffer: 1, columns });
    return { data, close: () => client.close() };
  } catch (error) {
    await client.close();
    throw error;
  }
}
