// The samples of a run: the training data, what to evaluate on and what to test with, opened together because the
// training data decides the classes and repeated texts are counted across the parts. One thread reads for all three.

import { UsageError } from '../errors.js';
import { quote } from '../quote.js';
import { type ColumnSpec, ofKind } from './columns.js';
import { DataClient } from './data-client.js';
import { Dataset, type DatasetOptions } from './dataset.js';
import { readsPictures } from './found.js';
import type { TargetKind } from './images/targets.js';
import { LabelSet, listed } from './labels.js';
import type { RowsInput } from './memory/given.js';
import { type BytesInput, writeBytes } from './memory/given-bytes.js';
import { readPictures } from './memory/pictures.js';
import { AskedRows } from './memory/row-access.js';
import { RowFunction } from './memory/row-function.js';
import { readRows } from './memory/rows.js';
import type { DataInput, OpenedData, OpenedPart, OpenRequest } from './protocol.js';
import { type Fetching, withRemoteFiles } from './remote-files.js';
import type { Sampling } from './sampler.js';

type Part = 'train' | 'eval' | 'test';

export interface SplitsOptions extends Omit<OpenRequest, 'scratch' | 'hashed' | 'seed' | 'corpus' | Part> {
  /** Of a file of a URL. */
  maxDownloadBytes?: number | undefined;
  train: DataInput | RowsInput | BytesInput;
  eval?: DataInput | RowsInput | BytesInput | undefined;
  test?: DataInput | RowsInput | BytesInput | undefined;
  /** Texts without labels that are trained on too. */
  corpus?: { files: readonly string[]; columns: readonly ColumnSpec[] } | undefined;
  /** Decides what is held out; default 0. */
  seed?: number | undefined;
  /** Streamed samples in memory at a time; default 16384. */
  shuffleBuffer?: number | undefined;
  /** Of the training data; the other parts keep the order of their files. Default shuffle. */
  sampling?: Sampling | undefined;
  /** Of texts; default true; a sequential order of training data is never grouped. */
  groupByLength?: boolean | undefined;
  /** Roles of texts that training samples of one batch are not to have in common. */
  distinct?: readonly string[] | undefined;
  /** The role of the classes that samples of one batch are to have in common, two by two. */
  alike?: readonly [string] | undefined;
  /** Weights in the loss by class; classes that are not named weigh 1. */
  classWeights?: 'balanced' | Readonly<Record<string, number>> | undefined;
}

/** Of data to evaluate on; texts of similar length are batched together all the same. */
const inFileOrder = { sampling: 'sequential', groupByLength: true } as const;

export class Splits {
  readonly train: Dataset;
  readonly eval?: Dataset;
  readonly test?: Dataset;
  /** Texts without labels that are trained on too. */
  readonly corpus?: Dataset;
  /** What the user should know, such as texts that are in the training data and in another part. */
  readonly notes: readonly string[];
  /** What the targets of the training data are. */
  readonly targets: TargetKind;
  /** What a label that holds weighs, of each, where several may hold at once. */
  readonly positiveWeights?: readonly number[] | undefined;
  readonly #labels: LabelSet;
  #client: DataClient;

  private constructor(
    client: DataClient,
    { labels, notes, ...parts }: OpenedData,
    options: SplitsOptions,
    given: { [P in Part]?: Prepared | undefined },
  ) {
    const { columns, weights, form, sampling = 'shuffle', groupByLength = true, shuffleBuffer = 16384 } = options;
    const make = (part: OpenedPart, order: Partial<DatasetOptions>): Dataset =>
      new Dataset(client, part, labels, { ...inFileOrder, shuffleBuffer, columns, weights, form, ...order });
    this.#client = client;
    this.#labels = new LabelSet(labels);
    this.notes = notes;
    const grouped = groupByLength && sampling !== 'sequential';
    const { distinct, alike } = options;
    this.train = make(parts.train, { sampling, groupByLength: grouped, distinct, alike, ...given.train?.rows });
    if (parts.eval) this.eval = make(parts.eval, { alike, ...(given.eval ?? given.train)?.rows });
    if (parts.test) this.test = make(parts.test, { alike, ...given.test?.rows });
    if (parts.corpus)
      this.corpus = make(parts.corpus, { columns: options.corpus!.columns, sampling: 'shuffle', groupByLength });
    this.targets = options.multiLabel ? 'labels' : this.#holdsTargets() ? 'probabilities' : 'class';
    if (options.classWeights !== undefined && this.targets === 'probabilities')
      throw new UsageError('classWeights are for labels that hold or not; leave classWeights out');
    // What is passed over is counted by classes, and these samples may have several labels.
    if (options.classWeights === 'balanced' && this.targets === 'labels' && !this.train.known)
      throw new UsageError(
        'classWeights balanced counts the labels of all samples, which streamed rows and those of a function are not kept for; ' +
          'give a weight for each label, or leave streaming out',
      );
    const ofClasses = weightsOf(options.classWeights, this.#labels, this.train, this.targets);
    if (this.targets === 'labels') this.positiveWeights = ofClasses;
    else this.train.classWeights = ofClasses;
  }

  /**
   * Reads the data, or passes over it once where it is streamed. Pixels are read once, to be hashed, and never kept.
   * Close what you opened. Which options exclude each other is for the configuration to say: eval and evalSplit; a
   * stream and evalSplit or drawing with replacement; sampling weighted without a column of weights.
   * @throws UsageError for a pattern without a file and an unknown name in classWeights; DataError, with its place, for
   *   what cannot be trained on; the signal's reason
   */
  static async open(options: SplitsOptions, signal?: AbortSignal): Promise<Splits> {
    signal?.throwIfAborted();
    const { sampling, groupByLength, classWeights, shuffleBuffer, distinct, alike, seed = 0, ...rest } = options;
    const { maxDownloadBytes, ...request } = rest;
    const { columns, weights } = options;
    const client = new DataClient();
    try {
      const { scratch } = client;
      const notes: string[] = [];
      const of = { columns, client, notes, maxDownloadBytes };
      const train = await prepared(options.train, { ...of, weights, distinct: distinct ?? alike }, signal);
      const evaluation = options.eval && (await prepared(options.eval, of, signal));
      const test = options.test && (await prepared(options.test, of, signal));
      const { columns: ofCorpus = [] } = options.corpus ?? {};
      const corpus = options.corpus && (await prepared(options.corpus, { ...of, columns: ofCorpus }, signal));
      const inputs = {
        ...{ train: train.input, eval: evaluation?.input, test: test?.input },
        corpus: corpus && { input: corpus.input, columns: ofCorpus },
      };
      const opened = await client.request({ kind: 'open', ...request, ...inputs, seed, scratch }, signal);
      const told = { ...opened, notes: [...notes, ...opened.notes] };
      return new Splits(client, told, options, { train, eval: evaluation, test });
    } catch (error) {
      await client.close();
      throw error;
    }
  }

  #holdsTargets(): boolean {
    const { known } = this.train;
    return known !== undefined && ofKind(known.columns, 'targets', 'numbers') !== undefined;
  }

