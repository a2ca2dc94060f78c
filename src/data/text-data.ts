// The labelled texts of a run: the training data, what to evaluate on and what to test with, opened together because
// the training data decides the classes and repeated texts are counted across them. One thread reads for all three.

import { UsageError } from '../errors.js';
import { DataClient } from './data-client.js';
import { Dataset, type DatasetOptions } from './dataset.js';
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

export class TextData {
  readonly train: Dataset;
  readonly eval?: Dataset;
  readonly test?: Dataset;
  /** What the user should know, such as texts that are in the training data and in another part. */
  readonly notes: readonly string[];
  #labels: LabelSet;
  #client: DataClient;

  private constructor(
    client: DataClient,
    labels: LabelSet,
    parts: { train: Dataset; eval?: Dataset; test?: Dataset },
    notes: readonly string[],
  ) {
    this.#client = client;
    this.#labels = labels;
    this.notes = notes;
    this.train = parts.train;
    if (parts.eval) this.eval = parts.eval;
    if (parts.test) this.test = parts.test;
  }

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

  get labels(): LabelSet {
    return this.#labels;
  }

  /** Samples of each class in the training data. */
  get classCounts(): readonly number[] {
    return this.train.classCounts;
  }

  /** Puts the classes in the order of `names`, which must be the same ones. Not while rows are being read. */
  async relabel(names: readonly string[]): Promise<void> {
    const labels = new LabelSet(names);
    const classes = this.#labels.names.map((name) => names.indexOf(name));
    if (labels.size !== this.#labels.size || classes.includes(-1))
      throw new Error(`${names.join(', ')} are not the classes of the data, ${this.#labels.names.join(', ')}`);
    if (classes.every((to, from) => to === from)) return;
    const parts = [this.train, this.eval, this.test].filter((part) => part !== undefined);
    const tables = parts.flatMap(({ table }) => table ?? []);
    await this.#client.ask({ kind: 'relabel', tables, classes });
    this.#labels = labels;
    for (const part of parts) part.relabelled(names, classes);
  }

  /** Ends the thread. May be called again. */
  close(): Promise<void> {
    return this.#client.close();
  }

  /** The worker threads at this moment, for diagnosis. */
  get threads(): DataClient['threads'] {
    return this.#client.threads;
  }
}

export interface OpenedDataset {
  data: Dataset;
  close(): Promise<void>;
}

/**
 * Opens data to evaluate on, against classes that are given; none where no column holds labels. Close it after use.
 * @throws UsageError for a pattern without a file; DataError, with file and line, for an unknown label and anything
 *   else that cannot be used; the signal's reason
 */
export async function openLabelled(
  { files, columns, labels }: { files: readonly string[]; columns: Columns; labels: readonly string[] | undefined },
  signal?: AbortSignal,
): Promise<OpenedDataset> {
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

function weightsOf(
  wish: TextDataOptions['classWeights'],
  { names }: LabelSet,
  { classCounts, samples }: Dataset,
): number[] | undefined {
  if (wish === undefined) return undefined;
  // scikit-learn's compute_class_weight('balanced').
  if (wish === 'balanced') return classCounts.map((count) => (count > 0 ? samples / (names.length * count) : 1));
  const unknown = Object.keys(wish).find((name) => !names.includes(name));
  if (unknown !== undefined)
    throw new UsageError(`classWeights names '${unknown}'; the classes of the data are ${names.join(', ')}`);
  return names.map((name) => (Object.hasOwn(wish, name) ? wish[name]! : 1));
}
