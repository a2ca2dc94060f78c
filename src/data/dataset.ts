// What trainer and evaluation see of their data: counts, hashes, places for messages, and the samples of an epoch batch
// by batch, which hides whether they are in memory, streamed or given by the host program. The main thread holds shared
// arrays only; reading and planning happen in the data thread, but for the rows that the program gives.

import { hash } from '../random.js';
import { textsApart } from './apart.js';
import { type ColumnSpec, ofKind } from './columns.js';
import { type DataClient, orAborted } from './data-client.js';
import { applyLabels } from './labels.js';
import type { AskedRows } from './memory/row-access.js';
import type { RowFunction } from './memory/row-function.js';
import { batchCount, EpochOrders, type OrderColumns } from './orders.js';
import type { Block, BlockRequest, OpenedPart, StreamFile } from './protocol.js';
import type { ReadForm } from './read/form.js';
import { placeOf } from './read/row.js';
import { type Sampling, shuffleInPlace } from './sampler.js';
import { detached, type Samples, samplesOf } from './samples.js';
import { withNames } from './stand-ins.js';
import { locationOf, type Table } from './table.js';
import { divided } from './text/windows.js';

export interface RowsRequest {
  batchSize: number;
  seed: number;
  epoch: number;
  /** Number of the first batch wanted; default 0. */
  from?: number | undefined;
  /** Every sample once, in the order of the files, whatever an epoch of training is. Default false. */
  sequentialPass?: boolean | undefined;
  /** Leaves out a last batch that is short; default false. */
  whole?: boolean | undefined;
  signal?: AbortSignal | undefined;
}

/** How the samples of a data set make up an epoch. */
export interface DatasetOptions {
  sampling: Sampling;
  groupByLength: boolean;
  /** Samples in memory at a time where the data is streamed. */
  shuffleBuffer: number;
  /** Roles of texts that samples of one batch are not to have in common; default none. */
  distinct?: readonly string[] | undefined;
  /** The role of the classes that samples of one batch are to have in common, two by two; default none. */
  alike?: readonly [string] | undefined;
  /** What streamed files are read for. */
  columns: readonly ColumnSpec[];
  weights?: string | undefined;
  form?: ReadForm | undefined;
  /** Where a function gives the rows. */
  rows?: RowFunction | undefined;
  /** Where rows are asked for by number. */
  access?: AskedRows | undefined;
}

// A stream of the generator: the order of streamed files.
const fileStream = 0x66_69_6c_65;

export class Dataset {
  readonly files: readonly string[];
  /** Windows of texts where these were divided. */
  samples: number;
  /** SHA-256 over the samples, their labels and weights, in order. */
  readonly hash: string;
  /** Weights of the classes in the loss; all 1 where undefined. */
  classWeights: readonly number[] | undefined;
  #client: DataClient;
  #part: OpenedPart;
  readonly #labels: readonly string[];
  #options: DatasetOptions;
  readonly #orders: EpochOrders;
  /** Numbers of the data thread's buffers that no iteration uses. */
  #buffers: number[] = [];
  #buffersMade = 0;

  /** Use `Splits.open` or `openDataset`. */
  constructor(client: DataClient, part: OpenedPart, labels: readonly string[], options: DatasetOptions) {
    this.#client = client;
    this.#part = part;
    this.#labels = labels;
    this.#options = options;
    this.#orders = new EpochOrders(client, options.sampling);
    this.files = part.files;
    this.samples = part.samples;
    this.hash = part.hash;
  }

  /** Samples of each class, in the order of the classes. */
  get classCounts(): readonly number[] {
    return this.#part.classCounts;
  }

  /** The samples in shared memory, unless they are streamed. */
  get table(): Table | undefined {
    return 'table' in this.#part.source ? this.#part.source.table : undefined;
  }

  /** What is known of the samples at any time: their table, of rows that are asked for without texts and tensors. */
  get known(): Table | undefined {
    const { source } = this.#part;
    return 'asked' in source ? source.asked : this.table;
  }

  /** Makes a sample of each window of a text that is longer than a model reads. */
  divide(counts: Uint32Array): void {
    this.replace(divided(this.table!, counts));
  }

  /** Has other samples in the place of those in memory. */
  replace(table: Table): void {
    this.#part = { ...this.#part, source: { table } };
    this.samples = table.count;
  }

  /** 'file:line' of a sample; of a streamed one the file and the number of the record in it. */
  location(sample: number): string {
    const { source } = this.#part;
    if (this.known) return locationOf(this.known, sample);
    if ('generated' in source) return placeOf(this.files[0]!, sample, 'row');
    if (!('stream' in source)) throw new Error('nothing says where the samples are');
    let left = sample;
    for (const { path, records } of source.stream) {
      if (left < records) return withNames(`${path}, record ${left + 1}`);
      left -= records;
    }
    throw new Error(`there is no sample ${sample}`);
  }

  /** Whether every epoch is sure to have the same samples by the same numbers, which a program need not give. */
  get repeats(): boolean {
    return 'table' in this.#part.source || 'stream' in this.#part.source;
  }

  /** Batches in an epoch; the last may be short, unless whole ones alone count. */
  batches(batchSize: number, whole?: boolean): number {
    return batchCount(this.samples, batchSize, whole);
  }

  /**
   * The samples of an epoch's batches, in order, from batch `from` on: a function of (seed, epoch), batchSize and how
   * the data was opened.
   * @throws DataError for streamed files that changed, and rows of a function that cannot be used; OrtuneError when the
   * data thread dies; the signal's reason
   */
  rows(request: RowsRequest): AsyncGenerator<Samples, void, void> {
    const { source } = this.#part;
    if ('table' in source) return this.#inMemory(source.table, request);
    if ('asked' in source) return this.#asked(source.asked, request);
    return 'stream' in source ? this.#streamed(source.stream, request) : this.#generated(request);
  }

