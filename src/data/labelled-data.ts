// The labelled samples of a run: the training data, what to evaluate on and what to test with, opened together because
// the training data decides the classes. One thread reads for all three. What samples are is for those who open them:
// text-data.ts, image-data.ts.

import { UsageError } from '../errors.js';
import type { DataClient } from './data-client.js';
import type { Split } from './dataset.js';
import { LabelSet } from './labels.js';

export interface Parts<P> {
  train: P;
  eval?: P;
  test?: P;
}

export class LabelledData<P extends Split = Split> {
  readonly train: P;
  readonly eval?: P;
  readonly test?: P;
  /** What the user should know, such as texts that are in the training data and in another part. */
  readonly notes: readonly string[];
  /** Whether the classes have names, and not numbers only. */
  readonly named: boolean;
  #labels: LabelSet;
  #client: DataClient;

  constructor(client: DataClient, labels: LabelSet, parts: Parts<P>, notes: readonly string[], named = true) {
    this.#client = client;
    this.#labels = labels;
    this.notes = notes;
    this.named = named;
    this.train = parts.train;
    if (parts.eval) this.eval = parts.eval;
    if (parts.test) this.test = parts.test;
  }

  get labels(): LabelSet {
    return this.#labels;
  }

  /** Samples of each class in the training data. */
  get classCounts(): readonly number[] {
    return this.train.classCounts;
  }

  /**
   * Puts the classes in the order of `names`, which must be the same ones; classes without names are called so. Not while
   * rows are being read.
   */
  async relabel(names: readonly string[]): Promise<void> {
    const labels = new LabelSet(names);
    if (!this.named && labels.size === this.#labels.size) {
      this.#labels = labels;
      return;
    }
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

/** Data of one kind, opened by itself. */
export interface OpenedDataset<P extends Split = Split> {
  data: P;
  close(): Promise<void>;
}

/** @throws UsageError for a name that no class has */
export function weightsOf(
  wish: 'balanced' | Readonly<Record<string, number>> | undefined,
  { names }: LabelSet,
  { classCounts, samples }: Split,
): number[] | undefined {
  if (wish === undefined) return undefined;
  // scikit-learn's compute_class_weight('balanced').
  if (wish === 'balanced') return classCounts.map((count) => (count > 0 ? samples / (names.length * count) : 1));
  const unknown = Object.keys(wish).find((name) => !names.includes(name));
  if (unknown !== undefined)
    throw new UsageError(`classWeights names '${unknown}'; the classes of the data are ${names.join(', ')}`);
  return names.map((name) => (Object.hasOwn(wish, name) ? wish[name]! : 1));
}