  get labels(): LabelSet {
    return this.#labels;
  }

  /** Samples of each class in the training data. */
  get classCounts(): readonly number[] {
    return this.train.classCounts;
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

interface Preparing
  extends Pick<OpenRequest, 'columns' | 'weights'>,
    Pick<SplitsOptions, 'distinct'>,
    Omit<Fetching, 'signal'> {
  client: DataClient;
}

interface Prepared {
  input: DataInput;
  /** Who gives rows later, where they stay with the host program. */
  rows?: Pick<DatasetOptions, 'rows' | 'access'>;
}

/** An input as the data thread takes it: the rows of a host program are read, or passed over, before; bytes written. */
async function prepared(
  input: DataInput | RowsInput | BytesInput,
  { columns, weights, distinct, client, notes, maxDownloadBytes }: Preparing,
  signal: AbortSignal | undefined,
): Promise<Prepared> {
  if ('files' in input)
    return { input: { files: await withRemoteFiles(input.files, client, { notes, maxDownloadBytes, signal }) } };
  if (!('name' in input)) return { input };
  if ('file' in input) {
    const path = await writeBytes(input, client.scratch);
    client.standIn(path, input.name);
    return { input: { files: [path] } };
  }
  const read = { name: input.name, columns, weights };
  if ('rows' in input && readsPictures(columns))
    return { input: { source: await readPictures(input.rows, read, client.scratch, signal) } };
  if ('rows' in input) return { input: await readRows(input.rows, read, signal) };
  if ('access' in input) {
    const access = new AskedRows(input.access, { ...read, distinct });
    return { input: await access.pass(signal), rows: { access } };
  }
  const rows = new RowFunction(input.rowsOf, read);
  return { input: { pass: await rows.pass(signal) }, rows: { rows } };
}

/** Data opened by itself. */
export interface OpenedDataset {
  data: Dataset;
  /** What the user should know. */
  notes: readonly string[];
  close(): Promise<void>;
}

/**
 * Opens data to evaluate on, against the `classes` of the model. Close it after use.
 * @throws UsageError for a pattern without a file; DataError, with its place, for an unknown label and anything else
 * that
 *   cannot be used; the signal's reason
 */
export async function openDataset(
  options: Pick<
    SplitsOptions,
    'train' | 'columns' | 'classes' | 'labelNames' | 'multiLabel' | 'form' | 'alike' | 'maxDownloadBytes'
  >,
  signal?: AbortSignal,
): Promise<OpenedDataset> {
  signal?.throwIfAborted();
  const { alike, maxDownloadBytes, ...request } = options;
  const { columns } = options;
  const client = new DataClient();
  try {
    const { scratch } = client;
    const notes: string[] = [];
    const { input: train, rows } = await prepared(options.train, { columns, client, notes, maxDownloadBytes }, signal);
    const opened = await client.request({ kind: 'open', ...request, train, measured: true, seed: 0, scratch }, signal);
    const order = { ...inFileOrder, shuffleBuffer: 1, columns, alike, ...rows };
    const data = new Dataset(client, opened.train, opened.labels, order);
    return { data, notes: [...notes, ...opened.notes], close: () => client.close() };
  } catch (error) {
    await client.close();
    throw error;
  }
}

/** @throws UsageError for a name that no class has */
function weightsOf(
  wish: 'balanced' | Readonly<Record<string, number>> | undefined,
  labels: LabelSet,
  { classCounts, samples }: Dataset,
  targets: TargetKind,
): number[] | undefined {
  if (wish === undefined) return undefined;
  // Samples without the label for each with it, as PyTorch's documentation suggests for pos_weight.
  if (wish === 'balanced' && targets === 'labels')
    return classCounts.map((count) => (count > 0 ? (samples - count) / count : 1));
  // scikit-learn's compute_class_weight('balanced').
  const { names } = labels;
  if (wish === 'balanced') return classCounts.map((count) => (count > 0 ? samples / (names.length * count) : 1));
  const weights = names.map(() => 1);
  for (const [name, weight] of Object.entries(wish)) {
    const id = labels.find(name);
    if (id === undefined)
      throw new UsageError(`classWeights names ${quote(name)}; the classes of the data are ${listed(names)}`);
    weights[id] = weight;
  }
  return weights;
}