  async *#inMemory(table: Table, request: RowsRequest): AsyncGenerator<Samples, void, void> {
    const options = { classWeights: this.classWeights, unweighted: this.#options.sampling === 'weighted' };
    for await (const { index, members } of this.#orders.batches(request, this.#orderedBy(table)))
      yield samplesOf(table, members, { index, ...options });
  }

  /** The rows of each batch asked for when it is its turn. @param known labels, weights and lengths of all */
  async *#asked(known: Table, request: RowsRequest): AsyncGenerator<Samples, void, void> {
    const unweighted = known.weight === undefined || this.#options.sampling === 'weighted';
    const { readings } = this.#part;
    for await (const { index, members } of this.#orders.batches(request, this.#orderedBy(known))) {
      const numbers = members.map((member) => known.origin.lines!.line[member]!);
      const { table, names } = await this.#options.access!.batch(numbers, request.signal);
      if (readings.length > 0) applyLabels(table, names, this.#labels, readings);
      const options = { index, samples: members.slice(), classWeights: this.classWeights, unweighted };
      yield samplesOf(table, everyRow(table), options);
    }
  }

  /** What the order of an epoch is made of. */
  #orderedBy(table: Table): OrderColumns {
    const { count, weight: weights } = table;
    const lengths = table.length?.subarray(0, count);
    const labels = ofKind(table.columns, 'label', 'class')?.values;
    const { groupByLength, distinct, alike } = this.#options;
    const beside = { apart: textsApart(table, distinct), together: textsApart(table, alike)?.[0] };
    return { count, lengths, labels, weights, groupByLength, ...beside };
  }

  /** Block after block, the next being read while one is used: two buffers of the data thread in turn. */
  async *#streamed(files: readonly StreamFile[], request: RowsRequest): AsyncGenerator<Samples, void, void> {
    const { batchSize, from = 0, whole, signal } = request;
    const count = this.batches(batchSize, whole);
    const size = Math.ceil(this.#options.shuffleBuffer / batchSize) * batchSize;
    const buffers = [this.#takeBuffer(), this.#takeBuffer()];
    const sequence = this.#sequence(files, request);
    const read = (block: number): Promise<Block> | undefined => {
      const first = block * size;
      if (first >= this.samples) return undefined;
      const count = Math.min(size, this.samples - first);
      const place = { from: first, count, buffer: buffers[block % 2]! };
      const reading = this.#client.request({ kind: 'block', ...this.#blockOf(files, sequence, request), ...place });
      reading.catch(() => {}); // reported when its turn comes
      return reading;
    };
    let block = Math.floor((from * batchSize) / size);
    let at = from * batchSize - block * size;
    let reading = read(block);
    try {
      while (reading) {
        const { table, order, sample } = await orAborted(reading, signal);
        reading = read(++block);
        for (; at < order.length; at += batchSize) {
          signal?.throwIfAborted();
          const index = ((block - 1) * size + at) / batchSize;
          if (index >= count) break;
          const members = order.subarray(at, at + batchSize);
          const samples = members.slice().map((member) => sample[member]!);
          yield detached(samplesOf(table, members, { index, samples, classWeights: this.classWeights }));
        }
        at = 0;
      }
    } finally {
      await reading?.catch(() => {});
      this.#buffers.push(...buffers);
    }
  }

  async *#generated(request: RowsRequest): AsyncGenerator<Samples, void, void> {
    const { batchSize, from = 0, whole, sequentialPass, signal } = request;
    const { samples, classWeights } = this;
    const { readings } = this.#part;
    const epoch = sequentialPass ? 0 : request.epoch;
    const wanted = { batchSize, samples, from, count: this.batches(batchSize, whole), signal };
    for await (const { index, first, table, names } of this.#options.rows!.batches(epoch, wanted)) {
      if (readings.length > 0) applyLabels(table, names, this.#labels, readings);
      const members = everyRow(table);
      const numbers = members.map((i) => first + i);
      yield detached(samplesOf(table, members, { index, samples: numbers, classWeights }));
    }
  }

  #blockOf(
    files: readonly StreamFile[],
    sequence: readonly number[],
    request: RowsRequest,
  ): Omit<BlockRequest, 'from' | 'count' | 'buffer'> {
    const { batchSize, seed, epoch } = request;
    const { groupByLength, columns, weights, form, distinct, alike } = this.#options;
    const sampling = this.#samplingOf(request);
    return {
      files,
      sequence,
      columns,
      weights,
      form,
      labels: this.#labels,
      readings: this.#part.readings,
      distinct,
      alike,
      order: { batchSize, seed, epoch, sampling, groupByLength },
    };
  }

  /** The order in which the files are read. */
  #sequence(files: readonly StreamFile[], request: RowsRequest): number[] {
    const { seed, epoch } = request;
    const sequence = Uint32Array.from(files, (_, i) => i);
    if (this.#samplingOf(request) === 'shuffle') shuffleInPlace(sequence, hash(seed, fileStream, epoch), fileStream);
    return [...sequence];
  }

  #samplingOf({ sequentialPass }: RowsRequest): Sampling {
    return sequentialPass ? 'sequential' : this.#options.sampling;
  }

  #takeBuffer(): number {
    return this.#buffers.pop() ?? this.#buffersMade++;
  }
}

const everyRow = ({ count }: Table): Uint32Array => Uint32Array.from({ length: count }, (_, i) => i);
